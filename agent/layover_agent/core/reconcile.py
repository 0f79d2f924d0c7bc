"""What a look at the folders means against what was known: something to judge, lost, or a fault.

A folder that is suddenly empty or unreadable is a fault of the box, never a thousand deletions.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

SUSPICIOUS_FROM = 3
"""So many recordings do not vanish all at once from one look to the next; fewer may."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is listed at a path."""

    state: object
    """The file's state when it was listed; compared for equality only."""
    present: bool
    held: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """What to do about one folder, by path."""

    unlisted: list[str]
    """There, but not listed as it is now: new, changed, returned, or still being written."""
    lost: list[str]
    """Listed as present, but not there, and no hold keeps its bytes."""


def compare(known: Mapping[str, Known], seen: Mapping[str, object]) -> Difference:
    """One folder as listed against the same folder as seen (path → state of the file)."""
    unlisted = [
        path
        for path, state in seen.items()
        if path not in known or not known[path].present or known[path].state != state
    ]
    lost = [
        path for path, one in known.items() if one.present and not one.held and path not in seen
    ]
    return Difference(unlisted, lost)


def doubt(seen_count: int, lost: Collection[object], error: str) -> str:
    """Why the losses of a whole look must not be believed; empty: they may be."""
    if error:
        return f"cannot be read: {error}"
    if seen_count == 0 and len(lost) >= SUSPICIOUS_FROM:
        return "is suddenly empty: not mounted, or wiped"
    return ""
