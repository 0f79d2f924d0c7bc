"""When the recorder will overwrite a recording: always an interval, never one date.

A ring of bytes deletes the oldest first: a recording goes when what was recorded after it fills
the rest of the ring. An age rule deletes what is older. The first rule to strike counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

FASTER = 1.3
SLOWER = 0.6
"""How much faster or slower than lately the recorder may fill its ring: the interval's edges."""

DELETES_LATE_S = 60
"""How long after its time a recorder may take to sweep by age."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One way in which the source of a recording deletes: kind ``ring`` or ``age``."""

    kind: str
    max_bytes: int = 0
    max_age_s: int = 0


@dataclass(frozen=True, slots=True)
class Fill:
    """How a source fills, as its manifest showed it."""

    bytes_per_s: float
    segment_bytes: int
    """Size of a typical recording: the grain in which a ring deletes."""


@dataclass(frozen=True, slots=True)
class Expiry:
    """Overwritten hardly before ``early_ms``, most likely about ``likely_ms``, by ``late_ms``."""

    early_ms: int
    likely_ms: int
    late_ms: int


def forecast(
    rules: Sequence[Rule],
    fill: Fill | None,
    start_ms: int,
    used_from_here_bytes: int,
    as_of_ms: int,
) -> Expiry | None:
    """The expiry of a recording that began at ``start_ms``.

    ``used_from_here_bytes``: size of this recording and all younger ones of its source, as of
    ``as_of_ms``. None: no known rule deletes it, or the fill of its ring is not known yet.
    """
    found = [
        e for rule in rules if (e := _by(rule, fill, start_ms, used_from_here_bytes, as_of_ms))
    ]
    if not found:
        return None
    return Expiry(
        min(e.early_ms for e in found),
        min(e.likely_ms for e in found),
        min(e.late_ms for e in found),
    )


def _by(
    rule: Rule, fill: Fill | None, start_ms: int, used_from_here_bytes: int, as_of_ms: int
) -> Expiry | None:
    if rule.kind == "age" and rule.max_age_s > 0:
        due_ms = start_ms + rule.max_age_s * 1000
        return Expiry(due_ms, due_ms, due_ms + DELETES_LATE_S * 1000)
    if rule.kind == "ring" and rule.max_bytes > 0 and fill and fill.bytes_per_s > 0:
        room = rule.max_bytes - used_from_here_bytes
        return Expiry(
            as_of_ms + _fill_ms(room - 2 * fill.segment_bytes, fill.bytes_per_s * FASTER),
            as_of_ms + _fill_ms(room, fill.bytes_per_s),
            as_of_ms + _fill_ms(room + 2 * fill.segment_bytes, fill.bytes_per_s * SLOWER),
        )
    return None


def _fill_ms(room_bytes: int, bytes_per_s: float) -> int:
    return int(max(room_bytes, 0) / bytes_per_s * 1000)


def observed_fill(sizes_and_ends: Sequence[tuple[int, int, int]], window_ms: int) -> Fill | None:
    """The fill of one source from its recordings, ``(start_ms, end_ms, size_bytes)`` each.

    Looks at the last ``window_ms`` before the youngest end. None: fewer than two recordings, or
    no time between the first start and the last end.
    """
    if len(sizes_and_ends) < 2:
        return None
    last_ms = max(end for _, end, _ in sizes_and_ends)
    recent = [r for r in sizes_and_ends if r[1] > last_ms - window_ms]
    first_ms = min(start for start, _, _ in recent)
    if last_ms <= first_ms:
        return None
    total = sum(size for _, _, size in recent)
    return Fill(total * 1000 / (last_ms - first_ms), max(total // len(recent), 1))
