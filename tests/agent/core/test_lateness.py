import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layover_agent.core.lateness import LEARNING_MS, BadRhythm, Rhythm

T = 1_795_392_000_000
"""A Monday, 00:00 UTC."""
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
UP = T - DAY_MS


def steady(rhythm: Rhythm, count: int, at_ms: int = T, length_ms: int = MINUTE_MS) -> int:
    """Recordings without a pause; the close of the last."""
    for _ in range(count):
        assert rhythm.closed(at_ms, at_ms + length_ms, at_ms + length_ms + 200, UP)
        at_ms += length_ms
    return at_ms + 200


def test_a_camera_never_seen_is_unknown() -> None:
    assert Rhythm().judge(T, UP).state == "unknown"


def test_a_steady_camera_is_late_soon_after_its_next_close() -> None:
    rhythm = Rhythm()
    last = steady(rhythm, 10)
    on_time = rhythm.judge(last + MINUTE_MS, UP)
    assert (on_time.state, on_time.pauses, on_time.behind) == ("on-time", False, False)
    assert last + MINUTE_MS <= on_time.expected_close_ms <= last + 75_000
    late = rhythm.judge(last + 3 * MINUTE_MS, UP)
    assert late.state == "late"
    assert late.last_close_ms == last
    assert late.late_since_ms == on_time.expected_close_ms


def test_two_closes_say_nothing() -> None:
    rhythm = Rhythm()
    last = steady(rhythm, 2)
    assert rhythm.judge(last + HOUR_MS, UP).state == "unknown"


def test_while_the_box_was_off_nobody_was_late() -> None:
    rhythm = Rhythm()
    last = steady(rhythm, 10)
    booted = last + 10 * HOUR_MS
    assert rhythm.judge(booted + 30_000, booted).state == "on-time"
    assert rhythm.judge(booted + 5 * MINUTE_MS, booted).state == "late"


def test_a_night_off_is_no_usual_silence() -> None:
    rhythm = Rhythm()
    for day in range(5):
        begin = T + day * DAY_MS
        for n in range(60):
            at = begin + n * MINUTE_MS
            rhythm.closed(at, at + MINUTE_MS, at + MINUTE_MS, begin)
    assert rhythm.judge(T + 4 * DAY_MS + 65 * MINUTE_MS, T + 4 * DAY_MS).state == "late"


def test_one_outage_makes_no_habit_two_do() -> None:
    rhythm = Rhythm()
    last = steady(rhythm, 20)
    last = steady(rhythm, 20, last + 5 * HOUR_MS)
    assert rhythm.judge(last + 5 * MINUTE_MS, UP).state == "late"
    last = steady(rhythm, 20, last + 5 * HOUR_MS)
    assert rhythm.judge(last + 5 * MINUTE_MS, UP).state == "on-time"


def events(seed: int, days: int) -> Iterator[int]:
    """When something moves: some times an hour on workdays, never at night or on weekends."""
    chance = random.Random(seed)
    for day in range(days):
        if day % 7 < 5:
            for hour in range(7, 18):
                for _ in range(chance.randrange(4)):
                    yield T + day * DAY_MS + hour * HOUR_MS + chance.randrange(HOUR_MS)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_who_records_only_on_motion_is_not_late_on_usual_silences(seed: int) -> None:
    rhythm = Rhythm()
    at = 0
    for start in sorted(events(seed, 42)):
        if start - at > 60_000:
            if at > T + 21 * DAY_MS:
                assert rhythm.judge(start, UP).state != "late"
            rhythm.closed(start, start + 20_000, start + 20_000, UP)
            at = start + 20_000
    verdict = rhythm.judge(at + 14 * DAY_MS, UP)
    assert (verdict.state, verdict.pauses) == ("late", True)


def test_who_pauses_is_not_judged_in_its_first_week() -> None:
    rhythm = Rhythm()
    for n in range(30):
        at = T + n * HOUR_MS
        rhythm.closed(at, at + 20_000, at + 20_000, UP)
    assert rhythm.judge(T + LEARNING_MS - HOUR_MS, UP).state == "unknown"


def test_closes_that_take_longer_are_told() -> None:
    rhythm = Rhythm()
    last = steady(rhythm, 60)
    for n in range(5):
        start = last + n * 95_000
        rhythm.closed(start, start + 95_000, start + 95_000, UP)
    verdict = rhythm.judge(last + 5 * 95_000, UP)
    assert (verdict.state, verdict.behind) == ("on-time", True)
    steady(rhythm, 5, last + 5 * 95_000)
    assert not rhythm.judge(last + 5 * 95_000 + 5 * MINUTE_MS, UP).behind


WRONG = {
    "a boot in 1970": (60_000, 120_000, 120_000),
    "ends before it begins": (T + HOUR_MS, T, T + HOUR_MS),
    "closed before the last one": (T, T + 10, T + 10),
    "closed in 1970": (T + HOUR_MS, T + HOUR_MS, 5),
    "closed in the year 9999": (T + HOUR_MS, T + HOUR_MS, 253_370_764_800_000),
}


@pytest.mark.parametrize("case", WRONG)
def test_times_that_make_no_sense_are_left_out(case: str) -> None:
    rhythm = Rhythm()
    steady(rhythm, 10)
    before = rhythm.to_bytes()
    assert rhythm.closed(*WRONG[case], UP) is False
    assert rhythm.to_bytes() == before


@pytest.mark.parametrize("shift_ms", [-40 * 365 * DAY_MS, -HOUR_MS, HOUR_MS, 50 * 365 * DAY_MS])
def test_a_step_of_the_clock_makes_nobody_late(shift_ms: int) -> None:
    rhythm = Rhythm()
    last = steady(rhythm, 10)
    rhythm.stepped(shift_ms)
    now = last + shift_ms
    assert rhythm.judge(now + 20_000, UP + shift_ms).state == "on-time"
    if abs(shift_ms) < DAY_MS:
        assert rhythm.judge(now + 5 * MINUTE_MS, UP + shift_ms).state == "late"


def test_a_boot_in_a_wrong_year_is_forgotten() -> None:
    rhythm = Rhythm()
    later = 50 * 365 * DAY_MS
    steady(rhythm, 20, T + later)
    assert rhythm.judge(T + 10_000, T).state == "on-time"
    assert rhythm.judge(T + 5 * MINUTE_MS, T).state == "late"
    last = steady(rhythm, 5, T + MINUTE_MS)
    assert rhythm.judge(last + 10_000, T).last_close_ms == last
    assert rhythm.judge(last + 5 * MINUTE_MS, T).state == "late"


closes = st.lists(st.tuples(st.integers(0, 1 << 33), st.integers(0, 1 << 24)), max_size=40)


@given(closes)
def test_bytes_and_back(some: list[tuple[int, int]]) -> None:
    rhythm = Rhythm()
    at = T
    for pause_ms, length_ms in some:
        at += pause_ms + length_ms
        rhythm.closed(at - length_ms, at, at, UP)
    again = Rhythm.from_bytes(rhythm.to_bytes())
    assert len(rhythm.to_bytes()) < 600
    assert again.to_bytes() == rhythm.to_bytes()
    assert again.judge(at + DAY_MS, UP) == rhythm.judge(at + DAY_MS, UP)


@given(st.binary(max_size=460), st.integers(0, 1 << 46))
def test_any_bytes_are_refused_or_a_rhythm(data: bytes, now_ms: int) -> None:
    size = len(Rhythm().to_bytes())
    for blob in (
        data,
        data.ljust(size, b"\0")[:size],
        b"\1\4" + data.ljust(size, b"\0")[: size - 2],
    ):
        try:
            rhythm = Rhythm.from_bytes(blob)
        except BadRhythm:
            continue
        rhythm.judge(now_ms, UP)
        rhythm.closed(T, T + 60_000, T + 60_000, UP)
        rhythm.judge(now_ms, UP)
