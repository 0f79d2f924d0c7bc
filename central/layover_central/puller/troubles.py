"""Transfers that failed, and when each may be tried again: ever more rarely, never at once."""

from collections.abc import Iterator
from dataclasses import dataclass

FIRST_MS = 500
CAP_MS = 60_000


@dataclass(frozen=True, slots=True)
class Trouble:
    count: int
    retry_ms: int
    why: str


class Troubles:
    """By transfer. Progress clears: what moves the high-water mark begins the count anew."""

    def __init__(self) -> None:
        self._known: dict[int, Trouble] = {}

    def failed(self, transfer_id: int, why: str, now_ms: int, *, fresh: bool) -> None:
        """Counts a failure; ``fresh``: bytes had come since the last one."""
        known = self._known.get(transfer_id)
        count = 1 if known is None or fresh else known.count + 1
        delay_ms = min(FIRST_MS << min(count - 1, 10), CAP_MS)
        self._known[transfer_id] = Trouble(count, now_ms + delay_ms, why)

    def over(self, transfer_id: int) -> None:
        self._known.pop(transfer_id, None)

    def barred(self, transfer_id: int, now_ms: int) -> Trouble | None:
        """The trouble that keeps a transfer from being tried now; None: it may be."""
        known = self._known.get(transfer_id)
        return known if known is not None and known.retry_ms > now_ms else None

    def retries_after(self, now_ms: int) -> Iterator[int]:
        """The times at which something may be tried again."""
        return (t.retry_ms for t in self._known.values() if t.retry_ms > now_ms)
