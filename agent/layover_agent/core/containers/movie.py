"""The index of an MP4 file (``moov``): its clocks, and what its fragments are counted in."""

import struct
from dataclasses import dataclass, field
from itertools import islice

from layover_agent.core.containers.boxes import Box, boxes
from layover_agent.core.containers.container import milliseconds
from layover_agent.core.containers.window import Window

MAX_TRACKS = 16
_UNKNOWN = (0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
_FROM_1904_S = 2_082_844_800
_MAX_UTC_MS = 4_102_444_800_000  # the year 2100


@dataclass(slots=True)
class Track:
    """A track's time scale; times of its samples are in these units a second."""

    id: int = 0
    scale: int = 0
    units: int = 0
    """Length of the samples that the index itself lists; 0 in a file of fragments."""
    sample_units: int = 0
    """Default length of a fragment's sample."""
    tables: Box | None = None
    """``stbl``: where the samples are."""


@dataclass(slots=True)
class Movie:
    """What the index says, unchecked against the media."""

    whole: bool = True
    header_ms: int | None = None
    fragments_ms: int | None = None
    creation_ms: int | None = None
    start_ms: int | None = None
    tracks: dict[int, Track] = field(default_factory=dict)
    traks: list[Box] = field(default_factory=list)


def read_movie(window: Window, moov: Box) -> Movie:
    """The index without its tracks, which plain files need not pay for."""
    movie = Movie()
    scale = 0
    waits: list[int] = []
    for box in boxes(window, moov.body, moov.end):
        if box.end > moov.end:
            movie.whole = False
        elif box.kind == b"mvhd":
            scale = _header(window, box, movie)
        elif box.kind == b"trak" and len(movie.traks) < MAX_TRACKS:
            movie.traks.append(box)
            waits.append(_wait(window, box))
        elif box.kind == b"mvex":
            _extends(window, box, movie, scale)
        elif box.kind == b"udta":
            _user_data(window, box, movie)
    movie.whole = movie.whole and bool(movie.traks)
    wait_ms = milliseconds(min(waits, default=0), scale) or 0
    if movie.header_ms is not None:
        movie.header_ms = max(movie.header_ms - wait_ms, 0) or None
    return movie


def read_tracks(window: Window, movie: Movie) -> None:
    """Adds the tracks."""
    for trak in movie.traks:
        track = _track(window, trak)
        default = movie.tracks.get(track.id)
        track.sample_units = default.sample_units if default else 0
        movie.tracks[track.id] = track


def _header(window: Window, box: Box, movie: Movie) -> int:
    created, scale, units = _times(window.at(box.body, 32))
    movie.header_ms = milliseconds(units, scale)
    if created:
        created_ms = (created - _FROM_1904_S) * 1000
        movie.creation_ms = created_ms if 0 < created_ms < _MAX_UTC_MS else None
    return scale


def _wait(window: Window, trak: Box) -> int:
    """How long a track is empty before it begins, in the movie's units (``edts``).

    ffmpeg's segments that keep the stream's clock are empty up to their beginning, and count
    that into their duration.
    """
    for box in islice(boxes(window, trak.body, trak.end), 4):
        if box.kind == b"edts" and box.end <= trak.end:
            body = window.at(box.body, 36)
            if body[4:8] == b"elst" and len(body) == 36:
                _, edits = struct.unpack_from(">II", body, 8)
                units, media_time = struct.unpack_from(">Qq" if body[8] else ">Ii", body, 16)
                return units if edits and media_time == -1 else 0
    return 0


def _times(body: bytes) -> tuple[int, int, int]:
    """Creation time, time scale and duration of ``mvhd`` or ``mdhd``; zeros where unknown."""
    if len(body) < 20 or (body[0] == 1 and len(body) < 32):
        return 0, 0, 0
    created, _, scale, units = struct.unpack_from(">QQIQ" if body[0] == 1 else ">IIII", body, 4)
    return created, scale, 0 if units in _UNKNOWN else units


def _extends(window: Window, mvex: Box, movie: Movie, scale: int) -> None:
    for box in boxes(window, mvex.body, mvex.end):
        body = window.at(box.body, 24)
        if box.kind == b"trex" and len(body) >= 16 and len(movie.tracks) < MAX_TRACKS:
            _, track_id, _, sample_units = struct.unpack_from(">IIII", body)
            movie.tracks[track_id] = Track(track_id, sample_units=sample_units)
        elif box.kind == b"mehd" and len(body) >= 12:
            (units,) = struct.unpack_from(">Q" if body[0] == 1 else ">I", body, 4)
            movie.fragments_ms = milliseconds(0 if units in _UNKNOWN else units, scale)


def _user_data(window: Window, udta: Box, movie: Movie) -> None:
    for box in boxes(window, udta.body, udta.end):
        # MediaMTX, internal/recordstore/mp4_boxes.go: stream id, segment number, DTS, NTP (ns).
        body = window.at(box.body, 44)
        if box.kind == b"mtxi" and box.end <= udta.end and len(body) == 44:
            start_ms = struct.unpack_from(">q", body, 36)[0] // 1_000_000
            movie.start_ms = start_ms if 0 < start_ms < _MAX_UTC_MS else None


def _track(window: Window, trak: Box) -> Track:
    track = Track()
    for box in boxes(window, trak.body, trak.end):
        if box.end > trak.end:
            break
        if box.kind == b"tkhd":
            body = window.at(box.body, 24)
            at = 20 if body[:1] == b"\1" else 12
            track.id = int.from_bytes(body[at : at + 4], "big")
        elif box.kind == b"mdia":
            _media(window, box, track)
    return track


def _media(window: Window, mdia: Box, track: Track) -> None:
    for box in boxes(window, mdia.body, mdia.end):
        if box.end > mdia.end:
            break
        if box.kind == b"mdhd":
            _, track.scale, track.units = _times(window.at(box.body, 32))
        elif box.kind == b"minf":
            for inner in boxes(window, box.body, box.end):
                if inner.kind == b"stbl" and inner.end <= box.end:
                    track.tables = inner


def longest_ms(movie: Movie) -> int | None:
    """The longest track's length by its own header, for an index whose ``mvhd`` has none."""
    return max(
        (ms for t in movie.tracks.values() if (ms := milliseconds(t.units, t.scale))),
        default=None,
    )
