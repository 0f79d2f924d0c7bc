"""Manifest pages in few bytes: columns of small differences, deflated.

Ids are random and go as they are, 16 bytes each. Every other field is a column of 64-bit numbers
in which neighbours are alike (differences to the row before, or to the camera's row before), laid
out byte by byte so that the many zeros lie side by side: about 23 bytes a row in all.
"""

import re
import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise, repeat
from operator import attrgetter
from typing import Any

from layover_agent.wire.codec import MAX_MESSAGE_BYTES, MalformedMessage, decode, encode
from layover_agent.wire.types import MAX_PAGE_ROWS, ManifestPage, Recording, RecordingState

MAX_PAGES = 128
"""Greatest number of pages in one answer."""
FRAME_HEAD_BYTES = 4
"""Each page of a sequence comes behind its length, big-endian."""

FIELDS = tuple(Recording.__dataclass_fields__)
"""The order of the values in ``packed_rows``."""

_FIELDS = attrgetter(*FIELDS)
_TEXTS = ("camera", "container", "start_source", "end_source", "confidence", "kind", "boot_id")
_FLAGGED = ("state", "locked", "damaged", "held")
_IDS = re.compile(r"[0-9a-f]*")
_COLUMNS = 14
_MOST_COLUMNS = 64
_CELL_BYTES = 8
_GONE, _DAMAGED, _HELD, _LOCKED, _CLOSE_SEEN = 1, 2, 4, 8, 16


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedPage:
    """A ManifestPage as it travels. ``columns``: deflated numbers, ``column_count`` × ``count``;
    a newer end may send more columns, which are left out by an older one."""

    epoch: str
    head_seq: int
    as_of_ms: int
    count: int
    column_count: int
    words: list[str]
    """Every text of the rows once; columns refer to them by place."""
    ids: bytes
    columns: bytes


def packed(page: ManifestPage) -> bytes:
    """A page as bytes. ValueError where an id is not 32 hexadecimal digits."""
    rows = [_FIELDS(row) for row in page.rows]
    return packed_rows(page.epoch, page.head_seq, page.as_of_ms, rows)


def packed_rows(epoch: str, head_seq: int, as_of_ms: int, rows: Sequence[Sequence[Any]]) -> bytes:
    """The same of rows that hold the values of a Recording's fields, in their order."""
    fields = dict(zip(FIELDS, zip(*rows, strict=True) if rows else repeat(()), strict=False))
    ids = "".join(fields["id"])
    if not _IDS.fullmatch(ids) or len(ids) != 32 * len(rows):
        raise ValueError("an id in the page is no recording's id")
    words: dict[str, int] = {}
    columns = _columns(fields, words)
    return encode(
        PackedPage(
            epoch=epoch,
            head_seq=head_seq,
            as_of_ms=as_of_ms,
            count=len(rows),
            column_count=_COLUMNS,
            words=list(words),
            ids=bytes.fromhex(ids),
            columns=zlib.compress(b"".join(map(_planes, columns))),
        )
    )


def unpacked(data: bytes) -> ManifestPage:
    """The page in ``data``. MalformedMessage for anything else, whatever it claims to hold."""
    page = decode(PackedPage, data)
    count, wide = page.count, page.column_count
    if not 0 <= count <= MAX_PAGE_ROWS or not _COLUMNS <= wide <= _MOST_COLUMNS:
        raise MalformedMessage(f"PackedPage: {count} rows of {wide} columns")
    if len(page.ids) != 16 * count:
        raise MalformedMessage("PackedPage: ids and count do not agree")
    raw = _inflated(page.columns, count * wide * _CELL_BYTES)
    size = count * _CELL_BYTES
    columns = [_numbers(raw[i * size : (i + 1) * size]) for i in range(_COLUMNS)]
    try:
        rows = list(_rows(page, columns))
    except IndexError as error:
        raise MalformedMessage("PackedPage: a word that is not there") from error
    return ManifestPage(epoch=page.epoch, head_seq=page.head_seq, as_of_ms=page.as_of_ms, rows=rows)


def framed(page: bytes) -> bytes:
    return len(page).to_bytes(FRAME_HEAD_BYTES, "big") + page


class Frames:
    """Takes a sequence of framed pages apart as its bytes arrive."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def fed(self, data: bytes) -> Iterator[bytes]:
        """The pages that are whole now. MalformedMessage where one would be too long."""
        self._buffer += data
        while len(self._buffer) >= FRAME_HEAD_BYTES:
            length = int.from_bytes(self._buffer[:FRAME_HEAD_BYTES], "big")
            if length > MAX_MESSAGE_BYTES:
                raise MalformedMessage(f"a page of {length} bytes, at most {MAX_MESSAGE_BYTES}")
            end = FRAME_HEAD_BYTES + length
            if len(self._buffer) < end:
                return
            page = bytes(self._buffer[FRAME_HEAD_BYTES:end])
            del self._buffer[:end]
            yield page

    @property
    def empty(self) -> bool:
        """Whether nothing of an unfinished page is left over."""
        return not self._buffer


def _columns(fields: Mapping[str, Sequence[Any]], words: dict[str, int]) -> list[Iterable[int]]:
    starts, closes = fields["start_ms"], fields["closed_mono_ms"]
    flags = zip(*(fields[name] for name in _FLAGGED), closes, strict=True)
    leads = [closed and closed - start for closed, start in zip(closes, starts, strict=True)]
    return [
        _steps(fields["seq"]),
        _steps_of_each(fields["camera"], starts),
        [end - start for end, start in zip(fields["end_ms"], starts, strict=True)],
        fields["size_bytes"],
        [
            _GONE * (state != RecordingState.PRESENT)
            | _LOCKED * locked
            | _DAMAGED * damaged
            | _HELD * held
            | _CLOSE_SEEN * (closed != 0)
            for state, locked, damaged, held, closed in flags
        ],
        *([words.setdefault(text, len(words)) for text in fields[name]] for name in _TEXTS),
        _steps_of_each(fields["camera"], leads, closes),
        _steps(fields["gone_ms"]),
    ]


def _rows(page: PackedPage, columns: Sequence[Sequence[int]]) -> Iterator[Recording]:
    seqs, starts = accumulate(columns[0]), _sums_of_each(columns[5], columns[1])
    flags, words = columns[4], page.words
    if any(min(column, default=0) < 0 for column in columns[5:12]):
        raise IndexError
    seen = [flag & _CLOSE_SEEN for flag in flags]
    leads = _sums_of_each(columns[5], columns[12], seen)
    texts = [[words[place] for place in column] for column in columns[5:12]]
    ids = page.ids.hex()
    each = zip(seqs, starts, *columns[2:5], *texts, leads, accumulate(columns[13]), strict=True)
    for at, (seq, start, lasts, size, flag, *said, lead, gone) in enumerate(each):
        camera, container, start_source, end_source, confidence, kind, boot = said
        yield Recording(
            id=ids[32 * at : 32 * at + 32],
            seq=seq,
            state=RecordingState.GONE if flag & _GONE else RecordingState.PRESENT,
            camera=camera,
            start_ms=start,
            end_ms=start + lasts,
            size_bytes=size,
            container=container,
            start_source=start_source,
            end_source=end_source,
            confidence=confidence,
            kind=kind,
            damaged=flag & _DAMAGED != 0,
            held=flag & _HELD != 0,
            locked=flag & _LOCKED != 0,
            boot_id=boot,
            closed_mono_ms=start + lead if flag & _CLOSE_SEEN else 0,
            gone_ms=gone,
        )


def _steps_of_each(
    keys: Sequence[Any], numbers: Sequence[int], counts: Sequence[int] | None = None
) -> list[int]:
    """Each number's difference to the one before it of the same key; 0 where it does not count."""
    last: dict[Any, int] = {}
    steps = []
    for key, number, counted in zip(keys, numbers, counts or repeat(1), strict=False):
        steps.append(number - last.get(key, 0) if counted else 0)
        if counted:
            last[key] = number
    return steps


def _sums_of_each(
    keys: Sequence[Any], steps: Sequence[int], counts: Sequence[int] | None = None
) -> list[int]:
    """What ``_steps_of_each`` was made of; 0 where a number does not count."""
    last: dict[Any, int] = {}
    numbers = []
    for key, step, counted in zip(keys, steps, counts or repeat(1), strict=False):
        numbers.append(last.get(key, 0) + step if counted else 0)
        if counted:
            last[key] = numbers[-1]
    return numbers


def _steps(numbers: Iterable[int]) -> list[int]:
    return [b - a for a, b in pairwise([0, *numbers])]


def _planes(numbers: Iterable[int]) -> bytes:
    """Numbers as 64 bits each, sign last, laid out byte by byte: all lowest bytes first."""
    cells = array("Q", [n << 1 if n >= 0 else ~(n << 1) for n in numbers])
    if _BIG_ENDIAN:
        cells.byteswap()
    raw = cells.tobytes()
    return b"".join(raw[i::_CELL_BYTES] for i in range(_CELL_BYTES))


def _numbers(planes: bytes) -> list[int]:
    count = len(planes) // _CELL_BYTES
    raw = bytearray(len(planes))
    for i in range(_CELL_BYTES):
        raw[i::_CELL_BYTES] = planes[i * count : (i + 1) * count]
    cells = array("Q", bytes(raw))
    if _BIG_ENDIAN:
        cells.byteswap()
    return [n >> 1 if not n & 1 else ~(n >> 1) for n in cells]


def _inflated(data: bytes, size_bytes: int) -> bytes:
    """Exactly ``size_bytes`` of deflated data: what would be more is never made."""
    machine = zlib.decompressobj()
    try:
        raw = machine.decompress(data, size_bytes + 1)
    except zlib.error as error:
        raise MalformedMessage(f"PackedPage: {error}") from error
    if len(raw) != size_bytes or not machine.eof or machine.unused_data:
        raise MalformedMessage("PackedPage: the columns are not of the size that they should be")
    return raw


_BIG_ENDIAN = array("H", [1]).tobytes() == b"\0\1"
