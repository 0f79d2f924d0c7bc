"""What a recording's container says of itself, once its words were checked against the bytes."""

from collections.abc import Callable
from dataclasses import dataclass

Read = Callable[[int, int], bytes]
"""``read(offset, length)``: the bytes there, fewer at the end of the file."""

MAX_MS = 1 << 40
"""Longer than any recording (34 years): a duration beyond is not believed."""


@dataclass(frozen=True, slots=True)
class Container:
    """One answer for every kind of container."""

    complete: bool
    """Whether it was closed and nothing of it is missing, as far as its bytes can tell."""
    duration_ms: int | None
    """Of what is in the file, also where it was cut; None: nothing there can be trusted."""
    why: str = ""
    """Why it is not complete."""
    end_source: str = "container"
    playable: bool | None = None
    """Whether players open what is there. False: it needs repair; None: not known."""
    start_ms: int | None = None
    """The exact wall clock start that the recorder wrote inside (MediaMTX)."""
    creation_ms: int | None = None
    """MP4's creation time. A hint only: many recorders write local time, the end, or nothing."""


def milliseconds(units: int, per_second: int) -> int | None:
    """A duration in ms; None where it is none, or is beyond belief."""
    if units <= 0 or per_second <= 0:
        return None
    ms = units * 1000 // per_second
    return ms if 0 < ms < MAX_MS else None
