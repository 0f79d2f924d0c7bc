"""When a file counts as closed, and when its recording ended: rules over what was observed."""

from dataclasses import dataclass
from enum import StrEnum

PATIENCE_MS = 60_000
"""An unfinished file without a successor counts as abandoned after this long."""

_SLACK_MS = 10_000


class Verdict(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    DAMAGED = "damaged"
    """Closed, but cut short: a power cut, or a recorder that died."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What speaks for a file being closed."""

    close_seen: bool
    """The kernel told of a close after writing, and nothing changed since."""
    newer_exists: bool
    """The same camera has a recording that began later."""
    unchanged_ms: int
    """How long the file has looked the same, by the monotonic clock."""
    age_ms: int
    """How long ago it was last written, by the wall clock."""


def may_be_closed(signs: Signs, settle_ms: int) -> bool:
    """Whether it is worth opening the file."""
    return signs.close_seen or signs.newer_exists or signs.unchanged_ms >= settle_ms


def verdict(signs: Signs, settle_ms: int, complete: bool | None) -> Verdict:
    """``complete``: what the file's own structure says; None: its container cannot tell."""
    if not may_be_closed(signs, settle_ms):
        return Verdict.OPEN
    if complete is not False:
        return Verdict.CLOSED
    abandoned = signs.newer_exists or max(signs.unchanged_ms, signs.age_ms) >= PATIENCE_MS
    return Verdict.DAMAGED if abandoned and signs.unchanged_ms >= settle_ms else Verdict.OPEN


@dataclass(frozen=True, slots=True)
class End:
    end_ms: int
    source: str
    confidence: str


def end_of(
    start_ms: int,
    start_sure: bool,
    duration_ms: int | None,
    next_start_ms: int | None,
    mtime_ms: int,
) -> End:
    """When a recording ended, and how far that can be trusted.

    The next recording's start counts only where the file was written until about then: a
    recorder that was off for a night leaves a gap, not a long recording.
    """
    if duration_ms is not None:
        return End(start_ms + duration_ms, "container", "sure" if start_sure else "derived")
    stopped_before = next_start_ms is not None and (
        start_ms < mtime_ms < next_start_ms - _SLACK_MS
    )
    if next_start_ms is not None and not stopped_before:
        return End(next_start_ms, "next-recording", "derived")
    return End(max(start_ms, mtime_ms), "mtime", "guessed")
