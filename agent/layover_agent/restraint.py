"""How much the agent may do now: asked by whatever can wait, looked up every few seconds."""

from collections.abc import Callable

from layover_agent.clock import Clock
from layover_agent.core.kindness import Pace, decide
from layover_agent.pressure import Pressure

LOOK_EVERY_MS = 5_000


class Restraint:
    """Remembers the pace, so that it falls at once and rises slowly."""

    def __init__(
        self, pressure: Pressure, clock: Clock, recorder_behind: Callable[[], bool]
    ) -> None:
        self._pressure = pressure
        self._clock = clock
        self._recorder_behind = recorder_behind
        self._pace: Pace | None = None
        self._looked_mono_ms = 0

    def pace(self) -> Pace:
        """Blocking, a few small reads at most."""
        now_ms = self._clock.mono_ms()
        if self._pace is None or now_ms - self._looked_mono_ms >= LOOK_EVERY_MS:
            self._looked_mono_ms = now_ms
            facts = self._pressure.facts(recorder_behind=self._recorder_behind())
            self._pace = decide(facts, self._pace, now_ms)
        return self._pace
