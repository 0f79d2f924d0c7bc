"""Time on the box: its wall clock may be wrong, its monotonic clock counts one boot."""

import ctypes
import time
from pathlib import Path
from typing import Protocol

from layover_agent.wire import types

_TIME_ERROR = 5


class Clock(Protocol):
    boot_id: str

    def wall_ms(self) -> int: ...

    def mono_ms(self) -> int: ...

    def synced(self) -> bool | None: ...


class SystemClock:
    def __init__(self) -> None:
        self.boot_id = _boot_id()
        self._libc = ctypes.CDLL(None, use_errno=True)

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def mono_ms(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    def synced(self) -> bool | None:
        """Whether the kernel's clock is disciplined (adjtimex(2)); None: cannot be known."""
        buffer = ctypes.create_string_buffer(512)
        try:
            state = self._libc.adjtimex(buffer)
        except AttributeError:
            return None
        return None if state < 0 else state != _TIME_ERROR


def reading(clock: Clock) -> types.Clock:
    """What the clocks say now, for the wire."""
    return types.Clock(
        wall_ms=clock.wall_ms(),
        mono_ms=clock.mono_ms(),
        boot_id=clock.boot_id,
        synced=clock.synced(),
    )


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"
