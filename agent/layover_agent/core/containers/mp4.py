"""MP4, fragmented MP4 and QuickTime (ISO/IEC 14496-12): completeness and duration.

Complete: every box fits the file, and the index (``moov``) and its media (``mdat``) are there.
In a file of fragments each pair of ``moof`` and ``mdat`` is whole by itself, so what a power cut
left is timed by the last whole pair; the header, which is written at close, is not asked. Cut
exactly between two pairs it looks whole, unless a header or a segment index promises more.
"""

from dataclasses import dataclass, field

from layover_agent.core.containers.boxes import Box, boxes
from layover_agent.core.containers.container import Container, milliseconds
from layover_agent.core.containers.fragments import spans
from layover_agent.core.containers.movie import Movie, Track, longest_ms, read_movie, read_tracks
from layover_agent.core.containers.samples import there_ms
from layover_agent.core.containers.seek import Index, last_fragments, read_index
from layover_agent.core.containers.window import Window

_LAST_FRAGMENTS = 4
"""How many fragments from the end are timed: some writers give each track its own."""

_WALKED_PAIRS = 16
"""After so many the walk goes on near the end: an hour in parts of a second has thousands, and a
power cut leaves its marks at the end."""

_SHORT_MS = 500
"""How much less than its header promises a file of fragments may hold."""

_SEGMENT_STARTS = frozenset((b"styp", b"sidx", b"moof", b"emsg", b"prft"))
"""How a bare segment begins, whose index is in another file."""


@dataclass(slots=True)
class _Walk:
    """The top-level boxes that matter."""

    begins_with: bytes = b""
    moov: Box | None = None
    sidx: Box | None = None
    media: int = 0
    first: Box | None = None
    last: list[Box] = field(default_factory=list)
    """The latest fragments whose media is whole."""
    open: Box | None = None
    """A fragment whose media has not come yet."""
    pairs: int = 0
    why: str = ""


def look(window: Window) -> Container:
    """Raises Exhausted where the file asks for too much work."""
    walk = _Walk()
    near_end = _walk(window, 0, walk)
    if near_end is not None:
        _walk(window, near_end, walk)
    if walk.open and not walk.why:
        walk.why = "the last fragment has no media (mdat)"
    index = read_index(window, walk.sidx) if walk.sidx else None
    if index and index.end > window.size_bytes and not walk.why:
        walk.why = "the segment index (sidx) reaches beyond the file's end"
    if walk.moov is None:
        return _without_movie(window, walk, index)
    movie = read_movie(window, walk.moov)
    if not movie.whole and not walk.why:
        walk.why = "the index (moov) is damaged"
    return (_fragmented if walk.first else _plain)(window, walk, movie)


def _walk(window: Window, begin: int, walk: _Walk) -> int | None:
    """Walks on from ``begin``. A place near the end to go on from, where there is much to skip."""
    for box in boxes(window, begin, window.size_bytes):
        if box.end > window.size_bytes:
            padding = walk.moov and walk.media and not walk.first and _zeros(window, box.begin)
            if not padding:
                walk.why = f"{box.name} goes beyond the file's end"
            return None
        walk.begins_with = walk.begins_with or box.kind
        if box.kind == b"moov":
            walk.moov = walk.moov or box
        elif box.kind == b"sidx":
            walk.sidx = walk.sidx or box
        elif box.kind == b"moof":
            walk.open = box
            walk.first = walk.first or box
        elif box.kind == b"mdat":
            walk.media += 1
            if walk.open:
                walk.pairs += 1
                walk.last = [*walk.last[1 - _LAST_FRAGMENTS :], walk.open]
                walk.open = None
                if walk.pairs == _WALKED_PAIRS:
                    return last_fragments(window, box.end, box.end // walk.pairs) or box.end
    return None


def _zeros(window: Window, begin: int) -> bool:
    """Whether a recorder that preallocates left nothing but zeros here (the first 4 kB tell)."""
    return not any(window.at(begin, 4096))


def _plain(window: Window, walk: _Walk, movie: Movie) -> Container:
    why = walk.why or ("" if walk.media else "media data (mdat) is missing")
    duration_ms = None if why else movie.header_ms
    if duration_ms is None and movie.traks:
        read_tracks(window, movie)
        duration_ms = there_ms(window, movie) if why else longest_ms(movie)
    if duration_ms is None and not why:
        why = "the header has no duration"
    return Container(
        not why,
        duration_ms,
        why,
        playable=duration_ms is not None,
        start_ms=movie.start_ms,
        creation_ms=movie.creation_ms,
    )


def _fragmented(window: Window, walk: _Walk, movie: Movie) -> Container:
    read_tracks(window, movie)
    duration_ms = _span_ms(window, walk, movie) or there_ms(window, movie)
    promised_ms = movie.header_ms or movie.fragments_ms
    why = walk.why
    if not why and movie.start_ms is not None and movie.header_ms is None:
        why = "the recorder did not close it (its header has no duration)"
    elif not why and promised_ms and duration_ms and duration_ms < promised_ms - _SHORT_MS:
        why = f"its header promises {promised_ms} ms, its fragments hold {duration_ms} ms"
    elif duration_ms is None and not why:
        duration_ms = promised_ms
    return Container(
        not why,
        duration_ms,
        why,
        playable=walk.pairs > 0 or duration_ms is not None,
        start_ms=movie.start_ms,
        creation_ms=movie.creation_ms,
    )


def _without_movie(window: Window, walk: _Walk, index: Index | None) -> Container:
    bare = walk.pairs and walk.begins_with in _SEGMENT_STARTS
    why = walk.why or ("" if bare else "the index (moov) is missing")
    duration_ms = None
    if index:
        tracks = {index.track_id: Track(index.track_id, index.scale)}
        duration_ms = _span_ms(window, walk, Movie(tracks=tracks))
    return Container(not why, duration_ms, why, playable=None if bare else False)


def _span_ms(window: Window, walk: _Walk, movie: Movie) -> int | None:
    """From the first fragment's beginning to the last whole one's end."""
    if not walk.first or not walk.last:
        return None
    begins = [span[0] for span in spans(window, walk.first, movie.tracks)]
    if any(track.units for track in movie.tracks.values()):
        begins = [0]  # the first samples are in the index itself
    ends = [span[1] for moof in walk.last for span in spans(window, moof, movie.tracks)]
    return milliseconds(max(ends, default=0) - min(begins, default=0), 1000)
