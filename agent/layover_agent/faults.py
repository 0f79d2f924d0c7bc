"""What is wrong with the box now: raised and cleared by whoever notices, worst first."""

import logging

from layover_agent.clock import Clock
from layover_agent.wire.types import Fault

log = logging.getLogger(__name__)

_WORST_FIRST = ("critical", "warning", "notice")
_MOST = 100


class Faults:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._faults: dict[str, Fault] = {}

    def report(self, code: str, severity: str, text: str, remedy: str) -> None:
        """States a fault; one that stands already keeps the time since when it does."""
        known = self._faults.get(code)
        since_ms = known.since_ms if known else self._clock.wall_ms()
        if known is None and len(self._faults) >= _MOST:
            return
        if known is None or known.text != text:
            log.warning("%s: %s %s", code, text, remedy)
        self._faults[code] = Fault(
            code=code, severity=severity, since_ms=since_ms, text=text[:1000], remedy=remedy
        )

    def clear(self, code: str) -> None:
        if self._faults.pop(code, None):
            log.info("%s: over", code)

    def all(self) -> list[Fault]:
        return sorted(
            self._faults.values(), key=lambda one: (_WORST_FIRST.index(one.severity), one.since_ms)
        )
