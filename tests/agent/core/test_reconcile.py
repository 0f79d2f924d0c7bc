import pytest
from hypothesis import given
from hypothesis import strategies as st

from layover_agent.core.reconcile import missing

CASES = {
    "all there": ("ab", "ab", "", "", False),
    "one of two gone": ("ab", "b", "", "a", False),
    "new ones": ("a", "abc", "", "", False),
    "the only one gone": ("a", "", "", "a", False),
    "both gone": ("ab", "", "", "ab", False),
    "all three gone at once": ("abc", "", "", "", True),
    "all three gone, another there": ("abc", "x", "", "abc", False),
    "nothing known, nothing there": ("", "", "", "", False),
    "not readable": ("ab", "", "EIO", "", True),
    "not readable, and nothing known": ("", "", "EIO", "", True),
    "half of it read, then an error": ("abc", "a", "EIO", "", True),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_look_means(case: str) -> None:
    known, seen, error, gone, fault = CASES[case]
    outcome = missing(known, seen, error)
    assert sorted(outcome.gone) == sorted(gone)
    assert bool(outcome.fault) is fault


@given(st.sets(st.integers()), st.sets(st.integers()), st.sampled_from(["", "EIO"]))
def test_only_what_was_known_and_is_not_seen_is_gone(
    known: set[str], seen: set[str], error: str
) -> None:
    outcome = missing(known, seen, error)
    assert set(outcome.gone) in (set(), known - seen)
    assert not (outcome.fault and outcome.gone)
