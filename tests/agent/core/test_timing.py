import pytest
from hypothesis import given
from hypothesis import strategies as st

from layover_agent.core.timing import wrong_time

NOW_MS = 1_795_258_800_000
MIN_MS, HOUR_MS = 60_000, 3_600_000
START_MS, END_MS = NOW_MS - 30 * MIN_MS, NOW_MS - 25 * MIN_MS


@pytest.mark.parametrize(
    ("case", "written_ms"),
    [
        ("at its end", END_MS),
        ("some seconds later", END_MS + 9_000),
        ("finished up after it", END_MS + 4 * MIN_MS),
        ("name in whole minutes", END_MS - 50_000),
    ],
)
def test_times_that_fit(case: str, written_ms: int) -> None:
    assert wrong_time(START_MS, END_MS, written_ms, NOW_MS) == "", case


@pytest.mark.parametrize(
    ("case", "times", "said"),
    [
        ("1970", (5_000, 65_000, 65_000, NOW_MS), "was not set"),
        ("an hour off", (START_MS, END_MS, END_MS + HOUR_MS, NOW_MS), "zone"),
        ("5 h 30 min off", (START_MS, END_MS, END_MS - 5 * HOUR_MS - 30 * MIN_MS, NOW_MS), "zone"),
        ("some other amount", (START_MS, END_MS, END_MS + 40 * MIN_MS - 160_000, NOW_MS), "after"),
        ("days off", (START_MS, END_MS, END_MS + 900 * HOUR_MS, NOW_MS), "37 d"),
        ("name ahead, file not", (NOW_MS + HOUR_MS, NOW_MS + HOUR_MS + MIN_MS, NOW_MS, NOW_MS),
         "before"),
        ("all ahead", (NOW_MS + HOUR_MS, NOW_MS + 2 * HOUR_MS, NOW_MS + 2 * HOUR_MS, NOW_MS),
         "future"),
    ],
)  # fmt: skip
def test_times_that_do_not(case: str, times: tuple[int, int, int, int], said: str) -> None:
    assert said in wrong_time(*times), case


@given(*[st.integers(-(2**60), 2**60)] * 4)
def test_no_times_are_too_strange(start_ms: int, end_ms: int, written_ms: int, now_ms: int) -> None:
    wrong_time(start_ms, end_ms, written_ms, now_ms)
