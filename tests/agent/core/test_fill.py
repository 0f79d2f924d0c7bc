import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layover_agent.core.fill import (
    EARLIEST_MS,
    HALF_LIFE_MS,
    HOUR_MS,
    PATIENCE,
    SLOTS,
    WEEK_MS,
    BadFill,
    Fill,
    slot,
)

MONDAY = 1_795_392_000_000
"""2026-11-23 00:00 UTC."""
LATER = MONDAY + 52 * WEEK_MS
"""A now at which none of these recordings is of the future, or forgotten."""


def filled(*recordings: tuple[int, int, int], now_ms: int = LATER) -> Fill:
    fill = Fill()
    for one in recordings:
        fill.add(*one, now_ms)
    return fill


def hours(first: int, count: int, size: int, weeks: int = 1) -> list[tuple[int, int, int]]:
    """One recording an hour from hour ``first`` of the week on, for some weeks."""
    starts = [
        MONDAY + w * WEEK_MS + (first + n) * HOUR_MS for w in range(weeks) for n in range(count)
    ]
    return [(start, start + HOUR_MS, size) for start in starts]


@pytest.mark.parametrize(
    ("time_ms", "number"),
    [(MONDAY, 0), (MONDAY + HOUR_MS - 1, 0), (MONDAY - 1, 167), (0, 72), (MONDAY + WEEK_MS, 0)],
)
def test_the_slot_of_a_moment(time_ms: int, number: int) -> None:
    assert slot(time_ms) == number


def test_an_empty_table_knows_nothing() -> None:
    fill = Fill()
    assert fill.bytes_per_hour(5) is None
    assert fill.recorded_permille(5) == 0
    assert fill.support_ms(5) == 0
    assert fill.recordings == 0


def test_a_constant_rate_is_found_in_every_slot_that_was_recorded() -> None:
    fill = filled(*hours(8, 10, 900_000_000, weeks=3))
    assert {fill.bytes_per_hour(n) for n in range(8, 18)} == {900_000_000}
    assert fill.bytes_per_hour(7) is None
    assert fill.recordings == 30


def test_a_recording_counts_in_all_the_hours_it_spans() -> None:
    start = MONDAY + 8 * HOUR_MS + 1_800_000
    fill = filled((start, start + 2 * HOUR_MS, 2_000_000))
    assert [fill.bytes_per_hour(n) for n in (8, 9, 10)] == [1_000_000] * 3
    assert fill.support_ms(9) == pytest.approx(2 * fill.support_ms(8), rel=0.01)


def test_day_and_night_are_apart() -> None:
    fill = filled(*hours(0, 8, 100, weeks=2), *hours(8, 16, 1_000, weeks=2))
    assert (fill.bytes_per_hour(3), fill.bytes_per_hour(12)) == (100, 1_000)


def test_how_much_of_the_hour_is_recorded() -> None:
    half = [(start, start + HOUR_MS // 2, 9) for start, _, _ in hours(9, 1, 0, weeks=8)]
    fill = filled(*hours(0, 8, 9, weeks=8), *half, *hours(20, 1, 9, weeks=8))
    assert fill.recorded_permille(3) == pytest.approx(1000, abs=5)
    assert fill.recorded_permille(9) == pytest.approx(500, abs=5)
    assert fill.recorded_permille(100) == 0


def test_a_camera_that_missed_every_other_week_is_recorded_half_the_time() -> None:
    fill = filled(
        *(r for w in range(0, 26, 2) for r in hours(168 * w, 1, 9)), *hours(168 * 26, 1, 9)
    )
    assert 400 < fill.recorded_permille(0) < 650


def test_old_weeks_fade() -> None:
    old = hours(8, 1, 1_000)
    weeks = 2 * HALF_LIFE_MS // WEEK_MS
    new = [(start + weeks * WEEK_MS, end + weeks * WEEK_MS, 5_000) for start, end, _ in old]
    rate = filled(*old, *new).bytes_per_hour(8)
    assert rate == pytest.approx((1_000 * 0.25 + 5_000) / 1.25, rel=0.01)


WRONG = {
    "a boot in 1970": (60_000, 120_000, 5),
    "just before the year 2000": (EARLIEST_MS - 1, EARLIEST_MS + 60_000, 5),
    "of the future": (MONDAY + 2 * HOUR_MS, MONDAY + 3 * HOUR_MS, 5),
    "in 50 years": (MONDAY + (1 << 41), MONDAY + (1 << 41) + 9, 5),
    "of two years ago": (MONDAY - 2 * 52 * WEEK_MS, MONDAY - 2 * 52 * WEEK_MS + HOUR_MS, 5),
    "ends before it begins": (MONDAY, MONDAY - 1, 5),
    "no length": (MONDAY, MONDAY, 5),
    "two days long": (MONDAY - 48 * HOUR_MS, MONDAY, 5),
    "a gigabyte in a millisecond": (MONDAY - 1, MONDAY, 1 << 30),
    "negative size": (MONDAY - 1000, MONDAY, -5),
}


@pytest.mark.parametrize("case", WRONG)
def test_times_that_cannot_be_right_are_left_out(case: str) -> None:
    fill = Fill()
    assert fill.add(*WRONG[case], MONDAY + 60_000) is False
    assert fill.to_bytes() == Fill().to_bytes()


YEARS_MS = 50 * 52 * WEEK_MS


@pytest.mark.parametrize("shift_ms", [YEARS_MS, -40 * WEEK_MS])
def test_a_day_with_a_wrong_clock_spoils_nothing(shift_ms: int) -> None:
    fill = filled(*hours(0, SLOTS, 900, weeks=3), now_ms=MONDAY + 3 * WEEK_MS)
    before = fill.to_bytes()
    for start, end, size in hours(0, 24, 5, weeks=1):
        wrong = MONDAY + 3 * WEEK_MS + shift_ms
        assert not fill.add(start + wrong - MONDAY, end + wrong - MONDAY, size, wrong + 2 * WEEK_MS)
    assert fill.to_bytes() == before


@pytest.mark.parametrize("shift_ms", [YEARS_MS, -YEARS_MS // 4])
def test_a_clock_that_stays_so_is_believed_in_the_end(shift_ms: int) -> None:
    before = [(s + shift_ms, e + shift_ms, n) for s, e, n in hours(0, 50, 900)]
    fill = filled(*before, now_ms=before[-1][1])
    now = hours(0, PATIENCE + 5, 7)
    taken = [fill.add(*one, one[1]) for one in now]
    assert sum(taken) == 5
    assert fill.recordings == 5


def test_a_listing_from_the_youngest_to_the_oldest_counts_in_full() -> None:
    some = hours(0, 500, 9)
    assert filled(*reversed(some), now_ms=some[-1][1]).recordings == 500


recordings = st.lists(
    st.tuples(st.integers(0, 60 * 168), st.integers(1, 3 * HOUR_MS), st.integers(0, 1 << 33)).map(
        lambda t: (MONDAY + t[0] * HOUR_MS, MONDAY + t[0] * HOUR_MS + t[1], t[2] % (t[1] << 20))
    ),
    max_size=12,
)


def assert_same(one: Fill, other: Fill) -> None:
    assert one.recordings == other.recordings
    for n in range(0, SLOTS, 7):
        assert one.support_ms(n) == pytest.approx(other.support_ms(n), rel=1e-5, abs=1)
        if one.support_ms(n) > 100:
            rates = (one.bytes_per_hour(n), other.bytes_per_hour(n))
            assert rates[0] == pytest.approx(rates[1], rel=1e-4, abs=2)
        assert one.recorded_permille(n) == pytest.approx(other.recorded_permille(n), abs=2)


@settings(max_examples=40, deadline=None)
@given(recordings, recordings)
def test_two_tables_add_up_to_the_one_that_saw_both(
    some: list[tuple[int, int, int]], others: list[tuple[int, int, int]]
) -> None:
    merged = filled(*some).merged(filled(*others))
    assert_same(merged, filled(*some, *others))
    assert_same(merged, filled(*others).merged(filled(*some)))
    assert_same(merged, filled(*reversed(others), *some))


@settings(max_examples=40, deadline=None)
@given(recordings)
def test_bytes_and_back(some: list[tuple[int, int, int]]) -> None:
    fill = filled(*some)
    data = fill.to_bytes()
    assert len(data) < 2_000
    assert_same(Fill.from_bytes(data), fill)


@given(st.binary(max_size=1500))
def test_any_bytes_are_refused_or_a_table(data: bytes) -> None:
    with pytest.raises(BadFill):
        Fill.from_bytes(data)
    padded = data.ljust(len(Fill().to_bytes()), b"\0")[: len(Fill().to_bytes())]
    for blob in (padded, b"\x01" + padded[1:]):
        try:
            fill = Fill.from_bytes(blob)
        except BadFill:
            continue
        assert all(0 <= fill.recorded_permille(n) <= 1000 for n in range(SLOTS))
        assert all((fill.bytes_per_hour(n) or 0) >= 0 for n in range(SLOTS))
        fill.add(MONDAY, MONDAY + HOUR_MS, 5, LATER)
        assert len(fill.to_bytes()) == len(data) or fill.recordings


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
def test_impossible_values_are_refused(value: float) -> None:
    data = bytearray(filled(*hours(1, 2, 5)).to_bytes())
    data[-4:] = struct.pack("<f", value)
    with pytest.raises(BadFill):
        Fill.from_bytes(bytes(data))
