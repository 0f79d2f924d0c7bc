"""From the wall time a recorder wrote to the moment it meant.

A zone is an IANA name (``Europe/Berlin``) or a fixed offset (``+02:00``, ``-0530``, ``Z``). When
clocks go back an hour comes twice, when they go forward one never comes; a time that may be meant
twice is decided by when its file was last written, or said to be unsure.
"""

import datetime as dt
import re
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Fold = Literal["auto", "first", "second"]
"""Which of two equal wall times is meant: told by the file, always the first, always the second."""

EARLIEST_MS = 946_771_200_000
"""2000-01-02. A clock that nobody has set begins at 1970, 1980 or on the first day of 2000."""
LATEST_MS = 4_102_444_800_000
"""2100-01-01."""
LONGEST_MS = 2 * 3_600_000
"""How long a recording may be where its recorder does not say."""
SLACK_MS = 2_000
"""What a file's time of writing may be early: FAT keeps even seconds."""

_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})", re.ASCII)
_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001  (naive: walls are compared with it)
_MS = dt.timedelta(milliseconds=1)


class BadZone(ValueError):
    """A zone nobody knows, and how to write one."""


class Moment(NamedTuple):
    """A time in UTC, and whether it is certainly what the recorder meant."""

    ms: int
    sure: bool


def zone(text: str) -> dt.tzinfo:
    """The zone a text names. BadZone if there is none."""
    if text == "Z":
        return dt.UTC
    offset = _OFFSET.fullmatch(text)
    if offset:
        hours, minutes = int(offset[2]), int(offset[3])
        if hours >= 24 or minutes >= 60:
            raise BadZone(f"zone {text!r}: an offset is less than a day, written like +02:00")
        minutes += hours * 60
        return dt.timezone(dt.timedelta(minutes=minutes if offset[1] == "+" else -minutes))
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadZone(f"zone {text[:60]!r} is not known; write Europe/Berlin or +02:00") from error


def moment(
    wall: dt.datetime,
    where: dt.tzinfo,
    *,
    fold: Fold = "auto",
    written_ms: int | None = None,
    longest_ms: int = LONGEST_MS,
) -> Moment:
    """The moment a naive wall time means in a zone.

    ``written_ms``: when its file was last written (UTC), which is the end of a recording that is
    at most ``longest_ms`` long. At a time that comes twice it picks the one reading that agrees;
    if both agree or neither, the first is taken and not sure, as is a time that never was.
    """
    wall_ms = (wall - _EPOCH) // _MS
    first_off, second_off = where.utcoffset(wall), where.utcoffset(wall.replace(fold=1))
    if first_off is None or second_off is None:
        raise BadZone(f"zone {where} tells no offset; write Europe/Berlin or +02:00")
    first = wall_ms - first_off // _MS
    if first_off == second_off:
        return Moment(first, plausible(first))
    second = wall_ms - second_off // _MS
    if fold != "auto":
        chosen, decided = (first if fold == "first" else second), True
    else:
        agreeing = [
            reading
            for reading in (first, second)
            if written_ms is not None and reading - SLACK_MS <= written_ms <= reading + longest_ms
        ]
        decided = len(agreeing) == 1
        chosen = agreeing[0] if decided else first
    comes_twice = first < second
    return Moment(chosen, comes_twice and decided and plausible(chosen))


def plausible(ms: int) -> bool:
    """Whether a clock that was ever set can have shown this time."""
    return EARLIEST_MS <= ms <= LATEST_MS
