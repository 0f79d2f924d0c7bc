"""A button that may bounce, be pressed in panic, or be stuck: what one more press means."""

from dataclasses import dataclass
from enum import StrEnum

DAY_S = 86_400


class Meaning(StrEnum):
    NEW = "new"
    """A hold of its own."""
    PROLONGS = "prolongs"
    """The hold of the press before goes on for longer."""
    BOUNCE = "bounce"
    """The same press once more."""
    REFUSED = "refused"
    """Too many for one day: the button is stuck, or misused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    debounce_ms: int = 300
    pause_s: int = 60
    """Presses within so long of the one that began a hold prolong it."""
    per_day: int = 24


class Presses:
    """Remembers one run of presses. Times are monotonic."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._last_ms: int | None = None
        self._began_ms: int | None = None

    def pressed(self, now_ms: int, holds_today: int) -> Meaning:
        """What a press now means. ``holds_today``: holds that presses began in the last 24 h of
        uptime."""
        last_ms, self._last_ms = self._last_ms, now_ms
        if last_ms is not None and now_ms - last_ms < self._rules.debounce_ms:
            return Meaning.BOUNCE
        if self._began_ms is not None and now_ms - self._began_ms < self._rules.pause_s * 1000:
            return Meaning.PROLONGS
        if holds_today >= self._rules.per_day:
            return Meaning.REFUSED
        self._began_ms = now_ms
        return Meaning.NEW
