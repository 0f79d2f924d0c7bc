"""Notices when the box's wall clock is set, and writes it down."""

from collections.abc import Callable

from layover_agent.clock import Clock
from layover_agent.core.steps import Reading, Step, boot, step
from layover_agent.journal import Journal

BUILT_MS = 1_793_491_200_000
"""2026-11-01: a clock that is behind was never set. Raised with releases."""
SAVE_EVERY_MS = 3_600_000
_TOGETHER_MS = 20
_TRIES = 5


class ClockWatch:
    """Compares the wall clock with the monotonic one each time it is asked to."""

    def __init__(self, journal: Journal, clock: Clock, stepped: Callable[[int], None]) -> None:
        """``stepped`` is told by how many ms the wall clock was set, of steps while running."""
        self._journal = journal
        self._clock = clock
        self._stepped = stepped
        self._last: Reading | None = None
        self._saved_mono_ms = 0

    async def check(self) -> Step | None:
        """What happened to the wall clock since the last time; None: nothing."""
        now = _reading(self._clock)
        if self._last is None:
            found = await self._first(now)
        else:
            found = step(self._last, now)
            if found is not None:
                self._stepped(found.shift_ms)
        self._last = now
        if found is not None:
            await self._journal.note_steps([found])
        if found is not None or now.mono_ms - self._saved_mono_ms >= SAVE_EVERY_MS:
            await self.save()
        return found

    async def _first(self, now: Reading) -> Step | None:
        before = await self._journal.last_reading()
        self._saved_mono_ms = now.mono_ms - SAVE_EVERY_MS
        if before is not None and before.boot_id == now.boot_id:
            return step(before, now)
        return boot(now, BUILT_MS, None if before is None else before.wall_ms)

    async def save(self) -> None:
        """Writes down where the clocks are; to be called at the end, too."""
        if self._last is not None:
            self._saved_mono_ms = self._last.mono_ms
            await self._journal.set_last_reading(self._last)


def _reading(clock: Clock) -> Reading:
    """Both clocks at one moment: a process put to sleep between them has seen no step."""
    for _ in range(_TRIES):
        before_ms = clock.mono_ms()
        wall_ms = clock.wall_ms()
        mono_ms = clock.mono_ms()
        if mono_ms - before_ms <= _TOGETHER_MS:
            break
    return Reading(boot_id=clock.boot_id, mono_ms=mono_ms, wall_ms=wall_ms)
