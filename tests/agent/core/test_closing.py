"""When a file counts as closed."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layover_agent.core.closing import (
    DAMAGED_AFTER_MS,
    QUIET_MS,
    Signs,
    is_closed,
    may_be_unfinished,
)

SETTLE_MS = 5_000
JUST_WRITTEN = Signs(written_ago_ms=0)

CASES = {
    "just written, nothing known": (JUST_WRITTEN, False),
    "seen being closed": (replace(JUST_WRITTEN, seen=True), True),
    "the recorder says it is closed": (replace(JUST_WRITTEN, said=True), True),
    "the recorder says it is open, whatever else": (
        Signs(said=False, seen=True, succeeded=True, written_ago_ms=10**9, unchanged_ms=10**9),
        False,
    ),
    "written just less than the settling time ago": (Signs(written_ago_ms=SETTLE_MS - 1), False),
    "written the settling time ago": (Signs(written_ago_ms=SETTLE_MS), True),
    "written in the future": (Signs(written_ago_ms=-(10**9)), False),
    "written in the future, and watched long enough": (
        Signs(written_ago_ms=-(10**9), unchanged_ms=SETTLE_MS),
        True,
    ),
    "written in the future, and watched not long enough": (
        Signs(written_ago_ms=-(10**9), unchanged_ms=SETTLE_MS - 1),
        False,
    ),
    "a newer one exists, but it was written just now": (
        replace(JUST_WRITTEN, succeeded=True),
        False,
    ),
    "a newer one exists, and it is quiet": (
        Signs(succeeded=True, written_ago_ms=QUIET_MS),
        True,
    ),
    "a newer one exists, and it is not quiet yet": (
        Signs(succeeded=True, written_ago_ms=QUIET_MS - 1),
        False,
    ),
    "a newer one exists, and its time lies in the future": (
        Signs(succeeded=True, written_ago_ms=-QUIET_MS),
        True,
    ),
    "a newer one exists, and it was quiet before our eyes": (
        Signs(succeeded=True, written_ago_ms=0, unchanged_ms=QUIET_MS),
        True,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_when_a_file_is_closed(case: str) -> None:
    signs, closed = CASES[case]
    assert is_closed(signs, SETTLE_MS) is closed


SIGNS = st.builds(
    Signs,
    said=st.sampled_from([None, True, False]),
    seen=st.booleans(),
    succeeded=st.booleans(),
    written_ago_ms=st.integers(-(2**50), 2**50),
    unchanged_ms=st.integers(0, 2**50),
)
SETTLES = st.integers(0, 10**7)


@given(SIGNS, SETTLES)
def test_the_recorder_knows_best(signs: Signs, settle_ms: int) -> None:
    if signs.said is not None:
        assert is_closed(signs, settle_ms) is signs.said


@given(SIGNS, SETTLES, st.integers(0, 2**50))
def test_more_evidence_never_opens_a_file_again(signs: Signs, settle_ms: int, more: int) -> None:
    if not is_closed(signs, settle_ms):
        return
    assert is_closed(replace(signs, unchanged_ms=signs.unchanged_ms + more), settle_ms)
    assert is_closed(replace(signs, seen=True), settle_ms)
    assert is_closed(replace(signs, succeeded=True), settle_ms)


@given(st.integers(QUIET_MS + 1, 10**7), st.booleans())
def test_what_is_written_right_now_is_open_unless_its_close_was_seen(
    settle_ms: int, succeeded: bool
) -> None:
    assert not is_closed(Signs(written_ago_ms=0, succeeded=succeeded), settle_ms)


@pytest.mark.parametrize(
    ("written_ago_ms", "unfinished"),
    [(-1, False), (0, True), (DAMAGED_AFTER_MS - 1, True), (DAMAGED_AFTER_MS, False)],
)
def test_how_long_an_end_may_still_come(written_ago_ms: int, unfinished: bool) -> None:
    """The future is no reason to wait: the clock was set back, and nobody knows for how long."""
    assert may_be_unfinished(written_ago_ms) is unfinished
