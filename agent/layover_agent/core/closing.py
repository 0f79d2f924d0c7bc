"""Whether a recording is closed: nothing is offered that the recorder may still write."""

from dataclasses import dataclass

QUIET_MS = 2_000
"""A newer recording proves a file closed only once it has not been written to for so long: where
the clock was set back, recordings of the future lie beside the one being made."""

DAMAGED_AFTER_MS = 60_000
"""A file that its container calls unfinished is listed as damaged only when it is this old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What speaks for a file's being closed."""

    said: bool | None = None
    """By the recorder itself (its database, its segment list, a marker); None: it says nothing."""
    seen: bool = False
    """It was closed, or moved into place, before our eyes."""
    succeeded: bool = False
    """A newer recording of its camera exists."""
    written_ago_ms: int
    """By the wall clock; negative for a time of the future."""
    unchanged_ms: int = 0
    """How long we have watched it without a change."""


def is_closed(signs: Signs, settle_ms: int) -> bool:
    """``settle_ms``: so long unchanged, a file of this source counts as closed."""
    if signs.said is not None:
        return signs.said
    if signs.seen or signs.written_ago_ms >= settle_ms or signs.unchanged_ms >= settle_ms:
        return True
    quiet = abs(signs.written_ago_ms) >= QUIET_MS or signs.unchanged_ms >= QUIET_MS
    return signs.succeeded and quiet


def may_be_unfinished(written_ago_ms: int) -> bool:
    """Whether a file whose container is not complete may be one whose end is still to come."""
    return 0 <= written_ago_ms < DAMAGED_AFTER_MS
