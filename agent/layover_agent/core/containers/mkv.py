"""Matroska and WebM (RFC 9559): completeness and duration.

A recorder writes the length of the segment when it closes the file; until then it is unknown, and
the duration in the header is a plan or a lie. What a power cut left is timed by its last whole
blocks. A stream that was written without seeking never gets its length: it counts as not closed.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice, pairwise

from layover_agent.core.containers.container import Container, milliseconds
from layover_agent.core.containers.ebml import Element, elements, number
from layover_agent.core.containers.window import Exhausted, Window

_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067
_INFO, _SCALE, _DURATION = 0x1549A966, 0x2AD7B1, 0x4489
_CLUSTER, _TIMESTAMP = 0x1F43B675, 0xE7
_BLOCK_GROUP, _BLOCK, _SIMPLE_BLOCK = 0xA0, 0xA1, 0xA3
_SECOND_NS = 1_000_000_000
_MAX_STREAMS = 64

Times = dict[int, list[int]]
"""By track: the times of its blocks, in the segment's ticks."""


@dataclass(slots=True)
class _Segment:
    tick_ns: int = 1_000_000
    duration_ticks: float = 0.0
    first: int | None = None
    """The time of the first cluster: recorders that cut a stream into files let it run on."""
    clusters: list[Element] = field(default_factory=list)
    """The last two."""
    cut: bool = False


def look(window: Window) -> Container:
    head = next(elements(window, 0, window.size_bytes), None)
    if head is None or head.id != _EBML or not head.sized:
        return Container(False, None, "it does not begin as Matroska", playable=False)
    body = next(elements(window, head.end, window.size_bytes), None)
    if body is None or body.id != _SEGMENT:
        return Container(False, None, "its segment is missing", playable=False)
    segment = _Segment()
    if body.sized and body.end <= window.size_bytes:
        return _closed(window, body, segment)
    why = "its data goes beyond the file's end"
    if not body.sized:
        why = "the recorder did not close it (its segment has no length)"
    try:
        _walk(window, body, segment)
        duration_ms = _there_ms(window, segment)
    except Exhausted:
        duration_ms = None
    return Container(False, duration_ms, why, playable=segment.first is not None)


def _closed(window: Window, body: Element, segment: _Segment) -> Container:
    _walk(window, body, segment, clusters=1)
    if segment.first is None:
        return Container(False, None, "it holds no media", playable=False)
    ticks = segment.duration_ticks
    if segment.first and ticks:
        # ffmpeg then writes the end as the duration, GStreamer the length.
        _walk(window, body, segment)
        ticks -= segment.first if ticks >= _time(window, segment.clusters[-1]) else 0
    duration_ms = milliseconds(int(ticks * segment.tick_ns), _SECOND_NS)
    why = "its segment is damaged" if segment.cut else ""
    if duration_ms is None and not why:
        why = "the header has no duration"
    return Container(not why, duration_ms, why, playable=True)


def _walk(window: Window, body: Element, segment: _Segment, clusters: int | None = None) -> None:
    """The segment's parts, up to so many clusters or as far as there are any."""
    end = min(body.end, window.size_bytes)
    at, seen = body.body, 0
    while at < end and seen != clusters:
        part = next(elements(window, at, end), Element(0, at, end + 1))
        if part.id == _INFO and part.end <= end:
            _info(window, part, segment)
        elif part.id == _CLUSTER:
            seen += 1
            if not part.sized:
                part = part._replace(end=_unsized_end(window, part))
            if segment.first is None:
                segment.first = _time(window, part)
            segment.clusters = [*segment.clusters[-1:], part]
        if part.end > end or part.end <= at:
            segment.cut = True
            return
        at = part.end


def _info(window: Window, info: Element, segment: _Segment) -> None:
    for element in elements(window, info.body, info.end):
        if element.id == _SCALE:
            segment.tick_ns = number(window, element)
        elif element.id == _DURATION:
            ticks = _float(window, element)
            segment.duration_ticks = ticks if 0 < ticks < 1 << 50 else 0.0


def _float(window: Window, element: Element) -> float:
    """A number of four or eight bytes; 0 where it is none."""
    width = element.end - element.body
    raw = window.at(element.body, width) if width in (4, 8) else b""
    return (
        float(struct.unpack(">d" if width == 8 else ">f", raw)[0])
        if raw and len(raw) == width
        else 0.0
    )


def _unsized_end(window: Window, cluster: Element) -> int:
    """Where the next part of the segment begins: only these have ids of four bytes."""
    at = cluster.body
    for element in elements(window, cluster.body, cluster.end):
        if element.id >> 24 or element.end > cluster.end:
            break
        at = element.end
    return at


def _time(window: Window, cluster: Element) -> int:
    """A cluster's own time, in ticks; it comes first or nearly so."""
    for element in islice(elements(window, cluster.body, cluster.end), 4):
        if element.id == _TIMESTAMP:
            return number(window, element)
    return 0


def _there_ms(window: Window, segment: _Segment) -> int | None:
    """The longest track of what is there, by the whole blocks of the last two clusters."""
    times: Times = {}
    for cluster in segment.clusters:
        time = _time(window, cluster)
        end = min(cluster.end, window.size_bytes)
        for block in _blocks(window, cluster.body, end):
            head = window.at(block.body, 11)
            width = 9 - head[0].bit_length() if head and head[0] else 0
            if width and len(head) >= width + 2 and len(times) < _MAX_STREAMS:
                track = int.from_bytes(head[:width], "big")
                (after,) = struct.unpack_from(">h", head, width)
                times.setdefault(track, []).append(time + after)
    longest = 0
    for some in times.values():
        ends = sorted(set(some))
        step = min((after - before for before, after in pairwise(ends)), default=0)
        longest = max(longest, ends[-1] + step - (segment.first or 0))
    return milliseconds(longest * segment.tick_ns, _SECOND_NS)


def _blocks(window: Window, begin: int, end: int) -> Iterator[Element]:
    """The whole blocks of a cluster."""
    for element in elements(window, begin, end):
        if element.end > end:
            return
        if element.id == _SIMPLE_BLOCK:
            yield element
        elif element.id == _BLOCK_GROUP:
            yield from (e for e in elements(window, element.body, element.end) if e.id == _BLOCK)
