"""What a look at a folder means against what was known: losses, or a fault.

A folder that is suddenly empty or unreadable is a fault of the box, never a thousand deletions.
"""

from collections.abc import Collection
from dataclasses import dataclass

SUSPICIOUS_FROM = 3
"""So many recordings do not all vanish from one look to the next; fewer may."""


@dataclass(frozen=True, slots=True)
class Outcome:
    gone: Collection[str]
    """Paths whose file is missing."""
    fault: str = ""
    """Why the look says nothing at all; empty: it does."""


def missing(known: Collection[str], seen: Collection[str], error: str = "") -> Outcome:
    """Which of the ``known`` paths are missing from those ``seen`` now.

    ``error``: why the folder could not be read, or empty.
    """
    if error:
        return Outcome((), error)
    gone = [path for path in known if path not in seen]
    if not seen and len(gone) >= SUSPICIOUS_FROM:
        return Outcome((), "the folder is suddenly empty: unmounted, or wiped")
    return Outcome(gone)
