"""How much work the agent may do now without being felt: by the recorder, the heat, the battery.

Work is what can wait: hashing, checking, scanning early. What central waits for (a hold's digest,
bytes it asked for) goes on whatever the box says, slower, never not at all. Slowing down is
immediate, recovering takes a minute: a box at its limit must not swing.
"""

from collections.abc import Iterator
from dataclasses import dataclass

LEAST_WAITED_SHARE = 0.05
"""What is waited for gets at least this share."""
FULL_READ_BPS = 800_000_000
LEAST_READ_BPS = 16_000_000
"""Reads of an agent that holds back: between these, by share; unbounded at full share."""
RECOVERY_MS = 60_000
"""From nothing to full."""
STEP = 0.1
"""Changes upwards smaller than this are not worth a change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the box says of itself. None: it does not say.

    Pressures are Linux PSI ``some avg10`` in per cent: the share of the last ten seconds in
    which something had to wait. ``own_*``: the same of the agent's own unit.
    """

    io_percent: float | None = None
    cpu_percent: float | None = None
    memory_percent: float | None = None
    own_io_percent: float | None = None
    own_cpu_percent: float | None = None
    own_memory_percent: float | None = None
    load_per_core: float | None = None
    """Runnable tasks of the last minute per core; asked only where there is no PSI."""
    recorder_behind: bool = False
    """Recordings close later than they should."""
    temperature_c: float | None = None
    temperature_limit_c: float | None = None
    """Of the sensor nearest to its limit."""
    on_battery: bool | None = None
    battery_percent: int | None = None
    ignition_on: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What the agent may do, until it asks again."""

    work_share: float
    """Of the time: 0 rests, 1 works without pause."""
    read_bps: int | None
    """Bits per second to read from the recordings' disk at most; None: unbounded."""
    why: str
    """What holds it back; empty: nothing."""
    mono_ms: int
    """When it was decided."""

    def waited_for(self) -> "Pace":
        """The pace of work that central waits for."""
        if self.work_share >= LEAST_WAITED_SHARE:
            return self
        return Pace(
            work_share=LEAST_WAITED_SHARE,
            read_bps=_read_bps(LEAST_WAITED_SHARE),
            why=self.why,
            mono_ms=self.mono_ms,
        )


@dataclass(frozen=True, slots=True)
class _Ramp:
    """Full share up to ``ease``, none from ``stop``."""

    what: str
    ease: float
    stop: float

    def share(self, value: float) -> float:
        return min(max((self.stop - value) / (self.stop - self.ease), 0.0), 1.0)


_IO = _Ramp("the disk is busy", 10, 40)
_CPU = _Ramp("the processor is busy", 30, 80)
_MEMORY = _Ramp("memory is short", 5, 20)
_LOAD = _Ramp("tasks wait for processor or disk", 1.5, 4)
_HEAT = _Ramp("the box is hot", -15, -3)
"""Kelvin above the limit: the kernel throttles everyone there, the recorder too."""
_BATTERY = _Ramp("the battery runs low", -60, -20)
UNKNOWN_LIMIT_C = 85.0
"""Where a sensor tells no limit: what fanless boxes and their cards are built for."""
BEHIND_SHARE = 0.1
ON_BATTERY_SHARE = 0.5
IGNITION_OFF_SHARE = 0.5


def decide(facts: Facts, before: Pace | None, mono_ms: int) -> Pace:
    """The pace from now on. ``before``: the last one, whose recovery goes on."""
    target, why = min(_limits(facts), default=(1.0, ""))
    if before is not None and target > before.work_share:
        elapsed_ms = max(mono_ms - before.mono_ms, 0)
        reached = min(target, before.work_share + elapsed_ms / RECOVERY_MS)
        if reached - before.work_share < STEP and reached < target:
            return before
        if reached < target:
            why = before.why
        target = reached
    return Pace(work_share=target, read_bps=_read_bps(target), why=why, mono_ms=mono_ms)


def _limits(facts: Facts) -> Iterator[tuple[float, str]]:
    """Every share below full that a fact asks for, and the fact."""
    for share, why in _wishes(facts):
        if share < 1:
            yield share, why


def _wishes(facts: Facts) -> Iterator[tuple[float, str]]:
    for ramp, whole, own in (
        (_IO, facts.io_percent, facts.own_io_percent),
        (_CPU, facts.cpu_percent, facts.own_cpu_percent),
        (_MEMORY, facts.memory_percent, facts.own_memory_percent),
    ):
        if whole is not None:
            others = _of_others(whole, own)
            yield ramp.share(others), f"{ramp.what}: {others:.0f} % of the time something waits"
    if facts.cpu_percent is None and facts.load_per_core is not None:
        yield _LOAD.share(facts.load_per_core), f"{_LOAD.what}: load {facts.load_per_core:.1f}"
    if facts.temperature_c is not None:
        limit_c = facts.temperature_limit_c or UNKNOWN_LIMIT_C
        text = f"{_HEAT.what}: {facts.temperature_c:.0f} of {limit_c:.0f} °C"
        yield _HEAT.share(facts.temperature_c - limit_c), text
    if facts.recorder_behind:
        yield BEHIND_SHARE, "the recorder is behind"
    if facts.on_battery:
        percent = 100 if facts.battery_percent is None else facts.battery_percent
        share = min(ON_BATTERY_SHARE, _BATTERY.share(-percent))
        yield (
            share,
            f"on battery, {percent} %" if facts.battery_percent is not None else "on battery",
        )
    if facts.ignition_on is False:
        yield IGNITION_OFF_SHARE, "the ignition is off"


def _of_others(whole: float, own: float | None) -> float:
    """Pressure as far as it may be somebody else's.

    Stalls of the agent itself are in the whole. Those of others may have been at the same
    moments: between ``whole - own`` and ``whole``, so the middle of it.
    """
    return whole - min(own or 0.0, whole) / 2


def _read_bps(share: float) -> int | None:
    if share >= 1:
        return None
    return LEAST_READ_BPS + int((FULL_READ_BPS - LEAST_READ_BPS) * share**2)
