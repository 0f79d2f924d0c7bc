import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layover_agent.core.units import spoken_age, spoken_bytes, spoken_seconds, spoken_time


@pytest.mark.parametrize(
    ("size", "said"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_440_000_000, "1.4 GB"), (9_949, "9.9 kB"),
     (9_950, "10 kB"), (999_499, "999 kB"), (999_500, "1.0 MB"), (10**15 * 5000, "5000 PB")],
)  # fmt: skip
def test_sizes(size: int, said: str) -> None:
    assert spoken_bytes(size) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (61, "1 min 1 s"), (600, "10 min"), (661, "11 min"),
     (3600, "1 h"), (9 * 3600 + 59 * 60, "9 h 59 min"), (86_400 * 3 + 4 * 3600, "3 d 4 h"),
     (86_400 * 400, "400 d")],
)  # fmt: skip
def test_spans(seconds: int, said: str) -> None:
    assert spoken_seconds(seconds) == said


def test_times_carry_their_zone() -> None:
    berlin = dt.timezone(dt.timedelta(hours=1))
    assert spoken_time(1_795_258_800_000) == "2026-11-21T11:00:00Z"
    assert spoken_time(1_795_258_800_999, berlin) == "2026-11-21T12:00:00+01:00"


@pytest.mark.parametrize(
    ("time_ms", "said"),
    [(1000, "9 s ago"), (9_500, "now"), (10_000, "now"), (70_000, "in 1 min")],
)
def test_ages(time_ms: int, said: str) -> None:
    assert spoken_age(time_ms, 10_000) == said


@given(st.integers(-(2**63), 2**63))
def test_no_time_is_too_strange(time_ms: int) -> None:
    assert spoken_time(time_ms)
    assert spoken_age(time_ms, 0)
