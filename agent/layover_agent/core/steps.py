"""Whether the wall clock was set: told by the monotonic clock, which nobody sets.

A box without a battery for its clock begins each boot in 1970 or at its image's date and jumps
to the present when it hears GNSS or NTP. Times of before are not corrected, only marked.
"""

from dataclasses import dataclass

SLACK_MS = 500
SLEW_PPM = 700
"""NTP may slew by 500 ppm on top of a quartz's 200: that is keeping time, not setting it."""

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Both clocks of the box at one moment."""

    boot_id: str
    mono_ms: int
    wall_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A moment at which the wall clock stopped meaning what it had meant."""

    boot_id: str
    mono_ms: int
    """When it was noticed, in that boot."""
    before_ms: int
    """What the wall clock would have said then; of a boot, the least it should have said."""
    after_ms: int
    """What it said."""
    kind: str
    """step: it was set while running. unset: a boot with a clock that cannot be right. back: a
    boot whose clock is behind the one before."""

    @property
    def shift_ms(self) -> int:
        return self.after_ms - self.before_ms


def step(before: Reading, now: Reading) -> Step | None:
    """Whether the clock was set between two readings of one boot; None: it was kept.

    Readings of different boots say nothing of each other here: see ``boot``.
    """
    if before.boot_id != now.boot_id:
        return None
    elapsed_ms = max(now.mono_ms - before.mono_ms, 0)
    expected_ms = before.wall_ms + elapsed_ms
    if abs(now.wall_ms - expected_ms) <= SLACK_MS + elapsed_ms * SLEW_PPM // _MILLION:
        return None
    return Step(
        boot_id=now.boot_id,
        mono_ms=now.mono_ms,
        before_ms=expected_ms,
        after_ms=now.wall_ms,
        kind="step",
    )


def boot(now: Reading, built_ms: int, last_wall_ms: int | None = None) -> Step | None:
    """What is wrong with the clock of a boot at its first reading; None: nothing known.

    ``built_ms``: when this software was made, before which no reading can be right.
    ``last_wall_ms``: the last reading of the boot before; it may itself have been wrong.
    """
    if now.wall_ms < built_ms:
        kind, least_ms = "unset", built_ms
    elif last_wall_ms is not None and now.wall_ms < last_wall_ms - SLACK_MS:
        kind, least_ms = "back", last_wall_ms
    else:
        return None
    return Step(
        boot_id=now.boot_id,
        mono_ms=now.mono_ms,
        before_ms=least_ms,
        after_ms=now.wall_ms,
        kind=kind,
    )
