"""One direction of a link: its rate, delay, meters, and what is to happen to its bytes."""

import asyncio
from collections.abc import Callable

from layover_sim.meter import Meter

BLOCK_BYTES = 64 << 10
_GRAIN_S = 0.01
_SLACK_S = 0.02


class Shaper:
    """A rate shared by everything that asks it; the burst is one tick's worth."""

    def __init__(self, rate_bps: int | None = None) -> None:
        self.rate_bps = rate_bps
        """None: unlimited. May be changed at any time."""
        self._free_at_s = 0.0

    def reserve(self, size_bytes: int, now_s: float) -> float:
        """When these bytes will have passed, after all those reserved before them."""
        if self.rate_bps is None:
            return now_s
        # A sleep that took too long may be made up for, an idle second may not.
        self._free_at_s = max(self._free_at_s, now_s - _SLACK_S) + size_bytes * 8 / self.rate_bps
        return self._free_at_s

    def grain_bytes(self) -> int:
        """The size of block that keeps the flow smooth."""
        if self.rate_bps is None:
            return BLOCK_BYTES
        return max(1, min(BLOCK_BYTES, int(self.rate_bps / 8 * _GRAIN_S)))


class Lane:
    """What all connections of a link share in one direction."""

    def __init__(self, now_s: Callable[[], float], delay_s: float) -> None:
        self.shaper = Shaper()
        self.meter = Meter(now_s)
        """Counts what was delivered."""
        self.depot_shaper: Shaper | None = None
        self.depot_meter: Meter | None = None
        """A depot's own line: one shaper, one meter, given to the lanes of all its links."""
        self.delay_s = delay_s
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.cutting = False
        """While connections are being reset nothing passes, so that a cut is exact."""
        self.cut_at_bytes: int | None = None
        self.flip_at_bytes: int | None = None

    def reserve(self, size_bytes: int, now_s: float) -> float:
        """When these bytes leave at the earliest, by the link's rate and by the depot's."""
        ready_s = self.shaper.reserve(size_bytes, now_s)
        if self.depot_shaper is None:
            return ready_s
        return max(ready_s, self.depot_shaper.reserve(size_bytes, now_s))

    def grain_bytes(self) -> int:
        depot = self.depot_shaper.grain_bytes() if self.depot_shaper else BLOCK_BYTES
        return min(self.shaper.grain_bytes(), depot)

    def capacity_bytes(self) -> int:
        """What one connection may have under way: a block, and what the delay holds."""
        return BLOCK_BYTES + int((self.shaper.rate_bps or 0) / 8 * self.delay_s)

    def passing(self, data: memoryview) -> memoryview:
        """The part of ``data`` to deliver next: up to the cut, the byte to flip by itself.

        Empty where nothing may pass for now.
        """
        if self.cutting:
            return data[:0]
        if self.cut_at_bytes is not None:
            data = data[: self.cut_at_bytes - self.meter.total_bytes]
        if self.flip_at_bytes is None or not data:
            return data
        at = self.flip_at_bytes - self.meter.total_bytes
        return data[:at] if at else memoryview(bytes([data[0] ^ 0x10]))

    def delivered(self, size_bytes: int) -> bool:
        """Counts; True where the link is to be cut now."""
        if self.flip_at_bytes == self.meter.total_bytes:
            self.flip_at_bytes = None
        self.meter.count(size_bytes)
        if self.depot_meter is not None:
            self.depot_meter.count(size_bytes)
        return self.cut_at_bytes == self.meter.total_bytes
