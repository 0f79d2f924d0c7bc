"""Time, handed in at the edges so that tests can turn it."""

import time
from typing import Protocol


class Clock(Protocol):
    """Wall time for what people read, monotonic time for how long things take."""

    def now_ms(self) -> int: ...

    def mono_s(self) -> float: ...


class SystemClock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def mono_s(self) -> float:
        return time.monotonic()
