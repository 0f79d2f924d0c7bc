"""Counts what passes, finely enough to say how fast the worst second was."""

from collections.abc import Callable, Sequence

SLOT_S = 0.05


class Meter:
    """Bytes over time, in slots of 50 ms; one meter may serve several links."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._began_s = now_s()
        self._slots: dict[int, int] = {}
        self.total_bytes = 0

    def count(self, size_bytes: int) -> None:
        slot = int((self._now_s() - self._began_s) / SLOT_S)
        self._slots[slot] = self._slots.get(slot, 0) + size_bytes
        self.total_bytes += size_bytes

    def windows(self, window_s: float) -> Sequence[tuple[float, float]]:
        """``(end of window, bytes per second in it)`` for every window that ends in a slot with
        traffic."""
        if not self._slots:
            return []
        width = round(window_s / SLOT_S)
        found = []
        for end in sorted(self._slots):
            total = sum(self._slots.get(slot, 0) for slot in range(end - width + 1, end + 1))
            found.append((self._began_s + (end + 1) * SLOT_S, total / window_s))
        return found
