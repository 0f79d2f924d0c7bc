"""Times as people type and read them. A time without a zone is read in the depot's zone."""

import datetime as dt
import re
from zoneinfo import ZoneInfo

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_BARE = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")
_DURATION = re.compile(r"\+?(\d{1,9})\s?(s|m|h|d)")
_UNIT_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
MAX_SPAN_MS = 366 * _UNIT_MS["d"]
_FIRST_YEAR, _LAST_YEAR = 1971, 2199


class BadMoment(ValueError):
    """A time that cannot be read, or that is not one moment."""


def parse_moment(text: str, zone: str) -> int:
    """``2026-11-21T09:00:00+01:00``, ``2026-11-21 09:00Z`` or, in ``zone``, without an offset."""
    try:
        moment = dt.datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise BadMoment(
            f"cannot read the time {text[:60]!r}; write it like 2026-11-21T09:00:00+01:00"
        ) from error
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise BadMoment(f"the year {moment.year} is not between {_FIRST_YEAR} and {_LAST_YEAR}")
    return _ms(moment if moment.tzinfo is not None else _in_zone(moment, zone))


def parse_next(text: str, zone: str, now_ms: int) -> int:
    """Like ``parse_moment``; ``22:10`` is the next such time of day from now on."""
    return _parse_near(text, zone, now_ms, 1)


def parse_past(text: str, zone: str, now_ms: int) -> int:
    """Like ``parse_moment``; ``22:10`` is the latest such time of day up to now."""
    return _parse_near(text, zone, now_ms, -1)


def parse_span(from_text: str, to_text: str, zone: str, now_ms: int) -> tuple[int, int]:
    """A span; its end may be ``+15m`` after its beginning. BadMoment where it is empty."""
    from_ms = parse_past(from_text, zone, now_ms)
    if to_text.strip().startswith("+"):
        to_ms = from_ms + parse_duration(to_text)
    else:
        to_ms = parse_past(to_text, zone, now_ms)
    if to_ms <= from_ms:
        raise BadMoment(
            f"the span ends at {rfc3339(to_ms, zone)}, not after its beginning "
            f"{rfc3339(from_ms, zone)}"
        )
    if to_ms - from_ms > MAX_SPAN_MS:
        raise BadMoment("a span has at most 366 days")
    return from_ms, to_ms


def parse_duration(text: str) -> int:
    """``90s``, ``15m``, ``2h`` or ``1d`` in milliseconds."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise BadMoment(f"cannot read the duration {text[:40]!r}; write 90s, 15m, 2h or 1d")
    return int(match[1]) * _UNIT_MS[match[2]]


def rfc3339(ms: int, zone: str = "UTC") -> str:
    """A moment with its offset, milliseconds only where there are any."""
    moment = (_EPOCH + dt.timedelta(milliseconds=ms)).astimezone(ZoneInfo(zone))
    text = moment.isoformat(timespec="milliseconds" if ms % 1000 else "seconds")
    return text.replace("+00:00", "Z") if zone == "UTC" else text


def _parse_near(text: str, zone: str, now_ms: int, direction: int) -> int:
    bare = _BARE.fullmatch(text.strip())
    if bare is None:
        return parse_moment(text, zone)
    time = dt.time(int(bare[1]), int(bare[2]), int(bare[3] or 0))
    today = (_EPOCH + dt.timedelta(milliseconds=now_ms)).astimezone(ZoneInfo(zone)).date()
    for days in range(3):
        day = today + dt.timedelta(days=days * direction)
        found_ms = _ms(_in_zone(dt.datetime.combine(day, time), zone))
        if (found_ms - now_ms) * direction >= 0:
            return found_ms
    raise BadMoment(f"cannot place {text!r} near now")


def _in_zone(naive: dt.datetime, zone: str) -> dt.datetime:
    """A wall time as the one moment it is; the hour that comes twice or never is refused."""
    early = naive.replace(tzinfo=ZoneInfo(zone), fold=0)
    late = naive.replace(tzinfo=ZoneInfo(zone), fold=1)
    if early.utcoffset() == late.utcoffset():
        return early
    there = early.astimezone(dt.UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) == naive
    if there:
        raise BadMoment(
            f"{naive} comes twice in {zone}: write {early.isoformat()} or {late.isoformat()}"
        )
    raise BadMoment(f"{naive} does not exist in {zone}: the clocks go forward over it")


def _ms(moment: dt.datetime) -> int:
    return (moment - _EPOCH) // dt.timedelta(milliseconds=1)
