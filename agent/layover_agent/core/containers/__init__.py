"""Completeness, duration and clocks of a recording by walking its container ourselves.

Headers lie after a power cut, so nothing is believed that does not fit the file. The work is
bounded whatever the file holds: a few thousand small reads, and a few 100 kB of memory.
"""

from collections.abc import Callable, Mapping

from layover_agent.core.containers.avi import look as avi
from layover_agent.core.containers.container import Container, Read
from layover_agent.core.containers.mkv import look as mkv
from layover_agent.core.containers.mp4 import look as mp4
from layover_agent.core.containers.ts import look as ts
from layover_agent.core.containers.window import Exhausted, Window

__all__ = ["KINDS", "Container", "Read", "look"]

_WALKERS: Mapping[str, Callable[[Window], Container]] = {
    **dict.fromkeys(("mp4", "m4s", "m4v", "mov"), mp4),
    **dict.fromkeys(("ts", "mts", "m2ts"), ts),
    **dict.fromkeys(("mkv", "webm"), mkv),
    "avi": avi,
}

KINDS = frozenset(_WALKERS)
"""The file name extensions (lower case) whose containers are understood."""


def look(kind: str, read: Read, size_bytes: int) -> Container | None:
    """What a file of that extension (lower case, no dot) holds; None: no walker for this kind.

    Any bytes have an answer; only what ``read`` itself raises comes through.
    """
    walker = _WALKERS.get(kind)
    if walker is None:
        return None
    if size_bytes == 0:
        return Container(False, None, "the file is empty", playable=False)
    try:
        return walker(Window(read, size_bytes))
    except Exhausted:
        return Container(False, None, "more pieces than any recording has")
