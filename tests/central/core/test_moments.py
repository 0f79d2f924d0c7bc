"""Times as people type them, most of all on the days on which the clocks change."""

import datetime as dt
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layover_central.core.moments import (
    MAX_SPAN_MS,
    BadMoment,
    parse_duration,
    parse_moment,
    parse_next,
    parse_past,
    parse_span,
    rfc3339,
)

BERLIN = "Europe/Berlin"
ZONES = ["UTC", BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
LIFETIME = st.integers(31_622_400_000, 7_226_582_400_000)
"""1971-01-02 to 2198-12-31: inside what is taken, in any zone."""


def at(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp() * 1000)


NOW = at("2026-11-21T12:00:00+01:00")

READ = [
    ("an offset", "2026-11-21T09:00:00+01:00", "2026-11-21T08:00:00Z"),
    ("Z", "2026-11-21T09:00:00Z", "2026-11-21T09:00:00Z"),
    ("a space for the T", "2026-11-21 09:00:00Z", "2026-11-21T09:00:00Z"),
    ("no offset: the zone's", "2026-11-21 09:00", "2026-11-21T08:00:00Z"),
    ("no offset in summer", "2026-07-21 09:00", "2026-07-21T07:00:00Z"),
    ("milliseconds", "2026-11-21 09:00:00.125", "2026-11-21T08:00:00.125Z"),
    ("finer than a millisecond", "2026-11-21 09:00:00.1259", "2026-11-21T08:00:00.125Z"),
    ("blanks around", "  2026-11-21 09:00 ", "2026-11-21T08:00:00Z"),
    ("the hour before the gap", "2026-03-29 01:59:59", "2026-03-29T00:59:59Z"),
    ("the hour after the gap", "2026-03-29 03:00", "2026-03-29T01:00:00Z"),
    ("an offset settles what comes twice", "2026-10-25T02:30:00+02:00", "2026-10-25T00:30:00Z"),
    ("an offset settles what never comes", "2026-03-29T02:30:00+01:00", "2026-03-29T01:30:00Z"),
]


@pytest.mark.parametrize(("text", "moment"), [r[1:] for r in READ], ids=[r[0] for r in READ])
def test_what_a_moment_means(text: str, moment: str) -> None:
    assert rfc3339(parse_moment(text, BERLIN)) == moment


REFUSED = [
    ("30 February", "2026-02-30 10:00", ["day"]),
    ("25 o'clock", "2026-11-21 25:00", ["hour"]),
    ("only 25 o'clock", "25:00", ["hour"]),
    ("comes twice: both", "2026-10-25 02:30", ["02:30:00+02:00", "02:30:00+01:00"]),
    ("never comes: the nearest", "2026-03-29 02:30", ["2026-03-29T03:00:00+02:00"]),
    ("the year 1970", "1970-12-31 10:00", ["1970", "1971"]),
    ("the year 2200", "2200-01-01 10:00", ["2200", "2199"]),
    ("words", "yesterday", ["yesterday", "2026-11-21T09:00:00+01:00"]),
    ("nothing", "", ["2026-11-21T09:00:00+01:00"]),
    ("a number", "1795258800", ["2026-11-21T09:00:00+01:00"]),
    ("only a date", "2026-11-21", ["2026-11-21T09:00:00+01:00"]),
    ("NUL", "2026-11-21 09:00\0", ["2026-11-21T09:00:00+01:00"]),
]


@pytest.mark.parametrize(("text", "said"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
@pytest.mark.parametrize("read", [parse_next, parse_past])
def test_a_moment_that_is_refused_says_what_to_write(
    read: Callable[[str, str, int], int], text: str, said: list[str]
) -> None:
    with pytest.raises(BadMoment) as refusal:
        read(text, BERLIN, NOW)
    assert [word for word in said if word not in str(refusal.value)] == []


@pytest.mark.parametrize(
    ("zone", "twice", "never", "nearest"),
    [
        (BERLIN, "2026-10-25 02:00", "2026-03-29 02:00", "2026-03-29T03:00:00+02:00"),
        (
            "America/New_York",
            "2026-11-01 01:30",
            "2026-03-08 02:59:59",
            "2026-03-08T03:00:00-04:00",
        ),
        (
            "Australia/Lord_Howe",
            "2026-04-05 01:45",
            "2026-10-04 02:15",
            "2026-10-04T02:30:00+11:00",
        ),
    ],
)
def test_the_edges_of_clock_changes(zone: str, twice: str, never: str, nearest: str) -> None:
    with pytest.raises(BadMoment, match="twice"):
        parse_moment(twice, zone)
    with pytest.raises(BadMoment) as refusal:
        parse_moment(never, zone)
    assert nearest in str(refusal.value)


NOON = "2026-11-21T12:00:00+01:00"
# case, now, text, the next such time and the past one (day and on); None: refused
BARE = [
    ("later today", NOON, "22:10", "21T22:10:00+01:00", "20T22:10:00+01:00"),
    ("earlier today", NOON, "9:05", "22T09:05:00+01:00", "21T09:05:00+01:00"),
    ("now itself", NOON, "12:00", "21T12:00:00+01:00", "21T12:00:00+01:00"),
    ("with seconds", NOON, "12:00:01", "21T12:00:01+01:00", "20T12:00:01+01:00"),
    (
        "past midnight here, not in UTC",
        "2026-11-21T00:30:00+01:00",
        "00:15",
        "22T00:15:00+01:00",
        "21T00:15:00+01:00",
    ),
    (
        "twice, and both to come",
        "2026-10-25T01:00:00+02:00",
        "02:30",
        None,
        "24T02:30:00+02:00",
    ),
    (
        "twice, and both gone",
        "2026-10-25T10:00:00+01:00",
        "02:30",
        "26T02:30:00+01:00",
        None,
    ),
    (
        "twice, and now between",
        "2026-10-25T02:45:00+02:00",
        "02:30",
        "25T02:30:00+01:00",
        "25T02:30:00+02:00",
    ),
    (
        "never today, and still ahead",
        "2026-03-29T01:00:00+01:00",
        "02:30",
        None,
        "28T02:30:00+01:00",
    ),
    (
        "never today, and that is over",
        "2026-03-29T10:00:00+02:00",
        "02:30",
        "30T02:30:00+02:00",
        None,
    ),
]


@pytest.mark.parametrize(
    ("now", "text", "following", "past"), [r[1:] for r in BARE], ids=[r[0] for r in BARE]
)
def test_a_bare_time_of_day(now: str, text: str, following: str | None, past: str | None) -> None:
    for read, day in ((parse_next, following), (parse_past, past)):
        if day is None:
            with pytest.raises(BadMoment):
                read(text, BERLIN, at(now))
        else:
            assert rfc3339(read(text, BERLIN, at(now)), BERLIN) == now[:8] + day


SPANS = [
    ("two times", "09:00", "09:10", "2026-11-21T08:00:00Z", 10 * MINUTE),
    ("over midnight", "23:50", "00:10", "2026-11-20T22:50:00Z", 20 * MINUTE),
    ("a duration", "2026-11-20 09:00", "+15m", "2026-11-20T08:00:00Z", 15 * MINUTE),
    ("one day", "2026-11-20 09:00", "+1d", "2026-11-20T08:00:00Z", DAY),
    ("the longest", "2025-11-20T09:00:00Z", "+366d", "2025-11-20T09:00:00Z", MAX_SPAN_MS),
]


@pytest.mark.parametrize(
    ("begin", "end", "from_", "length_ms"), [r[1:] for r in SPANS], ids=[r[0] for r in SPANS]
)
def test_a_span(begin: str, end: str, from_: str, length_ms: int) -> None:
    assert parse_span(begin, end, BERLIN, NOW) == (at(from_), at(from_) + length_ms)


REFUSED_SPANS = [
    ("reversed", "10:00", "09:00", "not after"),
    ("empty", "10:00", "10:00", "not after"),
    ("nothing long", "10:00", "+0s", "not after"),
    ("367 days", "2025-11-20 09:00", "+367d", "366"),
    ("endless", "10:00", "+999999999d", "366"),
    ("two years", "2024-01-01 10:00", "2026-01-01 10:00", "366"),
    ("into the year 2200", "2199-12-31 12:00", "+2d", "2199"),
    ("backwards", "10:00", "-15m", "cannot read"),
    ("no unit", "10:00", "+15", "15m"),
]


@pytest.mark.parametrize(
    ("begin", "end", "said"), [r[1:] for r in REFUSED_SPANS], ids=[r[0] for r in REFUSED_SPANS]
)
def test_a_span_that_is_refused(begin: str, end: str, said: str) -> None:
    with pytest.raises(BadMoment, match=said):
        parse_span(begin, end, BERLIN, NOW)


@pytest.mark.parametrize(
    ("text", "ms"), [("90s", 90_000), ("15m", 15 * MINUTE), ("2h", 2 * HOUR), ("1d", DAY)]
)
def test_a_duration(text: str, ms: int) -> None:
    assert parse_duration(text) == ms


@pytest.mark.parametrize("text", ["", "15", "1.5h", "-2h", "15 minutes", "2w", "9" * 5000 + "s"])
def test_a_duration_that_is_refused(text: str) -> None:
    with pytest.raises(BadMoment, match="90s, 15m, 2h or 1d"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("ms", "zone", "text"),
    [
        (0, "UTC", "1970-01-01T00:00:00Z"),
        (1, "UTC", "1970-01-01T00:00:00.001Z"),
        (-1, "UTC", "1969-12-31T23:59:59.999Z"),
        (NOW, BERLIN, "2026-11-21T12:00:00+01:00"),
        (NOW + 20, "Asia/Kathmandu", "2026-11-21T16:45:00.020+05:45"),
    ],
)
def test_how_a_moment_is_written(ms: int, zone: str, text: str) -> None:
    assert rfc3339(ms, zone) == text


@given(LIFETIME, st.sampled_from(ZONES[:4]))
def test_what_is_written_reads_back(ms: int, zone: str) -> None:
    assert parse_moment(rfc3339(ms, "UTC"), zone) == ms
    if ms > at("1972-06-01T00:00:00Z"):
        assert parse_moment(rfc3339(ms, zone), "UTC") == ms


@given(LIFETIME, st.sampled_from(ZONES), st.integers(0, 86_399))
def test_a_bare_time_is_on_its_side_of_now_and_near(now_ms: int, zone: str, second: int) -> None:
    text = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
    try:
        following, past = parse_next(text, zone, now_ms), parse_past(text, zone, now_ms)
    except BadMoment:
        return
    assert now_ms <= following <= now_ms + 2 * DAY
    assert now_ms - 2 * DAY <= past <= now_ms
    assert text in rfc3339(following, zone)
    assert text in rfc3339(past, zone)


@given(st.text(max_size=40), st.text(max_size=40), st.sampled_from(ZONES))
def test_any_text_is_read_or_refused(begin: str, end: str, zone: str) -> None:
    try:
        from_ms, to_ms = parse_span(begin, end, zone, NOW)
    except BadMoment:
        return
    assert 0 < to_ms - from_ms <= MAX_SPAN_MS
