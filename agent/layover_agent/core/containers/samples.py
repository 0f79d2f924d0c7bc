"""How much of a cut file is there, by the sample tables of its index (ISO/IEC 14496-12, 8.6-8.7).

The index of a file that was made for streaming comes first and speaks of all of it; what counts
is the last sample whose bytes the file still has.
"""

import struct
from collections.abc import Iterator
from itertools import islice

from layover_agent.core.containers.boxes import Box, boxes
from layover_agent.core.containers.container import milliseconds
from layover_agent.core.containers.movie import Movie
from layover_agent.core.containers.window import PIECE_BYTES, Window

_MAX_RUNS = 1 << 18


def there_ms(window: Window, movie: Movie) -> int | None:
    """The longest track of what is there; None: nothing is, or the tables make no sense."""
    longest = 0
    for track in movie.tracks.values():
        if track.tables and track.scale:
            tables = {box.kind: box for box in boxes(window, track.tables.body, track.tables.end)}
            samples = _whole_samples(window, tables)
            units = _units(window, tables.get(b"stts"), samples)
            longest = max(longest, milliseconds(units, track.scale) or 0)
    return longest or None


def _whole_samples(window: Window, tables: dict[bytes, Box]) -> int:
    offsets = tables.get(b"stco") or tables.get(b"co64")
    runs, sizes = tables.get(b"stsc"), tables.get(b"stsz")
    if offsets is None or runs is None or sizes is None:
        return 0
    chunks = _chunks_before(window, offsets, window.size_bytes)
    if not chunks:
        return 0
    whole, inside = _samples_before(window, runs, chunks)
    at = _offset(window, offsets, chunks - 1)
    for size in islice(_sizes(window, sizes, whole), inside):
        at += size
        if at > window.size_bytes:
            break
        whole += 1
    return whole


def _width(offsets: Box) -> int:
    return 8 if offsets.kind == b"co64" else 4


def _offset(window: Window, offsets: Box, chunk: int) -> int:
    width = _width(offsets)
    return int.from_bytes(window.at(offsets.body + 8 + chunk * width, width), "big")


def _count(window: Window, table: Box, at: int, width: int) -> int:
    """How many entries a table has; never more than it has room for."""
    count = int.from_bytes(window.at(table.body + at, 4), "big")
    return min(count, max(table.end - table.body - at - 4, 0) // width)


def _chunks_before(window: Window, offsets: Box, end: int) -> int:
    """How many chunks begin before ``end``: they ascend."""
    low, high = 0, _count(window, offsets, 4, _width(offsets))
    while low < high:
        middle = (low + high) // 2
        if _offset(window, offsets, middle) < end:
            low = middle + 1
        else:
            high = middle
    return low


def _samples_before(window: Window, runs: Box, chunk: int) -> tuple[int, int]:
    """How many samples come before the chunk of this number (from 1), and how many are in it."""
    samples = 0
    since, each = 1, 0
    for begin, per_chunk, _ in _entries(window, runs, 4, 3):
        if begin > chunk:
            break
        samples += (begin - since) * each
        since, each = begin, per_chunk
    return samples + (chunk - since) * each, each


def _sizes(window: Window, sizes: Box, first: int) -> Iterator[int]:
    """The sizes of the samples from ``first`` on."""
    same = int.from_bytes(window.at(sizes.body + 4, 4), "big")
    if same:
        count = int.from_bytes(window.at(sizes.body + 8, 4), "big")
        for _ in range(min(count - first, _MAX_RUNS)):
            yield same
    else:
        for (size,) in _entries(window, sizes, 8, 1, first):
            yield size


def _units(window: Window, times: Box | None, samples: int) -> int:
    """The length of the first ``samples`` samples."""
    units = 0
    if times is not None:
        for count, length in _entries(window, times, 4, 2):
            units += min(count, samples) * length
            samples -= count
            if samples <= 0:
                break
    return units


def _entries(
    window: Window, table: Box, at: int, words: int, first: int = 0
) -> Iterator[tuple[int, ...]]:
    """The entries of a table of 32 bit words whose count is ``at`` bytes into its body."""
    width = 4 * words
    count = min(_count(window, table, at, width), first + _MAX_RUNS)
    while first < count:
        piece = window.at(
            table.body + at + 4 + first * width, min(count - first, PIECE_BYTES // width) * width
        )
        whole = len(piece) // width
        if not whole:
            return
        yield from struct.iter_unpack(f">{words}I", piece[: whole * width])
        first += whole
