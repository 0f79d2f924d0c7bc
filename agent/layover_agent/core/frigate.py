"""How Frigate names its recordings, and how its database's times go with a name.

Since 0.12: ``YYYY-MM-DD/HH/camera/MM.SS.mp4`` in UTC. Before: ``YYYY-MM/DD/HH/camera/MM.SS.mp4``
in the local time of its container, so that only the database knows when it was
(frigate/record/maintainer.py, ``move_segment``).
"""

import datetime as dt
import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from layover_agent.core.layout import Named

_NAME = re.compile(
    r"([0-9]{4}-[0-9]{2})([-/])([0-9]{2})/([0-9]{2})/([^/\0]+)/([0-9]{2})\.([0-9]{2})\.mp4"
)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MAX_PATH = 1024
_SECOND_MS = 1000
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Name:
    """What a path below Frigate's folder of recordings says."""

    camera: str
    wall_ms: int
    """The time in it, read as UTC."""
    is_utc: bool

    @property
    def start_ms(self) -> int | None:
        return self.wall_ms if self.is_utc else None


def read(path: str) -> Name | None:
    """None: no recording of Frigate's is named so."""
    found = _NAME.fullmatch(path) if len(path) <= _MAX_PATH else None
    if found is None:
        return None
    month, separator, day, hour, camera, minute, second = found.groups()
    try:
        wall = dt.datetime.fromisoformat(f"{month}-{day}T{hour}:{minute}:{second}+00:00")
    except ValueError:
        return None
    wall_ms = (wall - _EPOCH) // dt.timedelta(milliseconds=1)
    return Name(camera, wall_ms, is_utc=separator == "-")


def agreed(name: Name, start_ms: int, end_ms: int) -> Named:
    """A name and the database's times together: where they contradict each other, the name
    counts, as far as it says anything, and nothing is sure."""
    off_ms = abs(start_ms - name.wall_ms)
    if off_ms < (_SECOND_MS if name.is_utc else _DAY_MS):
        return Named(name.camera, start_ms, sure=True, duration_ms=(end_ms - start_ms) or None)
    return Named(name.camera, name.start_ms, sure=False)


class Spans:
    """Stretches of time that were marked to be kept."""

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        """``spans``: (start, end) in ms, in any order; they may overlap."""
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start_ms, end_ms in sorted(spans):
            if self._ends and start_ms <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], end_ms)
            else:
                self._starts.append(start_ms)
                self._ends.append(end_ms)

    def meets(self, start_ms: int, end_ms: int) -> bool:
        """Whether any moment of a recording lies in one, its first and last included."""
        at = bisect_right(self._starts, end_ms) - 1
        return at >= 0 and self._ends[at] >= start_ms
