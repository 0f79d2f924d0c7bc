"""MPEG transport streams (ISO/IEC 13818-1; 192-byte packets as on Blu-ray and AVCHD).

A stream has no end mark: a recording that was cut between two packets cannot be told from a
whole one. So it counts as complete when packets fill it from the first to the last byte and it
has time stamps; half a packet, or something else, at its end proves that nobody closed it. Its
duration is that of its pictures (of the longest program; of the sound where there are none), from
the first to the last presentation time, and as much again as lies between two of them.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from layover_agent.core.containers.container import Container, milliseconds
from layover_agent.core.containers.window import PIECE_BYTES, Window

_SYNC = 0x47
_CLOCK_HZ = 90_000
_WRAP = 1 << 33
_PACKETS_IN_A_ROW = 5
_MAX_STREAMS = 64

_HEAD_PIECES, _ENOUGH_FIRST = 8, 3
_TAIL_PIECES, _ENOUGH_LAST = 32, 6
"""How far to look for how many presentation times: pictures are stored out of order, so the last
in the file need not be the latest."""

Times = dict[int, list[int]]
"""By stream (PID): some of its presentation times (90 kHz, 33 bits)."""


class _Stream(NamedTuple):
    pid: int
    time: int
    picture: bool


def look(window: Window) -> Container:
    shape = _shape(window.at(0, PIECE_BYTES))
    if shape is None:
        return Container(False, None, "it holds no transport packets", playable=False)
    width, begin = shape
    first, main = _first_times(window, begin, width)
    if not first:
        return Container(False, None, "it holds no time stamps", playable=False)
    last, why = _last_times(window, begin, width, main)
    longest = max((_span(first[pid], last[pid]) for pid in main if pid in last), default=0)
    return Container(not why, milliseconds(longest, _CLOCK_HZ), why, playable=True)


def _shape(piece: bytes) -> tuple[int, int] | None:
    """The packets' width and where the first of several in a row begins: junk may come first."""
    at = piece.find(_SYNC)
    while at >= 0:
        for width in (188, 192):
            begin = at - width + 188  # 192: four bytes of time come before each packet
            marks = piece[at : at + width * _PACKETS_IN_A_ROW : width]
            enough = begin == 0 or (begin > 0 and len(marks) == _PACKETS_IN_A_ROW)
            if enough and marks.count(_SYNC) == len(marks):
                return width, begin
        at = piece.find(_SYNC, at + 1)
    return None


def _first_times(window: Window, begin: int, width: int) -> tuple[Times, set[int]]:
    """The first times of the streams, and which to follow: those with pictures if any."""
    times: Times = {}
    pictures: set[int] = set()
    at = begin
    for _ in range(_HEAD_PIECES):
        piece = window.at(at, PIECE_BYTES // width * width)
        for stream in _streams(piece, width):
            if stream.pid in times or len(times) < _MAX_STREAMS:
                times.setdefault(stream.pid, []).append(stream.time)
                if stream.picture:
                    pictures.add(stream.pid)
        at += len(piece)
        enough = pictures and all(len(times[pid]) >= _ENOUGH_FIRST for pid in pictures)
        if enough or len(piece) < width:
            break
    return times, pictures or set(times)


def _last_times(window: Window, begin: int, width: int, main: set[int]) -> tuple[Times, str]:
    """The last times of each stream, and what is wrong with the file's end."""
    times: Times = {}
    why = ""
    end = window.size_bytes
    for number in range(_TAIL_PIECES):
        start = max(begin, end - PIECE_BYTES)
        piece = window.at(start, end - start)
        last = _last_packet(piece, width, few=start == begin)
        if number == 0:
            why = _wrong_with_end(len(piece) - last if last is not None else None, width)
        if last is not None:
            for stream in _streams(piece[last % width : last + width], width):
                times.setdefault(stream.pid, []).append(stream.time)
            # What comes before the first packet here is the rest of one in the piece before.
            start += last % width if start > begin else 0
        if start <= begin or all(len(times.get(pid, ())) >= _ENOUGH_LAST for pid in main):
            break
        end = start
    return times, why


def _last_packet(piece: bytes, width: int, few: bool) -> int | None:
    """Where the last of several packets in a row begins; ``few``: there need not be several."""
    at = len(piece)
    while (at := piece.rfind(_SYNC, 0, at)) >= 0:
        marks = piece[at % width : at + 1 : width][-_PACKETS_IN_A_ROW:]
        in_a_row = marks.count(_SYNC) == len(marks)
        if in_a_row and (few or len(marks) == _PACKETS_IN_A_ROW) and at >= width - 188:
            return at - (width - 188)
    return None


def _wrong_with_end(left: int | None, width: int) -> str:
    """``left``: the bytes from the last packet's beginning on."""
    if left == width:
        return ""
    # Of a packet of 192 bytes the four before its mark may be all that was written.
    if left is not None and (left < width or left - width <= width - 188):
        return "the last packet is cut"
    return "its end holds no transport packets"


def _streams(packets: bytes, width: int) -> Iterator[_Stream]:
    """The presentation times in packets that lie one after another."""
    before = width - 188
    for number, flags in enumerate(packets[before + 1 :: width]):
        at = number * width + before
        packet = packets[at : at + 188] if flags & 0x40 else b""
        if len(packet) < 188 or packet[0] != _SYNC or not packet[3] & 0x10:
            continue
        body = 5 + packet[4] if packet[3] & 0x20 else 4
        pes = packet[body : body + 14]
        # A PES packet of a kind that has this header, with a presentation time in it.
        if len(pes) == 14 and pes[:3] == b"\0\0\1" and pes[3] >= 0xBD and pes[7] & 0x80:
            time = (
                (pes[9] & 0x0E) << 29
                | pes[10] << 22
                | (pes[11] & 0xFE) << 14
                | pes[12] << 7
                | pes[13] >> 1
            )
            pid = (packet[1] & 0x1F) << 8 | packet[2]
            yield _Stream(pid, time, 0xE0 <= pes[3] <= 0xEF)


def _span(first: list[int], last: list[int]) -> int:
    """From the earliest of the first times to the end of the latest of the last.

    The clock wraps after 26.5 hours: what looks like more than half of that is a step back.
    """
    begin = min(_after(time, first[0]) for time in first)
    ends = sorted({_after(time, last[0]) for time in last})
    steps = [after - before for before, after in pairwise(ends)]
    return _after(last[0], first[0]) + ends[-1] - begin + min(steps, default=0)


def _after(time: int, other: int) -> int:
    """How much later ``time`` is than ``other``; negative: earlier."""
    return (time - other + _WRAP // 2) % _WRAP - _WRAP // 2
