"""Wall time to UTC: every moment comes back, and what can be meant twice is never called sure."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layover_agent.core.zones import (
    EARLIEST_MS,
    LATEST_MS,
    SLACK_MS,
    BadZone,
    Moment,
    moment,
    plausible,
    zone,
)

ZONES = [
    "Europe/Berlin", "Europe/London", "Europe/Dublin", "Europe/Lisbon", "Europe/Chisinau",
    "America/New_York", "America/Los_Angeles", "America/St_Johns", "America/Havana",
    "America/Santiago", "America/Nuuk", "Africa/Cairo", "Africa/Casablanca", "Asia/Jerusalem",
    "Asia/Beirut", "Asia/Kathmandu", "Australia/Lord_Howe", "Australia/Adelaide",
    "Pacific/Auckland", "Pacific/Chatham", "Pacific/Apia",
]  # fmt: skip
HOUR_MS = 3_600_000
MINUTE_MS = 60_000
EPOCH = dt.datetime(1970, 1, 1)


def ms(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp() * 1000)


def wall(utc_ms: int, where: dt.tzinfo) -> dt.datetime:
    """What a clock in a zone shows."""
    utc = (EPOCH + dt.timedelta(milliseconds=utc_ms)).replace(tzinfo=dt.UTC)
    return utc.astimezone(where).replace(tzinfo=None, fold=0)


def changes(name: str) -> list[int]:
    """The hours of 2024 to 2028 in which the clock of a zone is changed (ms)."""
    where, found = ZoneInfo(name), []
    at = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    last = at.astimezone(where).utcoffset()
    while at.year < 2029:
        later = at + dt.timedelta(days=1)
        offset = later.astimezone(where).utcoffset()
        if offset != last:
            found.append(int(at.timestamp() * 1000))
        at, last = later, offset
    return found


CHANGES = {name: changes(name) for name in ZONES}
NEAR = st.sampled_from([name for name in ZONES if CHANGES[name]]).flatmap(
    lambda name: st.tuples(
        st.just(name),
        st.sampled_from(CHANGES[name]).flatmap(
            lambda day_ms: st.integers(day_ms - HOUR_MS, day_ms + 25 * HOUR_MS)
        ),
    )
)
ANY = st.tuples(st.sampled_from(ZONES), st.integers(EARLIEST_MS, LATEST_MS))
MOMENTS = st.one_of(NEAR, ANY)


@settings(deadline=None, max_examples=200)
@given(MOMENTS)
def test_a_sure_moment_is_the_one_that_was_meant(case: tuple[str, int]) -> None:
    name, utc_ms = case
    where = zone(name)
    found = moment(wall(utc_ms, where), where)
    if found.sure:
        assert found.ms == utc_ms
    else:
        assert found.ms < utc_ms + 1
        assert wall(found.ms, where) == wall(utc_ms, where)


@settings(deadline=None, max_examples=200)
@given(MOMENTS, st.integers(0, 20 * MINUTE_MS))
def test_the_time_of_writing_tells_the_two_apart(case: tuple[str, int], lasts_ms: int) -> None:
    name, utc_ms = case
    where = zone(name)
    longest_ms = 25 * MINUTE_MS  # shorter than any clock change, so that never both agree
    found = moment(wall(utc_ms, where), where, written_ms=utc_ms + lasts_ms, longest_ms=longest_ms)
    assert found == Moment(utc_ms, True)


@settings(deadline=None)
@given(MOMENTS)
def test_a_policy_is_followed(case: tuple[str, int]) -> None:
    name, utc_ms = case
    where = zone(name)
    shown = wall(utc_ms, where)
    first = moment(shown, where, fold="first")
    second = moment(shown, where, fold="second")
    assert utc_ms in (first.ms, second.ms)
    assert first.sure
    assert second.sure
    assert first.ms <= second.ms


FOLD = dt.datetime(2026, 10, 25, 2, 30)
FIRST, SECOND = ms("2026-10-25T02:30+02:00"), ms("2026-10-25T02:30+01:00")
GAP = dt.datetime(2026, 3, 29, 2, 30)
LAST = {
    "not known": (None, 15, FIRST, False),
    "written between the two": (FIRST + 10 * MINUTE_MS, 15, FIRST, True),
    "written after the second": (SECOND + 10 * MINUTE_MS, 15, SECOND, True),
    "too long after either": (SECOND + 20 * MINUTE_MS, 15, FIRST, False),
    "before either": (FIRST - MINUTE_MS, 15, FIRST, False),
    "long recordings leave it open": (SECOND + 10 * MINUTE_MS, 120, FIRST, False),
    "written at the start": (FIRST, 15, FIRST, True),
    "rounded down by FAT": (SECOND - SLACK_MS, 15, SECOND, True),
    "copied years later": (SECOND + 10**11, 15, FIRST, False),
}


@pytest.mark.parametrize("case", LAST)
def test_an_hour_that_comes_twice(case: str) -> None:
    written_ms, longest_minutes, expected_ms, sure = LAST[case]
    found = moment(
        FOLD,
        zone("Europe/Berlin"),
        written_ms=written_ms,
        longest_ms=longest_minutes * MINUTE_MS,
    )
    assert found == Moment(expected_ms, sure)


@pytest.mark.parametrize("fold", ["auto", "first", "second"])
def test_an_hour_that_never_was_is_never_sure(fold: str) -> None:
    written_ms = ms("2026-03-29T03:35+02:00")
    found = moment(GAP, zone("Europe/Berlin"), fold=fold, written_ms=written_ms)  # type: ignore[arg-type]
    assert not found.sure


TIMES = {
    "a boot without a clock": (dt.datetime(1970, 1, 1, 0, 0, 12), False),
    "days after such a boot": (dt.datetime(1970, 1, 9), False),
    "the beginning of FAT": (dt.datetime(1980, 1, 1), False),
    "a real-time clock without battery": (dt.datetime(2000, 1, 1, 0, 0, 12), False),
    "an old recording": (dt.datetime(2001, 6, 1), True),
    "now": (dt.datetime(2026, 11, 21), True),
    "the last of the century": (dt.datetime(2099, 12, 31), True),
    "beyond it": (dt.datetime(2100, 1, 2), False),
    "the first of all years": (dt.datetime(1, 1, 1), False),
    "the last of all years": (dt.datetime(9999, 12, 31, 23, 59, 59), False),
}


@pytest.mark.parametrize("name", ["UTC", "+14:00", "-23:59", "Europe/Berlin", "Pacific/Apia"])
@pytest.mark.parametrize("case", TIMES)
def test_a_time_that_no_set_clock_shows_is_kept_and_marked(case: str, name: str) -> None:
    shown, sure = TIMES[case]
    found = moment(shown, zone(name))
    assert found.sure == sure == plausible(found.ms)
    wall_ms = (shown - EPOCH) // dt.timedelta(milliseconds=1)
    assert abs(found.ms - wall_ms) < 25 * HOUR_MS


def test_offsets() -> None:
    noon = dt.datetime(2026, 7, 1, 12)
    for text in ("+02:00", "+0200", "Europe/Berlin"):
        assert moment(noon, zone(text)).ms == ms("2026-07-01T12:00+02:00")
    assert moment(noon, zone("Z")) == moment(noon, zone("UTC"))
    assert moment(noon, zone("-05:30")).ms == ms("2026-07-01T12:00-05:30")


BAD = [
    "", "Europe", "Europe/Bärlin", "../../etc/passwd", "/etc/localtime", "a\0b", "\ud800",
    "+24:00", "+02:60", "+2:00", "02:00", "+٠٢:٠٠", "x" * 10_000, " UTC", "UTC\n", ".", "..",
]  # fmt: skip


@pytest.mark.parametrize("text", BAD, ids=lambda text: ascii(text)[:20])
def test_a_zone_nobody_knows_says_how_to_write_one(text: str) -> None:
    with pytest.raises(BadZone, match=r"\+02:00") as refusal:
        zone(text)
    assert len(str(refusal.value)) < 500


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_a_zone_or_refused(text: str) -> None:
    try:
        zone(text)
    except BadZone as error:
        assert "+02:00" in str(error)
