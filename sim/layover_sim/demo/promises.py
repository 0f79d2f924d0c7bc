"""What the demo promises, judged from what was measured. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from layover_central.core.timetable import Timetable

CAP_TOLERANCE = 1.05
CONTROL_BITS = 200_000
"""What status, holds and manifest may add in a second, inside a closed window as well."""
WARNED_AHEAD_S = 10.0
NOTICED_WITHIN_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Everything measured in one run; also the demo's JSON."""

    sites: int
    requests: int
    complete: int
    partial: int
    lost: int
    warned_before_loss: int
    warned_ahead_s: float
    bytes_archived: int
    bytes_resent: int
    cap_violations: int
    verified: int
    archived: int
    resumed_mid_file: int
    resumed_offset_bytes: int
    noticed_s: float
    held_first: int
    paused_by_window: int
    seconds: float


def broken(outcome: Outcome) -> list[str]:
    """The promises that were not kept, in words."""
    checks = [
        (outcome.lost == 1, f"exactly one request is lost, not {outcome.lost}"),
        (outcome.complete == outcome.requests - 1, "every other request is complete"),
        (outcome.partial == 0, "no request is partial"),
        (
            outcome.warned_before_loss == outcome.lost and outcome.warned_ahead_s >= WARNED_AHEAD_S,
            f"the loss is warned of at least {WARNED_AHEAD_S:.0f} s before "
            f"(it was {outcome.warned_ahead_s:.1f} s)",
        ),
        (outcome.cap_violations == 0, f"the cap is kept ({outcome.cap_violations} violations)"),
        (
            0 < outcome.verified == outcome.archived,
            f"every archived file is whole and plays ({outcome.verified} of {outcome.archived})",
        ),
        (outcome.resumed_mid_file > 0, "a transfer is cut inside a file and resumed"),
        (outcome.bytes_resent == 0, f"no byte is sent twice ({outcome.bytes_resent} were)"),
        (
            outcome.noticed_s <= NOTICED_WITHIN_S,
            f"an arrival is noticed within {NOTICED_WITHIN_S:.0f} s ({outcome.noticed_s:.2f} s)",
        ),
        (outcome.held_first > 0, "holds are placed before bytes are fetched"),
        (outcome.paused_by_window > 0, "work pauses while the window is closed"),
    ]
    return [text for kept, text in checks if not kept]


def cap_violations(
    timetable: Timetable, windows: Sequence[tuple[int, float]], window_ms: int
) -> int:
    """Windows, ``(end_ms, bytes in it)``, in which more passed than the timetable allows."""
    count = 0
    for end_ms, size_bytes in windows:
        allowed = timetable.bits_between(end_ms - window_ms, end_ms)
        if allowed is not None and size_bytes * 8 > allowed * CAP_TOLERANCE + CONTROL_BITS:
            count += 1
    return count
