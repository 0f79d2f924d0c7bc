"""How many bytes a camera writes, by hour of the week: what fills a disk, as it was observed.

168 slots in UTC: local time has an hour that comes twice and one that never does, and a box that
crosses borders changes it; a reader who wants local hours turns the table by the offset. Old
weeks fade by half every ``HALF_LIFE_MS``. Only sums are kept, so two tables add up to the one
that would have seen both, in whatever order.
"""

import math
import struct
from array import array
from collections.abc import Iterator

SLOTS = 168
HOUR_MS = 3_600_000
WEEK_MS = SLOTS * HOUR_MS
HALF_LIFE_MS = 4 * WEEK_MS
REMEMBERED_WEEKS = 52
"""What is older weighs less than a thousandth."""

EARLIEST_MS = 946_684_800_000
"""2000-01-01: recordings of before were made by a clock that was not set."""
LATEST_MS = 4_102_444_800_000
"""2100-01-01."""
AHEAD_MS = HOUR_MS
"""A recording that ends later than this after now bears a wrong time."""
LONGEST_MS = 24 * HOUR_MS
LEAP_MS = REMEMBERED_WEEKS * WEEK_MS
PATIENCE = 1_000
"""So many recordings in a row may contradict the time of all before: then those were wrong."""
MAX_BYTES_PER_MS = 1 << 20
"""A thousand MiB a second: more is a wrong duration, not a camera."""

_MONDAY_MS = 4 * 24 * HOUR_MS
"""1970-01-05, the first Monday."""
_HEAD = struct.Struct("<BqqI")
_VERSION = 1
_MOST = (1 << 32) - 1
_SIZE_BYTES = _HEAD.size + 2 * 4 * SLOTS


class BadFill(ValueError):
    """Bytes that are no fill table."""


def slot(time_ms: int) -> int:
    """Hour of the week of a moment, UTC: 0 is Monday 00:00 to 01:00."""
    return (time_ms - _MONDAY_MS) % WEEK_MS // HOUR_MS


class Fill:
    """The table of one camera. Takes 1.4 kB as bytes."""

    __slots__ = (
        "_as_of_ms",
        "_bytes",
        "_first_ms",
        "_last_ms",
        "_ms",
        "_refused",
        "recordings",
    )

    def __init__(self) -> None:
        self._empty()

    def _empty(self) -> None:
        # Sums as they weigh at ``_as_of_ms``, which follows ``_last_ms`` now and then only:
        # to fade 168 slots for every recording would cost a first scan seconds.
        self._bytes = array("d", bytes(8 * SLOTS))
        self._ms = array("d", bytes(8 * SLOTS))
        self._as_of_ms = 0
        self._first_ms = 0
        self._last_ms = 0
        self._refused = 0
        self.recordings = 0
        """How many recordings the table rests on."""

    def add(self, start_ms: int, end_ms: int, size_bytes: int, now_ms: int) -> bool:
        """Counts a closed recording; False: its times cannot be right, it was left out."""
        length_ms = end_ms - start_ms
        if not (EARLIEST_MS <= start_ms < end_ms <= min(now_ms + AHEAD_MS, LATEST_MS)):
            return False
        if length_ms > LONGEST_MS or not 0 <= size_bytes <= length_ms * MAX_BYTES_PER_MS:
            return False
        if end_ms < now_ms - LEAP_MS or not self._in_line(end_ms, now_ms):
            return False
        self._first_ms = min(self._first_ms or start_ms, start_ms)
        self._last_ms = max(self._last_ms, end_ms)
        if self._last_ms > self._as_of_ms + WEEK_MS:
            self._settle()
        weight = _fading(self._as_of_ms - end_ms)
        for number, part_ms in _parts(start_ms, end_ms):
            self._bytes[number] += weight * size_bytes * part_ms / length_ms
            self._ms[number] += weight * part_ms
        self.recordings = min(self.recordings + 1, _MOST)
        return True

    def _in_line(self, end_ms: int, now_ms: int) -> bool:
        """Whether a recording's time and those of all before can both be right.

        Where not, the clock is wrong now, or was: for some recordings it is taken to be wrong
        now, so that an hour in the year 2076 does not make all that was learned fade away.
        """
        if not self.recordings or (
            now_ms >= self._last_ms - AHEAD_MS and end_ms <= self._last_ms + LEAP_MS
        ):
            self._refused = 0
            return True
        self._refused += 1
        if self._refused <= PATIENCE:
            return False
        self._empty()
        return True

    def bytes_per_hour(self, number: int) -> int | None:
        """Bytes per hour of recording in a slot; None: none was recorded in it."""
        if self._ms[number] < 1:
            return None
        return round(self._bytes[number] / self._ms[number] * HOUR_MS)

    def recorded_permille(self, number: int) -> int:
        """How much of a slot's hour is recorded on average, first recording to last."""
        self._settle()
        begin_ms = self._last_ms - (self._last_ms - number * HOUR_MS - _MONDAY_MS) % WEEK_MS
        passed_ms = 0.0
        for _ in range(REMEMBERED_WEEKS):
            inside_ms = min(begin_ms + HOUR_MS, self._last_ms) - max(begin_ms, self._first_ms)
            if inside_ms <= 0 and begin_ms < self._first_ms:
                break
            passed_ms += max(inside_ms, 0) * _fading(self._last_ms - begin_ms - HOUR_MS)
            begin_ms -= WEEK_MS
        return min(round(self._ms[number] / passed_ms * 1000), 1000) if passed_ms else 0

    def support_ms(self, number: int) -> int:
        """Recording time that a slot rests on, faded."""
        self._settle()
        return round(self._ms[number])

    def merged(self, other: "Fill") -> "Fill":
        """The table that has seen what both have."""
        both = Fill()
        both._last_ms = both._as_of_ms = max(self._last_ms, other._last_ms)
        both._first_ms = min(filter(None, (self._first_ms, other._first_ms)), default=0)
        both.recordings = min(self.recordings + other.recordings, _MOST)
        for one in (self, other):
            weight = _fading(both._as_of_ms - one._as_of_ms)
            for number in range(SLOTS):
                both._bytes[number] += weight * one._bytes[number]
                both._ms[number] += weight * one._ms[number]
        return both

    def to_bytes(self) -> bytes:
        self._settle()
        head = _HEAD.pack(_VERSION, self._first_ms, self._last_ms, self.recordings)
        return head + struct.pack(f"<{2 * SLOTS}f", *self._bytes, *self._ms)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Fill":
        """BadFill for anything that ``to_bytes`` cannot have made."""
        if len(data) != _SIZE_BYTES or data[0] != _VERSION:
            raise BadFill(f"{len(data)} bytes are no fill table of version {_VERSION}")
        fill = cls()
        _, fill._first_ms, fill._last_ms, fill.recordings = _HEAD.unpack_from(data)
        fill._as_of_ms = fill._last_ms
        values = struct.unpack_from(f"<{2 * SLOTS}f", data, _HEAD.size)
        times = (fill._first_ms, fill._last_ms)
        if not all(math.isfinite(v) and v >= 0 for v in values) or not (
            times == (0, 0) or EARLIEST_MS <= times[0] <= times[1] <= LATEST_MS
        ):
            raise BadFill("a fill table with impossible values")
        fill._bytes = array("d", values[:SLOTS])
        fill._ms = array("d", values[SLOTS:])
        return fill

    def _settle(self) -> None:
        """Fades what is there to the last recording."""
        fade = _fading(self._last_ms - self._as_of_ms)
        self._as_of_ms = self._last_ms
        if fade < 1:
            for number in range(SLOTS):
                self._bytes[number] *= fade
                self._ms[number] *= fade


def _fading(age_ms: int) -> float:
    return math.exp2(-age_ms / HALF_LIFE_MS)


def _parts(start_ms: int, end_ms: int) -> Iterator[tuple[int, int]]:
    """The slots that a recording lies in, and how long in each."""
    while start_ms < end_ms:
        until_ms = min(end_ms, start_ms - start_ms % HOUR_MS + HOUR_MS)
        yield slot(start_ms), until_ms - start_ms
        start_ms = until_ms
