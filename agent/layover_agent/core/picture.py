"""What a few pictures of a camera say: moving, frozen, of one colour, black."""

from collections.abc import Sequence
from dataclasses import dataclass

BLACK_BELOW = 40
"""Nothing brighter than this, of 255: black, noise of the sensor included."""
FLAT_WITHIN = 8
"""All within so many steps: one colour, as a recorder paints for "no signal"."""
STILL_WITHIN = 8
"""Coding the same picture anew changes a place by up to 6; a stamped clock by 13 and more."""
LEAST_PICTURES = 5
LEAST_MS = 2_000
"""Fewer pictures, or in less time, say nothing of movement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One small picture of a recording."""

    time_ms: int
    colours: bytes
    """Red, green and blue, 0 to 255, of the same places in each picture."""


def looks(seen: Sequence[Seen]) -> str:
    """moving, frozen, black, flat (one colour), or unclear; none: there is no picture."""
    if not seen:
        return "none"
    if all(max(one.colours, default=0) < BLACK_BELOW for one in seen):
        return "black"
    if all(_range(one.colours) < FLAT_WITHIN for one in seen):
        return "flat"
    first = seen[0]
    for one in seen[1:]:
        if one.colours != first.colours and _change(first.colours, one.colours) > STILL_WITHIN:
            return "moving"
    if len(seen) < LEAST_PICTURES or seen[-1].time_ms - first.time_ms < LEAST_MS:
        return "unclear"
    return "frozen"


def _range(colours: bytes) -> int:
    """The greatest difference between two places, of any of the three colours."""
    parts = [colours[at::3] for at in range(3)]
    return max((max(part) - min(part) for part in parts if part), default=0)


def _change(before: bytes, after: bytes) -> int:
    return max((abs(a - b) for a, b in zip(before, after, strict=False)), default=0)
