from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layover_central.core.expiry import Expiry
from layover_central.core.warnings import Chance, Level, Outlook, Stake, assess

NOW = 1_000
EARLY, LIKELY, LATE = 2_000, 3_000, 4_000
ABSENT = Stake(Expiry(EARLY, LIKELY, LATE), False, False, None, 100)
HERE = replace(ABSENT, in_contact=True)


def due(expected_ms: int, needed_ms: int = 100) -> Stake:
    return replace(ABSENT, expected_ms=expected_ms, needed_ms=needed_ms)


CASES = {
    "held, though absent and overdue": (
        replace(due(0), all_held=True, expiry=Expiry(0, 0, 0)),
        (Chance.SAFE, Level.NONE),
    ),
    "nothing known deletes it": (replace(HERE, expiry=None), (Chance.UNKNOWN, Level.NONE)),
    "expected in good time": (due(1_500), (Chance.SAFE, Level.NONE)),
    "expected so that it just fits": (due(1_899), (Chance.SAFE, Level.NONE)),
    "ready at the early edge": (due(1_900), (Chance.AT_RISK, Level.WARN)),
    "expected between early and likely": (due(2_500), (Chance.AT_RISK, Level.WARN)),
    "ready at the likely expiry": (due(2_900), (Chance.UNLIKELY, Level.CRITICAL)),
    "expected after the late edge": (due(9_000), (Chance.UNLIKELY, Level.CRITICAL)),
    "in time, but retrieval takes too long": (due(1_100, 5_000), (Chance.UNLIKELY, Level.CRITICAL)),
    "overdue, time left": (due(900), (Chance.UNKNOWN, Level.NONE)),
    "overdue, and too late even if it came now": (due(900, 1_500), (Chance.AT_RISK, Level.WARN)),
    "here in time": (HERE, (Chance.SAFE, Level.NONE)),
    "here, whenever it was expected": (replace(HERE, expected_ms=9_000), (Chance.SAFE, Level.NONE)),
    "here, but it may take too long": (
        replace(HERE, needed_ms=1_500),
        (Chance.AT_RISK, Level.WARN),
    ),
    "here, but it takes too long": (
        replace(HERE, needed_ms=2_500),
        (Chance.UNLIKELY, Level.CRITICAL),
    ),
    "nobody said when": (ABSENT, (Chance.UNKNOWN, Level.NONE)),
    "nobody said when, and it is too late even if it came now": (
        replace(ABSENT, needed_ms=1_500),
        (Chance.UNKNOWN, Level.WARN),
    ),
    "nobody said when, and it is likely gone": (
        replace(ABSENT, expiry=Expiry(100, 200, 300)),
        (Chance.UNKNOWN, Level.CRITICAL),
    ),
}


@pytest.mark.parametrize(("stake", "expected"), CASES.values(), ids=CASES)
def test_assess(stake: Stake, expected: tuple[Chance, Level]) -> None:
    outlook = assess(stake, NOW)
    assert (outlook.chance, outlook.level) == expected


def test_a_site_in_contact_is_not_asked_to_come() -> None:
    outlook = assess(replace(HERE, needed_ms=2_500), NOW)
    assert "expected" not in outlook.why
    assert "bring" not in outlook.remedy


def test_the_reason_names_what_is_not_known() -> None:
    assert "nobody said" in assess(ABSENT, NOW).why
    assert "overdue" in assess(due(900), NOW).why


TIMES = st.integers(0, 5_000)
EXPIRIES = st.lists(TIMES, min_size=3, max_size=3).map(lambda edges: Expiry(*sorted(edges)))
STAKES = st.builds(
    Stake, st.none() | EXPIRIES, st.booleans(), st.booleans(), st.none() | TIMES, TIMES
)
SEVERITY = list(Level)


def _severity(outlook: Outlook) -> int:
    return SEVERITY.index(outlook.level)


@given(STAKES, TIMES)
def test_every_warning_says_why_and_what_to_do(stake: Stake, now_ms: int) -> None:
    outlook = assess(stake, now_ms)
    assert outlook.why
    assert bool(outlook.remedy) == (outlook.level is not Level.NONE)


@given(STAKES, TIMES)
def test_safe_only_on_something_known(stake: Stake, now_ms: int) -> None:
    if assess(stake, now_ms).chance is Chance.SAFE and not stake.all_held:
        assert stake.expiry is not None
        assert stake.in_contact or (stake.expected_ms is not None and stake.expected_ms >= now_ms)
        assert now_ms + stake.needed_ms < stake.expiry.early_ms


@given(STAKES, TIMES, TIMES)
def test_with_time_it_only_gets_worse(stake: Stake, now_ms: int, later_ms: int) -> None:
    assert _severity(assess(stake, now_ms)) <= _severity(assess(stake, now_ms + later_ms))


@given(STAKES, TIMES)
def test_contact_never_makes_it_worse(stake: Stake, now_ms: int) -> None:
    here = assess(replace(stake, in_contact=True), now_ms)
    assert _severity(here) <= _severity(assess(stake, now_ms))


@given(STAKES, TIMES, TIMES)
def test_needing_longer_never_makes_it_better(stake: Stake, now_ms: int, longer_ms: int) -> None:
    slower = replace(stake, needed_ms=stake.needed_ms + longer_ms)
    assert _severity(assess(stake, now_ms)) <= _severity(assess(slower, now_ms))
