"""What the agent uses while nothing is asked of it."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from layover_sim.bench.usage import Usage

WINDOW_S = 10.0
QUIET_PERCENT = 2.0
"""Of one core over a window: hashing and scanning take far more, being there far less."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The processor time of a process over a while."""

    took_s: float
    cpu_s: float

    @property
    def percent(self) -> float:
        """Of one core."""
        return 100 * self.cpu_s / self.took_s


async def over(usage: Usage, seconds: float) -> Stretch:
    began_s, cpu_s = time.monotonic(), usage.cpu_s()
    await asyncio.sleep(seconds)
    return Stretch(time.monotonic() - began_s, usage.cpu_s() - cpu_s)


async def settled(usage: Usage, done: Callable[[], bool], within_s: float) -> float | None:
    """Waits until the work in the background is ``done`` and two windows in a row were quiet.

    How long that took, in seconds; None where it was not within the time given.
    """
    began_s = time.monotonic()
    quiet = 0
    while quiet < 2:
        if time.monotonic() - began_s > within_s:
            return None
        stretch = await over(usage, WINDOW_S)
        quiet = quiet + 1 if stretch.percent < QUIET_PERCENT and done() else 0
    return time.monotonic() - began_s - 2 * WINDOW_S
