"""Counts what passes, finely enough to say how fast the worst second was."""

from collections.abc import Callable, Sequence

SLOT_S = 0.02


class Meter:
    """Bytes over time, in slots of 20 ms; one meter may serve several links.

    Times are those of ``now_s``, a monotonic clock. A window is a whole number of slots, so its
    edges are exact to one slot.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._began_s = now_s()
        self._slots: dict[int, int] = {}
        self.total_bytes = 0

    def count(self, size_bytes: int) -> None:
        slot = self._slot_at(self._now_s())
        self._slots[slot] = self._slots.get(slot, 0) + size_bytes
        self.total_bytes += size_bytes

    def windows(
        self, window_s: float, since_s: float = float("-inf"), until_s: float = float("inf")
    ) -> Sequence[tuple[float, float]]:
        """``(end of window, bytes per second in it)`` for every window that ends in a slot with
        traffic. What passed before ``since_s`` or from ``until_s`` on is left out."""
        width = max(1, round(window_s / SLOT_S))
        slots = [slot for slot in sorted(self._slots) if since_s <= self._time_of(slot) < until_s]
        found = []
        inside = first = 0
        for slot in slots:
            inside += self._slots[slot]
            while slots[first] <= slot - width:
                inside -= self._slots[slots[first]]
                first += 1
            found.append((self._time_of(slot + 1), inside / (width * SLOT_S)))
        return found

    def worst_window_bps(
        self, window_s: float, since_s: float = float("-inf"), until_s: float = float("inf")
    ) -> int:
        """The rate of the fullest window, in bits per second; to be held against a cap."""
        return round(
            8 * max((rate for _, rate in self.windows(window_s, since_s, until_s)), default=0)
        )

    def bytes_between(self, since_s: float, until_s: float) -> int:
        """What passed in the slots that begin in the half-open span."""
        return sum(
            size for slot, size in self._slots.items() if since_s <= self._time_of(slot) < until_s
        )

    def _slot_at(self, time_s: float) -> int:
        return int((time_s - self._began_s) / SLOT_S)

    def _time_of(self, slot: int) -> float:
        return self._began_s + slot * SLOT_S
