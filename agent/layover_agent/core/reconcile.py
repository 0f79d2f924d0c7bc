"""What a look at a folder means against what was known: losses, or a fault.

A folder that is suddenly empty or unreadable is a fault of the box, never a thousand deletions;
what lies on a disk that was taken out is not in the box, which is not the same as deleted.
"""

from dataclasses import dataclass

SUSPICIOUS_FROM = 3
"""So many recordings do not all vanish from one look to the next; fewer may."""

MOST_TURNS = 16
"""Of more changes of the disk the oldest are forgotten: its recordings then count as the next's."""


@dataclass(frozen=True, slots=True)
class Disks:
    """Which disk lay in a source's folder, change by change of the manifest."""

    turns: tuple[tuple[int, str], ...] = ()
    """(number of the last change before it, name of the disk) in order."""

    @classmethod
    def parsed(cls, text: str) -> "Disks":
        """What ``str`` gave; of anything else what can be made of it."""
        turns = []
        for word in text.split():
            after, colon, disk = word.rpartition(":")
            if after.isdecimal() or not colon:
                turns.append((int(after or 0), disk))
        return cls(tuple(sorted(turns, key=lambda turn: turn[0])[-MOST_TURNS:]))

    def __str__(self) -> str:
        return " ".join(f"{after}:{disk}" for after, disk in self.turns)

    @property
    def last(self) -> str:
        """The disk that is known to have been there last; empty: none is."""
        return self.turns[-1][1] if self.turns else ""

    def of(self, seq: int) -> str:
        """On which disk a recording lies whose last change is ``seq``."""
        before = [disk for after, disk in self.turns if after < seq]
        return before[-1] if before else self.turns[0][1] if self.turns else ""

    def turned(self, after: int, disk: str) -> "Disks":
        """With ``disk`` there since the change ``after``."""
        if disk == self.last:
            return self
        return Disks((*self.turns, (after, disk))[-MOST_TURNS:])

    def away(self, here: str, until: int) -> list[tuple[int, int]]:
        """From which change to which recordings were listed that lie on other disks than
        ``here``: above the one, up to the other."""
        begins = [0, *(after for after, _ in self.turns[1:])]
        ends = [*begins[1:], until]
        spans = zip(self.turns, begins, ends, strict=False)
        return [(begin, end) for (_, disk), begin, end in spans if disk != here and begin < end]


def fault(known: int, seen: int, other_disk: bool, error: str = "") -> str:
    """Why a look says nothing of what is missing; empty: what was not seen is gone.

    ``known``: recordings listed before; ``seen``: how many were found, those that were new on
    another disk among them; ``other_disk``: the folder lies on another file system than before;
    ``error``: why the folder could not be read, or empty.
    """
    if error:
        return error
    if seen or not known:
        return ""
    if other_disk:
        return "another disk is in its place, and it is empty: is the recordings' disk mounted?"
    if known >= SUSPICIOUS_FROM:
        return "the folder is suddenly empty: unmounted, or wiped"
    return ""
