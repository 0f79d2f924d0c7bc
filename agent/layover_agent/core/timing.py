"""Whether a recording's times fit one another and the box's clock."""

from layover_agent.core.diagnosis import OFF_MS
from layover_agent.core.units import spoken_seconds, spoken_time

EARLIEST_MS = 946_684_800_000
"""2000-01-01: before it no recorder's clock was set."""
SLACK_MS = 120_000
"""Between the end of a recording and the last write of its file."""
QUARTER_MS = 900_000
ZONES_MS = 14 * 3_600_000


def wrong_time(start_ms: int, end_ms: int, written_ms: int, now_ms: int) -> str:
    """What is wrong with a closed recording's times; empty: nothing.

    ``written_ms`` is when its file was last written, which happens at its end; ``now_ms`` is the
    box's clock, which may be the one that is wrong.
    """
    if start_ms < EARLIEST_MS:
        return f"it says it began {spoken_time(start_ms)}: the recorder's clock was not set"
    ahead_ms = end_ms - now_ms
    off_ms = written_ms - end_ms
    if ahead_ms > OFF_MS and off_ms + ahead_ms > OFF_MS:
        return f"it and its file end in the future, by {_span(ahead_ms)}: the clock was set back"
    most_ms = max(SLACK_MS, end_ms - start_ms)
    if -SLACK_MS <= off_ms <= most_ms:
        return ""
    side = "after" if off_ms > 0 else "before"
    said = f"its file was last written {_span(abs(off_ms))} {side} its end"
    rest_ms = (abs(off_ms) + QUARTER_MS // 2) % QUARTER_MS - QUARTER_MS // 2
    if abs(off_ms) <= ZONES_MS + SLACK_MS and abs(rest_ms) <= SLACK_MS:
        return f"{said}: the zone of its names may be another"
    return said


def _span(span_ms: int) -> str:
    return spoken_seconds(span_ms // 1000)
