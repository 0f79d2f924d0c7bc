"""How long a recording is by a decoder, where its own bytes do not tell (a killed AVI).

PyAV (the ``probe`` extra) is native code reading a stranger's file: it runs in a short-lived
child with limits on time, processor and memory, so that its crash or hang is an answer like any
other. It reads the whole file: ask only where the walk of the container found no duration.
"""

import contextlib
import json
import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

_MEMORY_BYTES = 1 << 30
"""Address space, not memory in use: the libraries alone map 200 MB."""

FORMATS = {
    **dict.fromkeys(("mp4", "m4s", "m4v", "mov"), "mov"),
    **dict.fromkeys(("ts", "mts", "m2ts"), "mpegts"),
    **dict.fromkeys(("mkv", "webm"), "matroska"),
    "avi": "avi",
}
"""Told to the decoder, never guessed by it: some formats it knows open other files and hosts."""


@dataclass(frozen=True, slots=True)
class Probed:
    duration_ms: int | None
    why: str = ""
    """Why there is no duration."""


def installed() -> bool:
    """Whether the decoder is there at all; it is not loaded for the answer."""
    return find_spec("av") is not None


def probe(file: int, kind: str, limit_s: float = 30.0) -> Probed:
    """What a decoder finds in an open file of that extension. Blocks for ``limit_s`` at most.

    ``file`` is read from its beginning, and is left at another place. OSError where no process
    can be started.
    """
    if kind not in FORMATS:
        return Probed(None, f"{kind} is no container that is known here")
    if not installed():
        return Probed(None, "PyAV is not installed; pip install 'layover[probe]' adds it")
    os.lseek(file, 0, os.SEEK_SET)
    child = [sys.executable, "-I", "-m", __name__, kind, str(round(limit_s) + 1)]
    try:
        ended = subprocess.run(  # noqa: S603 - our own interpreter and module
            child, stdin=file, capture_output=True, timeout=limit_s, check=False
        )
    except subprocess.TimeoutExpired:
        return Probed(None, f"the decoder was stopped after {limit_s:g} s")
    if ended.returncode:
        return Probed(None, f"the decoder failed (exit status {ended.returncode})")
    try:
        answer = json.loads(ended.stdout)
        return Probed(answer["duration_ms"], answer["why"])
    except (ValueError, KeyError, TypeError):
        return Probed(None, "the decoder gave no answer")


def limit(seconds: int) -> None:
    for what, most in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, _MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    os.nice(19)
    # Where the agent's memory is limited, this process is the one to give way.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _decode(kind: str) -> Probed:
    """Runs in the child: the time from the first picture to the end of the last."""
    import av

    begin = end = second = None
    try:
        with (
            open(0, "rb", buffering=0) as file,
            av.open(file, "r", format=FORMATS[kind]) as media,
        ):
            stream = (media.streams.video or media.streams.audio)[0]
            second = stream.time_base
            for packet in media.demux(stream):
                time = packet.dts if packet.pts is None else packet.pts
                if time is not None and packet.size:
                    begin = time if begin is None else min(begin, time)
                    end = max(time + (packet.duration or 0), time if end is None else end)
    except (av.error.FFmpegError, IndexError) as error:
        if begin is None:
            return Probed(None, f"the decoder cannot read it: {error}")
    if begin is None or end is None or second is None or end <= begin:
        return Probed(None, "the decoder finds no pictures in it")
    return Probed(round((end - begin) * second * 1000))


if __name__ == "__main__":
    limit(int(sys.argv[2]))
    found = _decode(sys.argv[1])
    print(json.dumps({"duration_ms": found.duration_ms, "why": found.why}))
