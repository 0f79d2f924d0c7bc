"""Which UTC offset a recorder's clock has: its names' wall times against the files' own times.

A file is last written when its recording ends, so that the wall time of its start, less the
offset, is the time of writing less the duration. On FAT the files' times are wall times as well,
which then speak for +00:00: the hint is one for a person, not a setting.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

_QUARTER_MS = 15 * 60_000
_TOLERANCE_MS = 5 * 60_000
_WEST_MS, _EAST_MS = -12 * 3_600_000, 14 * 3_600_000
_LONGEST_MS = 2 * 3_600_000


@dataclass(frozen=True, slots=True)
class Offset:
    """An offset, and how many files speak for it."""

    minutes: int
    agreeing: int
    total: int

    @property
    def text(self) -> str:
        """As it is written in a configuration: +02:00."""
        hours, minutes = divmod(abs(self.minutes), 60)
        return f"{'-' if self.minutes < 0 else '+'}{hours:02}:{minutes:02}"


def offsets(times: Sequence[tuple[str, int, int | None, int]]) -> list[Offset]:
    """The offsets that times speak for, most files first; more than one where the clock keeps
    summer time.

    ``times``: camera, start (its wall time read as UTC), duration if it is known, and when the
    file was last written (UTC); all in ms.
    """
    votes: Counter[int] = Counter()
    ordered = sorted(times, key=lambda one: one[:2])
    for at, (camera, start_ms, duration_ms, written_ms) in enumerate(ordered):
        if duration_ms is None:
            following = ordered[at + 1] if at + 1 < len(ordered) else None
            duration_ms = 0
            if following is not None and following[0] == camera:
                gap_ms = following[1] - start_ms
                duration_ms = gap_ms if gap_ms <= _LONGEST_MS else 0
        offset_ms = start_ms + duration_ms - written_ms
        quarter = (offset_ms + _QUARTER_MS // 2) // _QUARTER_MS
        off_ms = abs(offset_ms - quarter * _QUARTER_MS)
        if off_ms <= _TOLERANCE_MS and _WEST_MS <= quarter * _QUARTER_MS <= _EAST_MS:
            votes[quarter * 15] += 1
    return [Offset(minutes, count, len(ordered)) for minutes, count in votes.most_common()]
