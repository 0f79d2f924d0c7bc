import pytest
from hypothesis import given
from hypothesis import strategies as st

from layover_central.core.expiry import (
    DELETES_LATE_S,
    FASTER,
    SLOWER,
    Expiry,
    Fill,
    Rule,
    forecast,
    observed_fill,
)

GB = 10**9
HOUR_MS = 3_600_000
AS_OF = 1_000 * HOUR_MS
STEADY = Fill(1_000_000.0, 0)
RING = Rule("ring", max_bytes=36 * GB)
AGE = Rule("age", max_age_s=3_600)

FORECAST: dict[str, tuple[list[Rule], Fill | None, int, tuple[float, float, float] | None]] = {
    # Rules, fill, used bytes; expiry in hours after the manifest.
    "no rule": ([], STEADY, 0, None),
    "a kind of rule that nobody knows": ([Rule("moon", 5, 5)], STEADY, 0, None),
    "a ring without size": ([Rule("ring")], STEADY, 0, None),
    "an age without age": ([Rule("age")], STEADY, 0, None),
    "a ring whose fill is not known": ([RING], None, 0, None),
    "a ring that does not fill": ([RING], Fill(0.0, GB), 0, None),
    "an empty ring": ([RING], STEADY, 0, (10 / FASTER, 10, 10 / SLOWER)),
    "half the ring is younger": ([RING], STEADY, 18 * GB, (5 / FASTER, 5, 5 / SLOWER)),
    "next to go": ([RING], STEADY, 36 * GB, (0, 0, 0)),
    "overdue is now, not the past": ([RING], STEADY, 40 * GB, (0, 0, 0)),
    "the grain of the ring widens the interval": (
        [RING],
        Fill(1_000_000.0, 9 * GB),
        18 * GB,
        (0, 5, 10 / SLOWER),
    ),
    "age counts from the start": ([AGE], None, 0, (1, 1, 1 + DELETES_LATE_S / 3600)),
    "age does not need a fill": ([AGE, RING], None, 0, (1, 1, 1 + DELETES_LATE_S / 3600)),
    "the first rule to strike counts: age": ([RING, AGE], STEADY, 0, (1, 1, 1 + 60 / 3600)),
    "the first rule to strike counts: ring": (
        [AGE, RING],
        STEADY,
        36 * GB - 360_000_000,
        (0.1 / FASTER, 0.1, 0.1 / SLOWER),
    ),
}


@pytest.mark.parametrize(("rules", "fill", "used_bytes", "hours"), FORECAST.values(), ids=FORECAST)
def test_forecast(
    rules: list[Rule], fill: Fill | None, used_bytes: int, hours: tuple[float, float, float] | None
) -> None:
    found = forecast(rules, fill, AS_OF, used_bytes, AS_OF)
    if hours is None:
        assert found is None
        return
    assert found is not None
    edges = [(ms - AS_OF) / HOUR_MS for ms in (found.early_ms, found.likely_ms, found.late_ms)]
    assert edges == pytest.approx(hours, abs=1e-6)


RULES = st.lists(
    st.builds(
        Rule,
        st.sampled_from(["ring", "age", "moon"]),
        st.integers(0, 10**13),
        st.integers(0, 10**8),
    ),
    max_size=3,
)
FILLS = st.none() | st.builds(Fill, st.floats(0.01, 1e9), st.integers(0, 10**11))
USED = st.integers(0, 10**13)
STARTS = st.integers(0, AS_OF)


@given(RULES, FILLS, STARTS, USED)
def test_an_expiry_is_an_interval_in_order(
    rules: list[Rule], fill: Fill | None, start_ms: int, used: int
) -> None:
    found = forecast(rules, fill, start_ms, used, AS_OF)
    if found is not None:
        assert found.early_ms <= found.likely_ms <= found.late_ms


@given(RULES, FILLS, STARTS, USED, st.integers(0, 10**12))
def test_the_older_recording_goes_first(
    rules: list[Rule], fill: Fill | None, start_ms: int, used: int, between: int
) -> None:
    older = forecast(rules, fill, start_ms - between // 10**6, used + between, AS_OF)
    younger = forecast(rules, fill, start_ms, used, AS_OF)
    assert (older is None) == (younger is None)
    if older is not None and younger is not None:
        assert older.early_ms <= younger.early_ms
        assert older.likely_ms <= younger.likely_ms
        assert older.late_ms <= younger.late_ms


@given(RULES, RULES, FILLS, STARTS, USED)
def test_another_rule_never_delays(
    rules: list[Rule], more: list[Rule], fill: Fill | None, start_ms: int, used: int
) -> None:
    few = forecast(rules, fill, start_ms, used, AS_OF)
    many = forecast([*rules, *more], fill, start_ms, used, AS_OF)
    if few is not None:
        assert many is not None
        assert (many.early_ms, many.likely_ms, many.late_ms) <= (
            few.early_ms,
            few.likely_ms,
            few.late_ms,
        )


OBSERVED = {
    "nothing": ([], None),
    "one recording": ([(0, 60_000, 600)], None),
    "back to back": ([(0, 60_000, 600), (60_000, 120_000, 600)], Fill(10.0, 600)),
    "two cameras of one source add up": ([(0, 60_000, 600), (0, 60_000, 900)], Fill(25.0, 750)),
    "a pause counts as time": ([(0, 60_000, 600), (180_000, 240_000, 600)], Fill(5.0, 600)),
    "what is older than the window does not count": (
        [(-900_000, -840_000, 10**9), (0, 60_000, 600), (60_000, 120_000, 600)],
        Fill(10.0, 600),
    ),
    "any order": ([(60_000, 120_000, 600), (0, 60_000, 600)], Fill(10.0, 600)),
    "empty files": ([(0, 60_000, 0), (60_000, 120_000, 0)], Fill(0.0, 1)),
    "without length: no time, so no rate": ([(5, 5, 600), (5, 5, 600)], None),
    "only one without length in the window": ([(-900_000, -840_000, 9), (5, 5, 600)], None),
}


@pytest.mark.parametrize(("recordings", "expected"), OBSERVED.values(), ids=OBSERVED)
def test_observed_fill(recordings: list[tuple[int, int, int]], expected: Fill | None) -> None:
    assert observed_fill(recordings, 300_000) == expected


@given(st.integers(2, 200), st.integers(1_000, 600_000), st.integers(1, 10**9))
def test_a_steady_recorder_is_forecast_where_it_will_strike(
    count: int, length_ms: int, size_bytes: int
) -> None:
    """A ring of 300 equal recordings, ``count`` of them there, filling without a pause."""
    there = [(i * length_ms, (i + 1) * length_ms, size_bytes) for i in range(count)]
    fill = observed_fill(there, count * length_ms)
    found = forecast(
        [Rule("ring", max_bytes=300 * size_bytes)], fill, 0, count * size_bytes, count * length_ms
    )
    assert isinstance(found, Expiry)
    assert found.likely_ms == pytest.approx(300 * length_ms, abs=2)
    assert found.early_ms <= 300 * length_ms <= found.late_ms
