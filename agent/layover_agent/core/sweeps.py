"""What a recorder deleted, as seen from outside, and which deletions belong together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from layover_agent.core.fill import EARLIEST_MS

TOGETHER_MS = 90_000
"""What vanished within this time of the first counts as one sweep: a look may see half of it."""

OLDER_KEPT = 2
"""So many older recordings may outlive a deletion that goes by age: files that cross in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """A recording that was there at one look and missing at the next. Facts, nothing inferred.

    Bytes are those of unlocked recordings; ``added``: closed between the two looks. ``older``:
    unlocked ones that ended before this one began and were still there.
    """

    camera: str
    start_ms: int
    end_ms: int
    mtime_ms: int
    size_bytes: int
    locked: bool = False
    seen_ms: int
    missed_ms: int
    older_kept: int = 0
    camera_older_kept: int = 0
    locked_older_kept: int = 0
    source_before_bytes: int
    source_after_bytes: int
    source_added_bytes: int
    camera_before_bytes: int
    camera_after_bytes: int
    camera_added_bytes: int
    free_before_bytes: int | None = None
    free_after_bytes: int | None = None

    @property
    def plausible(self) -> bool:
        """Whether its times can be right at all: no boot in 1970, no clock set back meanwhile."""
        times_ok = EARLIEST_MS <= self.start_ms <= self.end_ms
        return times_ok and self.start_ms <= self.seen_ms <= self.missed_ms


@dataclass(frozen=True, slots=True)
class Sweep:
    """Deletions of one scope (a source, or one camera of it) that happened together."""

    deletions: tuple[Deletion, ...]
    """Unlocked ones, at least one."""
    in_order: bool
    """Nothing older was left behind: false where somebody deleted by hand."""


def sweeps(deletions: Iterable[Deletion], camera: str = "") -> list[Sweep]:
    """The sweeps of a source, or of one ``camera``, in order of time."""
    mine = sorted(
        (d for d in deletions if d.plausible and not d.locked and d.camera == (camera or d.camera)),
        key=lambda d: d.missed_ms,
    )
    groups: list[list[Deletion]] = []
    for deletion in mine:
        if not groups or deletion.missed_ms - groups[-1][0].missed_ms > TOGETHER_MS:
            groups.append([])
        groups[-1].append(deletion)
    # A recorder may have forgotten some old files for good: they outlive every sweep.
    forgotten = min((_older_kept(d, camera) for d in mine), default=0)
    return [
        Sweep(
            tuple(group),
            all(_older_kept(d, camera) <= forgotten + OLDER_KEPT for d in group),
        )
        for group in groups
    ]


def _older_kept(deletion: Deletion, camera: str) -> int:
    return deletion.camera_older_kept if camera else deletion.older_kept


def period_ms(found: Sequence[Sweep]) -> int:
    """At most so long the recorder waits between two sweeps; 0: fewer than two were seen.

    The lower quartile of the gaps: while the box is off, or nothing is due, gaps are longer,
    and now and then a deletion by hand makes a short one.
    """
    gaps = sorted(b.deletions[-1].missed_ms - a.deletions[0].seen_ms for a, b in pairwise(found))
    return gaps[len(gaps) // 4] * 5 // 4 if gaps else 0
