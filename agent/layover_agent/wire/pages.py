"""Manifest pages in few bytes: columns of small differences, deflated.

Ids are random and go as they are, 16 bytes each. Every other field is a column of 64-bit numbers
in which neighbours are alike (differences to the row before, or to the camera's row before), laid
out byte by byte so that the many zeros lie side by side: about 23 bytes a row in all.
"""

import re
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from layover_agent.wire.codec import MAX_MESSAGE_BYTES, MalformedMessage, decode, encode
from layover_agent.wire.types import MAX_PAGE_ROWS, ManifestPage, Recording, RecordingState

MAX_PAGES = 128
"""Greatest number of pages in one answer."""
FRAME_HEAD_BYTES = 4
"""Each page of a sequence comes behind its length, big-endian."""

_ID = re.compile(r"[0-9a-f]{32}")
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
    words: dict[str, int] = {}
    columns = _columns(page.rows, words)
    return encode(
        PackedPage(
            epoch=page.epoch,
            head_seq=page.head_seq,
            as_of_ms=page.as_of_ms,
            count=len(page.rows),
            column_count=_COLUMNS,
            words=list(words),
            ids=b"".join(_id_bytes(row.id) for row in page.rows),
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


def _columns(rows: Sequence[Recording], words: dict[str, int]) -> list[Iterable[int]]:
    def word(text: str) -> int:
        return words.setdefault(text, len(words))

    starts: dict[str, int] = {}
    leads: dict[str, int] = {}
    start_steps, lead_steps = [], []
    for row in rows:
        start_steps.append(row.start_ms - starts.get(row.camera, 0))
        starts[row.camera] = row.start_ms
        lead_steps.append(0)
        if row.closed_mono_ms:
            lead = row.closed_mono_ms - row.start_ms
            lead_steps[-1] = lead - leads.get(row.camera, 0)
            leads[row.camera] = lead
    return [
        _steps(row.seq for row in rows),
        start_steps,
        [row.end_ms - row.start_ms for row in rows],
        [row.size_bytes for row in rows],
        [_flags(row) for row in rows],
        [word(row.camera) for row in rows],
        [word(row.container) for row in rows],
        [word(row.start_source) for row in rows],
        [word(row.end_source) for row in rows],
        [word(row.confidence) for row in rows],
        [word(row.kind) for row in rows],
        [word(row.boot_id) for row in rows],
        lead_steps,
        _steps(row.gone_ms for row in rows),
    ]


def _rows(page: PackedPage, columns: Sequence[Sequence[int]]) -> Iterator[Recording]:
    words = page.words
    seqs, gones = accumulate(columns[0]), accumulate(columns[13])
    starts: dict[int, int] = {}
    leads: dict[int, int] = {}
    ids = page.ids.hex()
    for at, (seq, step, lasts, size, flags, camera, *more, gone) in enumerate(
        zip(seqs, *columns[1:13], gones, strict=True)
    ):
        container, start_source, end_source, confidence, kind, boot, lead_step = more
        if min(camera, container, start_source, end_source, confidence, kind, boot) < 0:
            raise IndexError
        start = starts[camera] = starts.get(camera, 0) + step
        closed = 0
        if flags & _CLOSE_SEEN:
            lead = leads[camera] = leads.get(camera, 0) + lead_step
            closed = start + lead
        yield Recording(
            id=ids[32 * at : 32 * at + 32],
            seq=seq,
            state=RecordingState.GONE if flags & _GONE else RecordingState.PRESENT,
            camera=words[camera],
            start_ms=start,
            end_ms=start + lasts,
            size_bytes=size,
            container=words[container],
            start_source=words[start_source],
            end_source=words[end_source],
            confidence=words[confidence],
            kind=words[kind],
            damaged=bool(flags & _DAMAGED),
            held=bool(flags & _HELD),
            locked=bool(flags & _LOCKED),
            boot_id=words[boot],
            closed_mono_ms=closed,
            gone_ms=gone,
        )


def _flags(row: Recording) -> int:
    return (
        _GONE * (row.state is RecordingState.GONE)
        | _DAMAGED * row.damaged
        | _HELD * row.held
        | _LOCKED * row.locked
        | _CLOSE_SEEN * bool(row.closed_mono_ms)
    )


def _steps(numbers: Iterable[int]) -> list[int]:
    return [b - a for a, b in pairwise([0, *numbers])]


def _id_bytes(text: str) -> bytes:
    if not _ID.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is no recording's id")
    return bytes.fromhex(text)


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
