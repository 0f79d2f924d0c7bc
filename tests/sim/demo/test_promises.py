"""Each promise of the demo, broken alone; and the cap against its timetable."""

from dataclasses import replace
from typing import Any

import pytest

from layover_central.core.timetable import Timetable
from layover_sim.demo.promises import Outcome, broken, cap_violations

KEPT = Outcome(
    sites=4,
    requests=6,
    complete=5,
    partial=0,
    lost=1,
    warned_before_loss=1,
    warned_ahead_s=30.0,
    bytes_archived=10_000_000,
    bytes_resent=0,
    cap_violations=0,
    verified=12,
    archived=12,
    resumed_mid_file=1,
    resumed_offset_bytes=1000,
    noticed_s=0.3,
    held_first=12,
    paused_by_window=1,
    seconds=60.0,
)


def test_a_run_that_keeps_every_promise_breaks_none() -> None:
    assert broken(KEPT) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"lost": 0, "warned_before_loss": 0}, "exactly one request is lost"),
        ({"lost": 2, "warned_before_loss": 2}, "exactly one request is lost"),
        ({"complete": 4}, "every other request is complete"),
        ({"partial": 1}, "partial"),
        ({"warned_before_loss": 0}, "warned"),
        ({"warned_ahead_s": 9.9}, "warned"),
        ({"cap_violations": 1}, "cap"),
        ({"verified": 11}, "whole and plays"),
        ({"verified": 0, "archived": 0}, "whole and plays"),
        ({"resumed_mid_file": 0}, "resumed"),
        ({"bytes_resent": 1}, "sent twice"),
        ({"noticed_s": 1.1}, "noticed"),
        ({"held_first": 0}, "holds"),
        ({"paused_by_window": 0}, "window"),
    ],
    ids=lambda case: "-".join(case) if isinstance(case, dict) else None,
)
def test_each_promise_broken_alone_is_named(change: dict[str, Any], said: str) -> None:
    (text,) = broken(replace(KEPT, **change))
    assert said in text


MONDAY_MS = 1_784_505_600_000 - 1_784_505_600_000 % 86_400_000


@pytest.mark.parametrize(
    ("timetable", "size_bytes", "violations"),
    [
        ("8Mbit/s", 1_000_000, 0),
        ("8Mbit/s", 1_074_000, 0),
        ("8Mbit/s", 1_076_000, 1),
        ("unlimited", 1_000_000_000, 0),
        ("closed", 25_000, 0),
        ("closed", 25_001, 1),
    ],
    ids=["at it", "within tolerance", "above", "no cap", "control in a closed window", "bulk"],
)
def test_a_window_is_held_against_the_timetable(
    timetable: str, size_bytes: int, violations: int
) -> None:
    parsed = Timetable.parse(timetable, "UTC")
    assert cap_violations(parsed, [(MONDAY_MS + 5000, size_bytes)], 1000) == violations


def test_a_window_across_a_change_of_rate_may_hold_some_of_each() -> None:
    parsed = Timetable.parse("00:00 8Mbit/s, 12:00 closed", "UTC")
    noon_ms = MONDAY_MS + 43_200_000
    assert cap_violations(parsed, [(noon_ms + 500, 520_000)], 1000) == 0
    assert cap_violations(parsed, [(noon_ms + 500, 600_000)], 1000) == 1
