"""The sender's pace: never faster than asked, because a reader that merely stops reading leaves
megabytes in socket buffers on the way."""

import asyncio
from collections.abc import Callable

TICK_S = 0.02
"""How finely a rate is kept: what may go out at once, in seconds' worth of it."""
MIN_BLOCK_BYTES = 4 << 10
MAX_BLOCK_BYTES = 128 << 10


class Pace:
    """A token bucket with almost no burst."""

    def __init__(self, rate_bps: int | None, now_s: Callable[[], float]) -> None:
        self._rate_bps = rate_bps
        self._now_s = now_s
        self._free_at_s = now_s()

    @property
    def block_bytes(self) -> int:
        """How much to send at a time so that the rate is smooth."""
        if self._rate_bps is None:
            return MAX_BLOCK_BYTES
        tick_bytes = int(self._rate_bps / 8 * TICK_S)
        return min(max(tick_bytes, MIN_BLOCK_BYTES), MAX_BLOCK_BYTES)

    async def wait(self, size_bytes: int) -> None:
        """Until ``size_bytes`` may go out."""
        if self._rate_bps is None:
            return
        now_s = self._now_s()
        # A late sender may catch up on one tick, not on a second's worth of silence. Bytes are
        # earned before they go out: a free first block in each of many spans would break a cap.
        self._free_at_s = max(self._free_at_s, now_s - TICK_S) + size_bytes * 8 / self._rate_bps
        if self._free_at_s > now_s:
            await asyncio.sleep(self._free_at_s - now_s)
