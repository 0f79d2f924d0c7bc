"""How openpilot names its segments, and when they were: newer names carry no time.

A drive is a *route* of segments of 60 s (system/loggerd/logger.cc):
``<count, 8 hex>--<random, 10 hex>--<number>``, before 2024 ``YYYY-MM-DD--HH-MM-SS--<number>``
with the wall time of the route's start.
"""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass

SEGMENT_MS = 60_000
"""Twelve hundred frames at 20 per second (system/loggerd/loggerd.cc)."""

_NEW = re.compile(r"([0-9a-f]{8}--[0-9a-f]{10})--([0-9]{1,6})")
_OLD = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})--([0-9]{2})-([0-9]{2})-([0-9]{2})--([0-9]{1,6})")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_QUARTER_MS = 900_000
_FARTHEST_MS = 14 * 3_600_000
_AGREE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Segment:
    """One folder of a route."""

    route: str
    number: int
    wall_ms: int | None = None
    """The wall time of the route's start in its name, read as UTC."""

    @property
    def folder(self) -> str:
        return f"{self.route}--{self.number}"

    @property
    def age_order(self) -> tuple[bool, str, int]:
        """Sorts segments as openpilot's deleter does, oldest first: counted after dated ones."""
        return self.wall_ms is None, self.route, self.number

    def neighbour(self, step: int) -> "Segment":
        """Another segment of the route, which need not exist."""
        return Segment(self.route, self.number + step, self.wall_ms)


def segment(folder: str) -> Segment | None:
    """None: no segment's folder is named so."""
    if new := _NEW.fullmatch(folder):
        read = Segment(new[1], int(new[2]))
    elif old := _OLD.fullmatch(folder):
        try:
            wall = dt.datetime.fromisoformat(f"{old[1]}T{old[2]}:{old[3]}:{old[4]}+00:00")
        except ValueError:
            return None
        wall_ms = (wall - _EPOCH) // dt.timedelta(milliseconds=1)
        read = Segment(folder.rpartition("--")[0], int(old[5]), wall_ms)
    else:
        return None
    # "--007" is nobody's segment 7.
    return read if read.folder == folder else None


def route_start_ms(closed_ms: Mapping[int, int]) -> int | None:
    """When a route began, from when segments of it were last written: the median of what each
    of them says, so that a file touched later, or a clock set meanwhile, does not count.

    ``closed_ms``: by segment number. Of two, the later start counts: a drive's last segment is
    short, and seems to have begun too early. None: nothing is known.
    """
    starts = sorted(ms - (number + 1) * SEGMENT_MS for number, ms in closed_ms.items())
    return starts[len(starts) // 2] if starts else None


def named_start_ms(wall_ms: int, fitted_ms: int) -> int | None:
    """The start in an old name, in the zone that the files' times tell; None: they contradict it.

    Zones lie whole quarters of an hour from UTC.
    """
    zone_ms = round((fitted_ms - wall_ms) / _QUARTER_MS) * _QUARTER_MS
    start_ms = wall_ms + zone_ms
    agree = abs(start_ms - fitted_ms) <= _AGREE_MS and abs(zone_ms) <= _FARTHEST_MS
    return start_ms if agree else None
