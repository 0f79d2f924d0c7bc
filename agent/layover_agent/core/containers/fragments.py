"""The span of a fragment (``moof``): a recorder that was killed leaves no other clock."""

import struct
from collections.abc import Mapping

from layover_agent.core.containers.boxes import Box, boxes
from layover_agent.core.containers.movie import Track
from layover_agent.core.containers.window import PIECE_BYTES, Window

Span = tuple[int, int]
"""Begin and end in ms on the file's own clock."""

_MAX_TRAFS = 64


def spans(window: Window, moof: Box, tracks: Mapping[int, Track]) -> list[Span]:
    """Of each track in the fragment; nothing for one without time scale or ``tfdt``."""
    found = []
    trafs = 0
    for traf in boxes(window, moof.body, moof.end):
        if traf.kind == b"traf" and traf.end <= moof.end and trafs < _MAX_TRAFS:
            trafs += 1
            span = _span(window, traf, tracks)
            if span is not None:
                found.append(span)
    return found


def _span(window: Window, traf: Box, tracks: Mapping[int, Track]) -> Span | None:
    track: Track | None = None
    begin: int | None = None
    sample_units = units = 0
    for box in boxes(window, traf.body, traf.end):
        if box.end > traf.end:
            return None
        body = window.at(box.body, min(28, box.end - box.body))
        if len(body) < 8:
            continue
        flags, second = struct.unpack_from(">II", body)
        if box.kind == b"tfhd":
            track = tracks.get(second)
            at = 8 + 8 * bool(flags & 0x1) + 4 * bool(flags & 0x2)
            sample_units = track.sample_units if track else 0
            if flags & 0x8 and len(body) >= at + 4:
                (sample_units,) = struct.unpack_from(">I", body, at)
        elif box.kind == b"tfdt":
            begin = (
                struct.unpack_from(">Q", body, 4)[0] if flags >> 24 and len(body) >= 12 else second
            )
        elif box.kind == b"trun":
            units += _run_units(window, box, flags, second, sample_units)
    if track is None or not track.scale or begin is None:
        return None
    return begin * 1000 // track.scale, (begin + units) * 1000 // track.scale


def _run_units(window: Window, trun: Box, flags: int, samples: int, sample_units: int) -> int:
    """Length of a run: its samples' own lengths if they are listed, else the default."""
    if not flags & 0x100:
        return samples * sample_units
    words = 1 + (flags & 0x200 > 0) + (flags & 0x400 > 0) + (flags & 0x800 > 0)
    at = trun.body + 8 + 4 * bool(flags & 0x1) + 4 * bool(flags & 0x4)
    left = min(samples, max(trun.end - at, 0) // (4 * words))
    units = 0
    while left > 0:
        count = min(left, PIECE_BYTES // (4 * words))
        piece = window.at(at, count * 4 * words)
        count = len(piece) // (4 * words)
        if not count:
            break
        units += sum(struct.unpack_from(f">{count * words}I", piece)[::words])
        at += count * 4 * words
        left -= count
    return units
