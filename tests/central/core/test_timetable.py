"""Timetables: the syntax, the week as a ring, and the days on which the clocks change."""

import datetime as dt
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from layover_central.core.timetable import DAYS, BadTimetable, Timetable

DEPOT = "Mon-Fri 06:00 2Mbit/s, 22:00 unlimited, Sun closed"
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana"]
SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def at(text: str) -> int:
    """Milliseconds of an RFC 3339 time."""
    return int(dt.datetime.fromisoformat(text).timestamp()) * 1000


def wall(text: str, zone: str = "UTC", fold: int = 0) -> int:
    moment = dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return int(moment.timestamp()) * 1000


# 2026-11-16 is a Monday.
RATES = [
    ("before the first edge of Monday, Sunday's last goes on", "2026-11-16T05:59:59Z", 0),
    ("at an edge", "2026-11-16T06:00:00Z", 2_000_000),
    ("just before the next", "2026-11-16T21:59:59Z", 2_000_000),
    ("days are inherited from the entry before", "2026-11-20T22:00:00Z", None),
    ("a day without entries goes on with the day before", "2026-11-21T12:00:00Z", None),
    ("no time: from midnight", "2026-11-22T00:00:00Z", 0),
    ("Sunday to its end", "2026-11-22T23:59:59Z", 0),
]


@pytest.mark.parametrize(("moment", "rate"), [r[1:] for r in RATES], ids=[r[0] for r in RATES])
def test_the_rate_of_a_depot(moment: str, rate: int | None) -> None:
    assert Timetable.parse(DEPOT, "UTC").rate_bps(at(moment)) == rate


SAME = [
    ("empty: unlimited", "", "unlimited"),
    ("blanks: unlimited", "  ", "unlimited"),
    ("kbit", "500kbit/s", "0.5Mbit/s"),
    ("gigabit with a fraction", "1.5Gbit/s", "1500Mbit/s"),
    ("bytes are eight bits", "2MB/s", "16Mbit/s"),
    ("a space before the unit", "20 Mbit/s", "20Mbit/s"),
    ("a fraction that floats cannot hold", "1.001kbit/s", "0.001001Mbit/s"),
    ("more than one such fraction", "4.035kbit/s", "0.004035Mbit/s"),
    ("days in any case", "MON-fri closed", "Mon-Fri closed"),
    ("days over the end of the week", "Fri-Mon closed, Tue 1Mbit/s", "Tue 1Mbit/s, Fri closed"),
    ("days joined by plus", "closed, Mon+Wed 1kB/s", "closed, Mon 1kB/s, Wed 1kB/s"),
    ("days joined by space", "closed, Mon Wed 1kB/s", "closed, Mon+Wed 1kB/s"),
    ("ranges joined", "closed, Mon-Tue Sat-Sun 1kB/s", "closed, Mon+Tue+Sat+Sun 1kB/s"),
    ("seconds", "06:00:00 closed", "06:00 closed"),
    ("a later entry replaces an earlier", "1kB/s, Mon closed, Mon 1kB/s", "1kB/s"),
    ("an edge that changes nothing", "1kB/s, 06:00 1kB/s", "1kB/s"),
]


@pytest.mark.parametrize(("text", "other"), [r[1:] for r in SAME], ids=[r[0] for r in SAME])
def test_two_ways_to_write_the_same(text: str, other: str) -> None:
    one, two = Timetable.parse(text, "UTC"), Timetable.parse(other, "UTC")
    assert one == two
    assert hash(one) == hash(two)
    assert one.text == two.text


@pytest.mark.parametrize(
    ("text", "rate_bps"),
    [("1.001kbit/s", 1001), ("4.035kbit/s", 4035), ("2.3Mbit/s", 2_300_000), ("2MB/s", 16_000_000)],
)
def test_a_lone_rate_is_exact_and_always(text: str, rate_bps: int) -> None:
    timetable = Timetable.parse(text, "UTC")
    assert timetable.rate_bps(0) == rate_bps
    assert timetable.next_change_ms(0) is None


REFUSED = [
    ("a bare number", "06:00 20", ["entry 1", "'20'", "20Mbit/s", "20MB/s"]),
    ("off", "closed, Sat off", ["entry 2", "off", "closed", "unlimited"]),
    ("no rate", "Mon", ["entry 1", "20Mbit/s"]),
    ("an entry of nothing", "closed,,closed", ["entry 2", "20Mbit/s"]),
    ("25 o'clock", "Mon 25:00 closed", ["entry 1", "25:00"]),
    ("minute 60", "06:60 closed", ["entry 1", "06:60"]),
    ("no day", "Mon-Fry closed", ["entry 1", "Fry", "Mon-Fri"]),
    ("a zero rate", "0Mbit/s", ["entry 1", "closed"]),
    ("a negative rate", "-2Mbit/s", ["entry 1"]),
    ("less than a bit", "0.0001kbit/s", ["entry 1", "closed"]),
    ("an absurd rate", "9999999999Gbit/s", ["entry 1"]),
    ("a unit nobody knows", "20Mbps", ["entry 1", "20Mbit/s"]),
    ("time and rate in one word", "06:0020Mbit/s", ["entry 1"]),
    ("an endless text", "closed," * 5000, ["characters"]),
]


@pytest.mark.parametrize(("text", "said"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_what_cannot_be_read_names_the_entry_and_the_remedy(text: str, said: list[str]) -> None:
    with pytest.raises(BadTimetable) as refusal:
        Timetable.parse(text, "UTC")
    whole = f"{refusal.value} {getattr(refusal.value, 'hint', '')}"
    assert [word for word in said if word not in whole] == []


@pytest.mark.parametrize("zone", ["", "Nowhere", "Europe", "../../etc/passwd", "a\0"])
def test_a_zone_that_does_not_exist(zone: str) -> None:
    with pytest.raises(BadTimetable, match="zone"):
        Timetable.parse("", zone)


EDGES = [
    ("an ordinary day", "Europe/Berlin", "02:30", "2026-11-21T02:30:00+01:00"),
    ("in the gap: when the clocks jump", "Europe/Berlin", "02:30", "2026-03-29T03:00:00+02:00"),
    ("the end of the gap", "Europe/Berlin", "03:00", "2026-03-29T03:00:00+02:00"),
    ("comes twice: the first", "Europe/Berlin", "02:30", "2026-10-25T02:30:00+02:00"),
    ("New York's gap", "America/New_York", "02:30", "2026-03-08T03:00:00-04:00"),
    ("New York's first", "America/New_York", "01:30", "2026-11-01T01:30:00-04:00"),
    ("a gap of half an hour", "Australia/Lord_Howe", "02:15", "2026-10-04T02:30:00+11:00"),
    ("half an hour twice", "Australia/Lord_Howe", "01:45", "2026-04-05T01:45:00+11:00"),
    ("the gap at midnight", "America/Havana", "00:30", "2026-03-08T01:00:00-04:00"),
]


@pytest.mark.parametrize(
    ("zone", "time", "edge"), [r[1:] for r in EDGES], ids=[r[0] for r in EDGES]
)
def test_when_an_edge_takes_effect(zone: str, time: str, edge: str) -> None:
    day = DAYS[dt.datetime.fromisoformat(edge).weekday()]
    timetable = Timetable.parse(f"1Mbit/s, {day} {time} closed", zone)
    edge_ms = at(edge)
    assert timetable.rate_bps(edge_ms - 1) == 1_000_000
    assert timetable.rate_bps(edge_ms) == 0
    assert timetable.next_change_ms(edge_ms - MINUTE) == edge_ms


@pytest.mark.parametrize(
    ("zone", "time", "day"),
    [
        ("Europe/Berlin", "02:30", "2026-10-25"),
        ("America/New_York", "01:30", "2026-11-01"),
        ("Australia/Lord_Howe", "01:45", "2026-04-05"),
    ],
)
def test_a_window_that_has_closed_stays_closed_when_the_hour_comes_again(
    zone: str, time: str, day: str
) -> None:
    timetable = Timetable.parse(f"1Mbit/s, Sun {time} closed, Mon 1Mbit/s", zone)
    closes = wall(f"{day} {time}", zone)
    monday = wall(str(dt.date.fromisoformat(day) + dt.timedelta(days=1)), zone)
    assert timetable.next_change_ms(closes) == monday
    assert timetable.bits_between(closes, monday) == 0


def test_an_hour_that_a_gap_swallows_waits_for_next_week() -> None:
    timetable = Timetable.parse("closed, Sun 02:10 1Mbit/s, 02:50 closed", "Europe/Berlin")
    after_ms = at("2026-03-22T03:00:00+01:00")
    assert timetable.next_change_ms(after_ms) == at("2026-04-05T02:10:00+02:00")


def test_a_day_as_steps_and_bits() -> None:
    timetable = Timetable.parse("06:00 2Mbit/s, 22:00 closed", "UTC")
    monday = at("2026-11-16T00:00:00Z")
    assert timetable.steps(monday, monday + DAY) == [
        (monday, 0),
        (monday + 6 * HOUR, 2_000_000),
        (monday + 22 * HOUR, 0),
    ]
    assert timetable.bits_between(monday, monday + DAY) == 16 * 3600 * 2_000_000
    assert timetable.bits_between(monday, monday) == 0


def test_any_unlimited_moment_makes_the_bits_unlimited() -> None:
    timetable = Timetable.parse("closed, 12:00 unlimited, 12:01 closed", "UTC")
    monday = at("2026-11-16T00:00:00Z")
    assert timetable.bits_between(monday, monday + 12 * HOUR) == 0
    assert timetable.bits_between(monday, monday + 12 * HOUR + 1) is None


@pytest.mark.parametrize("every_min", [20, 40, 60])
def test_what_is_stored_can_be_read_again_however_dense_it_is(every_min: int) -> None:
    """The canonical text is what the store keeps: it must never outgrow what is read."""
    times = [f"{n // 60}:{n % 60:02}" for n in range(0, 1440, every_min)]
    entries = ", ".join(f"{time} {1 + n % 2}kB/s" for n, time in enumerate(times))
    text = f"Mon+Wed+Fri+Sun {entries}"
    assert len(text) < 2000
    try:
        timetable = Timetable.parse(text, "UTC")
    except BadTimetable:
        return
    assert Timetable.parse(timetable.text, "UTC") == timetable


RATE = st.one_of(
    st.sampled_from(["unlimited", "closed", "1MB/s", "0.5Gbit/s"]),
    st.integers(1, 10**12).map(lambda bps: f"{bps // 1000}.{bps % 1000:03}kbit/s"),
)
DAYS_TEXT = st.one_of(
    st.just(""),
    st.tuples(st.sampled_from(DAYS), st.sampled_from(DAYS)).map(lambda d: f"{d[0]}-{d[1]} "),
    st.lists(st.sampled_from(DAYS), min_size=1, max_size=3).map(lambda d: "+".join(d) + " "),
)
TIME = st.one_of(
    st.just(""),
    st.integers(0, 86_399).map(lambda s: f"{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02} "),
    st.integers(0, 12).map(lambda n: f"{n // 4:02}:{n % 4 * 15:02} "),
)
TIMETABLE = st.builds(
    Timetable.parse,
    st.lists(st.tuples(DAYS_TEXT, TIME, RATE).map("".join), max_size=6).map(", ".join),
    st.sampled_from(ZONES),
)
NEAR_A_CHANGE = st.builds(
    lambda change, off_ms: at(change) + off_ms,
    st.sampled_from([edge for *_, edge in EDGES] + ["2026-11-01T01:00:00-05:00"]),
    st.integers(-8 * DAY, 8 * DAY),
)


@given(TIMETABLE)
def test_the_canonical_text_reads_back_as_the_same(timetable: Timetable) -> None:
    again = Timetable.parse(timetable.text, timetable.zone)
    assert again == timetable
    assert again.text == timetable.text


@given(TIMETABLE, NEAR_A_CHANGE, st.floats(0, 1))
def test_the_rate_is_constant_until_it_changes(
    timetable: Timetable, now_ms: int, part: float
) -> None:
    rate = timetable.rate_bps(now_ms)
    change_ms = timetable.next_change_ms(now_ms)
    until_ms = now_ms + 30 * DAY if change_ms is None else change_ms
    assert until_ms > now_ms
    assert timetable.rate_bps(now_ms + int((until_ms - 1 - now_ms) * part)) == rate
    if change_ms is not None:
        assert timetable.rate_bps(change_ms - 1) == rate
        assert timetable.rate_bps(change_ms) != rate


@given(TIMETABLE, NEAR_A_CHANGE, st.integers(1, 9 * DAY), st.integers(1, 9 * DAY))
def test_bits_add_up_but_for_the_rounding(
    timetable: Timetable, begin_ms: int, first_ms: int, second_ms: int
) -> None:
    middle_ms, end_ms = begin_ms + first_ms, begin_ms + first_ms + second_ms
    parts = [timetable.bits_between(begin_ms, middle_ms), timetable.bits_between(middle_ms, end_ms)]
    whole = timetable.bits_between(begin_ms, end_ms)
    assert (whole is None) == (None in parts)
    assume(whole is not None)
    assert whole is not None
    assert 0 <= whole - sum(bits or 0 for bits in parts) <= 1


@given(TIMETABLE, NEAR_A_CHANGE, st.integers(1, 15 * DAY))
def test_steps_tile_the_time_and_neighbours_differ(
    timetable: Timetable, begin_ms: int, length_ms: int
) -> None:
    steps = timetable.steps(begin_ms, begin_ms + length_ms)
    assert steps[0][0] == begin_ms
    assert all(a[0] < b[0] and a[1] != b[1] for a, b in pairwise(steps))
    assert all(timetable.rate_bps(since_ms) == rate for since_ms, rate in steps)
    assert steps[-1][0] < begin_ms + length_ms


@given(TIMETABLE, st.sampled_from(ZONES))
def test_the_zone_is_part_of_what_a_timetable_is(timetable: Timetable, zone: str) -> None:
    other = Timetable.parse(timetable.text, zone)
    assert (other == timetable) == (zone == timetable.zone)
