"""Whether a camera is late with its next recording, judged by its own habit.

A silence is usual if one as long came twice before: the pauses of a camera that records only when
something moves, its nights and weekends. A camera that never pauses is late soon after its next
file should have closed. While the box is off nobody is late.
"""

import math
import struct
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from layover_agent.core.fill import AHEAD_MS, EARLIEST_MS, LATEST_MS

HALF_LIFE_MS = 28 * 86_400_000
LEARNING_MS = 8 * 86_400_000
"""A camera that pauses is not judged before its second week: the first may have had no Sunday."""
ENOUGH_CLOSES = 5
TWICE = 1.4
"""Weight of two silences, the older one three weeks ago."""
PAUSE_MS = 5_000
"""Between the end of a recording and the start of the next: less is no pause."""
PAUSING = 0.05
"""A camera of which more recordings than this follow a pause records only now and then."""
GRACE_MS = 30_000
LONGER = 1.25
"""Beyond the longest usual silence, and beyond the usual time between two closes."""
RECENT = 4

_PER_OCTAVE = 4
_BINS = 100
"""Times between two closes, from 1 s to a year, each bin 19 % above the one before."""
_HEAD = struct.Struct("<BBqqqIf")
_VERSION = 1
_SIZE_BYTES = _HEAD.size + 4 * (RECENT + _BINS)
_MOST = (1 << 32) - 1


class BadRhythm(ValueError):
    """Bytes that are no rhythm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lateness:
    """What is known of a camera's next recording."""

    state: str
    """on-time, late, or unknown: too little was seen to know its habit."""
    last_close_ms: int = 0
    expected_close_ms: int = 0
    """By when its next recording closes if it does as usual; 0: unknown."""
    late_since_ms: int = 0
    """0: it is not late."""
    pauses: bool = False
    """It records only now and then."""
    behind: bool = False
    """Its last recordings took longer to close than usual: the recorder does not keep up."""


class Rhythm:
    """How often the recordings of one camera close. Bounded; 0.5 kB as bytes."""

    __slots__ = (
        "_bins",
        "_first_ms",
        "_last_close_ms",
        "_last_end_ms",
        "_paused",
        "_recent",
        "closes",
    )

    def __init__(self) -> None:
        self._bins = array("f", bytes(4 * _BINS))
        self._recent = array("f")
        self._first_ms = 0
        self._last_close_ms = 0
        self._last_end_ms = 0
        self._paused = 0.0
        self.closes = 0

    def closed(self, start_ms: int, end_ms: int, close_ms: int, watched_since_ms: int) -> bool:
        """Counts a recording that closed before our eyes; False: its times make no sense.

        ``watched_since_ms``: since when box and agent have both been running. What closed before
        is no neighbour of what closes after.
        """
        if not EARLIEST_MS <= start_ms <= end_ms <= LATEST_MS:
            return False
        if not EARLIEST_MS <= close_ms <= LATEST_MS:
            return False
        if close_ms < self._last_close_ms:
            if close_ms < watched_since_ms or self._last_close_ms - close_ms < AHEAD_MS:
                return False
            # The last close was told by a boot whose clock was wrong.
            self._last_close_ms = 0
        if self.closes and self._last_close_ms >= watched_since_ms:
            paused = start_ms - self._last_end_ms > PAUSE_MS
            self._paused += (paused - self._paused) / min(self.closes, 100)
            self._count(close_ms - self._last_close_ms)
        self._first_ms = min(self._first_ms or close_ms, close_ms)
        self._last_close_ms = close_ms
        self._last_end_ms = end_ms
        self.closes = min(self.closes + 1, _MOST)
        return True

    def stepped(self, shift_ms: int) -> None:
        """The wall clock was set: what was said by the old time is said by the new one."""
        if self.closes:
            self._first_ms = _within(self._first_ms + shift_ms)
            self._last_close_ms = _within(self._last_close_ms + shift_ms)
            self._last_end_ms = _within(self._last_end_ms + shift_ms)

    def judge(self, now_ms: int, up_since_ms: int) -> Lateness:
        """How the camera does at ``now_ms``, in a box that has been up since ``up_since_ms``."""
        pauses = self._paused > PAUSING
        learning = pauses and now_ms - self._first_ms < LEARNING_MS
        longest_ms = _reached(reversed(range(_BINS)), self._bins, TWICE)
        if sum(self._bins) < ENOUGH_CLOSES - 1 or learning or longest_ms is None:
            return Lateness(state="unknown", last_close_ms=self._last_close_ms, pauses=pauses)
        last_ms = self._last_close_ms if self._last_close_ms <= now_ms + AHEAD_MS else 0
        silent_from_ms = max(last_ms, up_since_ms)
        expected_ms = silent_from_ms + int(longest_ms)
        late = now_ms > silent_from_ms + longest_ms * LONGER + GRACE_MS
        return Lateness(
            state="late" if late else "on-time",
            last_close_ms=self._last_close_ms,
            expected_close_ms=expected_ms,
            late_since_ms=expected_ms if late else 0,
            pauses=pauses,
            behind=not pauses and self._behind(),
        )

    def _behind(self) -> bool:
        usual_ms = _reached(range(_BINS), self._bins, sum(self._bins) / 2)
        return (
            usual_ms is not None
            and len(self._recent) == RECENT
            and sorted(self._recent)[RECENT // 2 - 1] > usual_ms * LONGER
        )

    def _count(self, interval_ms: int) -> None:
        fade = math.exp2(-interval_ms / HALF_LIFE_MS)
        for number in range(_BINS):
            self._bins[number] *= fade
        self._bins[_bin(interval_ms)] += 1
        self._recent = self._recent[1 - RECENT :]
        self._recent.append(interval_ms)

    def to_bytes(self) -> bytes:
        head = _HEAD.pack(
            _VERSION,
            len(self._recent),
            self._first_ms,
            self._last_close_ms,
            self._last_end_ms,
            self.closes,
            self._paused,
        )
        recent = [*self._recent, *[0.0] * (RECENT - len(self._recent))]
        return head + struct.pack(f"<{RECENT + _BINS}f", *recent, *self._bins)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Rhythm":
        """BadRhythm for anything that ``to_bytes`` cannot have made."""
        if len(data) != _SIZE_BYTES or data[0] != _VERSION or data[1] > RECENT:
            raise BadRhythm(f"{len(data)} bytes are no rhythm of version {_VERSION}")
        rhythm = cls()
        _, recent, *times, rhythm.closes, rhythm._paused = _HEAD.unpack_from(data)
        values = struct.unpack_from(f"<{RECENT + _BINS}f", data, _HEAD.size)
        numbers = (*values, rhythm._paused)
        sound = all(math.isfinite(v) and v >= 0 for v in numbers)
        if not sound or not all(0 <= t <= LATEST_MS for t in times):
            raise BadRhythm("a rhythm with impossible values")
        rhythm._first_ms, rhythm._last_close_ms, rhythm._last_end_ms = times
        rhythm._recent = array("f", values[:recent])
        rhythm._bins = array("f", values[RECENT:])
        return rhythm


def _within(time_ms: int) -> int:
    return min(max(time_ms, 1), LATEST_MS)


def _bin(interval_ms: int) -> int:
    steps = math.log2(max(interval_ms, 1_000) / 1_000) * _PER_OCTAVE
    return min(int(steps), _BINS - 1)


def _reached(order: Iterable[int], bins: Sequence[float], weight: float) -> float | None:
    """Upper edge in ms of the bin at which the sum reaches ``weight``; None: never."""
    total = 0.0
    for number in order:
        total += bins[number]
        if total >= weight and bins[number]:
            return 1_000 * math.exp2((number + 1) / _PER_OCTAVE)
    return None
