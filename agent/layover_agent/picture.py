"""The last pictures of a recording, decoded in a child process with bounds.

PyAV (an extra) is native code that reads what a stranger wrote: it never runs in the agent, and
its crash or hang is an answer like any other.
"""

import base64
import binascii
import contextlib
import json
import math
import os
import subprocess
import sys
from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from layover_agent.core.picture import Seen, looks
from layover_agent.probe import FORMATS, installed, limit

LAST_S = 10.0
_WIDTH, _HEIGHT = 160, 90
_STILL_WIDTH = 1280
_MOST_PICTURES = 48
_MOST_DECODED = 3000
_MAX_SAID = 8 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What was seen. ``looks``: moving, frozen, black, flat, unclear, none, or empty: not looked
    at."""

    looks: str = ""
    why: str = ""
    """Why it was not looked at, or what the decoder complained of."""
    sound: bool | None = None
    """Whether there is a sound track; None: not known."""
    still: bytes = field(default=b"", repr=False)
    """The last picture as JPEG, where it was asked for."""


def picture(
    file: int, kind: str, *, last_s: float = LAST_S, still: bool = False, limit_s: float = 30.0
) -> Picture:
    """What the last seconds of an open file show. Blocks for ``limit_s`` at most. ``kind`` is its
    extension, in lower case."""
    if kind not in FORMATS:
        return Picture(why=f"{kind} is no container that can be looked into")
    if not installed():
        return Picture(why="PyAV is not installed")
    os.lseek(file, 0, os.SEEK_SET)
    child = [sys.executable, "-I", "-m", __name__, kind, str(last_s), str(round(limit_s) + 1),
             "still" if still else ""]  # fmt: skip
    try:
        ended = subprocess.run(  # noqa: S603  (our own interpreter and module)
            child, stdin=file, capture_output=True, timeout=limit_s, check=False
        )
    except subprocess.TimeoutExpired:
        return Picture(looks="none", why=f"the decoder was stopped after {limit_s:g} s")
    if ended.returncode or len(ended.stdout) > _MAX_SAID:
        return Picture(looks="none", why="the decoder failed on this file")
    try:
        return _read(json.loads(ended.stdout))
    except (ValueError, TypeError, KeyError, binascii.Error):
        return Picture(looks="none", why="the decoder failed on this file")


def _read(said: Any) -> Picture:
    seen = [Seen(time_ms=int(ms), colours=base64.b64decode(small)) for ms, small in said["seen"]]
    return Picture(
        looks=looks(seen),
        why=str(said["why"])[:200],
        sound=bool(said["sound"]),
        still=base64.b64decode(said["still"]),
    )


def _child(kind: str, last_s: float, limit_s: int, still: bool) -> dict[str, Any]:
    """Runs in the child, on the file that is its standard input."""
    limit(limit_s)
    import av

    said: dict[str, Any] = {"seen": [], "why": "", "sound": False, "still": ""}
    seen: deque[tuple[int, bytes]] = deque(maxlen=_MOST_PICTURES)
    last = None
    try:
        # Where nothing is found, it sought behind the last picture that others are made from.
        last = _decode(kind, last_s, seen, said) or _decode(kind, math.inf, seen, said)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        said["why"] = str(error)
    said["seen"] = [[ms, base64.b64encode(small).decode()] for ms, small in seen]
    if still and last is not None:
        said["still"] = base64.b64encode(_jpeg(last)).decode()
    return said


def _decode(kind: str, last_s: float, seen: deque[tuple[int, bytes]], said: Any) -> Any:
    """Looks at the last seconds, or at the whole; gives the last picture, or None."""
    import av

    os.lseek(0, 0, os.SEEK_SET)
    with (
        open(0, "rb", closefd=False) as file,
        av.open(file, "r", format=FORMATS[kind]) as container,
    ):
        said["sound"] = bool(container.streams.audio)
        if not container.streams.video:
            return None
        stream = container.streams.video[0]
        stream.thread_count = 1
        if container.duration and last_s < math.inf:
            begin = (container.start_time or 0) + container.duration - int(last_s * av.time_base)
            with contextlib.suppress(av.error.FFmpegError):
                container.seek(max(begin, container.start_time or 0), backward=True)
        return _gather(container.demux(stream), min(last_s, LAST_S), seen, said)


def _gather(packets: Any, last_s: float, seen: deque[tuple[int, bytes]], said: Any) -> Any:
    """The last picture as it is; small ones of the time before go into ``seen``."""
    import av

    last = None
    decoded = 0
    for packet in packets:
        try:
            for frame in packet.decode():
                decoded += 1
                ms = int(frame.time * 1000) if frame.time is not None else decoded * 40
                while seen and ms - seen[0][0] > last_s * 1000:
                    seen.popleft()
                # Spread over the time that is asked for, however many pictures a second has.
                if not seen or ms - seen[-1][0] >= last_s * 1000 / _MOST_PICTURES:
                    seen.append((ms, _small(frame)))
                last = frame
        except av.error.FFmpegError as error:
            said["why"] = str(error)
        if decoded >= _MOST_DECODED:
            break
    return last


def _small(frame: Any) -> bytes:
    plane = frame.reformat(width=_WIDTH, height=_HEIGHT, format="rgb24").planes[0]
    rows = bytes(plane)
    step = plane.line_size
    return b"".join(rows[at * step : at * step + 3 * _WIDTH] for at in range(_HEIGHT))


def _jpeg(frame: Any) -> bytes:
    import av

    width = min(frame.width, _STILL_WIDTH) // 2 * 2 or 2
    height = frame.height * width // frame.width // 2 * 2 or 2
    codec = av.CodecContext.create("mjpeg", "w")
    codec.width, codec.height, codec.pix_fmt = width, height, "yuvj420p"
    codec.time_base = Fraction(1, 25)
    small = frame.reformat(width=width, height=height, format="yuvj420p")
    small.pts = 0
    return b"".join(bytes(packet) for packet in [*codec.encode(small), *codec.encode(None)])


if __name__ == "__main__":
    print(json.dumps(_child(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), bool(sys.argv[4]))))
