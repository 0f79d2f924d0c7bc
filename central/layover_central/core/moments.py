"""Times as people type and read them. A time without a zone is read in the depot's zone."""

import datetime as dt
import re
from zoneinfo import ZoneInfo

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?([Zz]|[+-]\d\d:\d\d)?", re.ASCII
)
_BARE = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?", re.ASCII)
_DURATION = re.compile(r"\+?(\d{1,9})\s?(s|m|h|d)")
_UNIT_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
MAX_SPAN_MS = 366 * _UNIT_MS["d"]
_FIRST_YEAR, _LAST_YEAR = 1971, 2199
_LAST_MS = (dt.datetime(_LAST_YEAR + 1, 1, 1, tzinfo=dt.UTC) - _EPOCH) // dt.timedelta(
    milliseconds=1
)


class BadMoment(ValueError):
    """A time that cannot be read, or that is not one moment."""


def parse_moment(text: str, zone: str) -> int:
    """``2026-11-21T09:00:00+01:00``, ``2026-11-21 09:00Z`` or, in ``zone``, without an offset."""
    if _MOMENT.fullmatch(text.strip()) is None:
        raise BadMoment(
            f"cannot read the time {text[:60]!r}; write it like 2026-11-21T09:00:00+01:00"
        )
    try:
        moment = dt.datetime.fromisoformat(text.strip().upper())
    except ValueError as error:
        raise BadMoment(f"there is no time {text.strip()}: {error}") from error
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise BadMoment(f"the year {moment.year} is not between {_FIRST_YEAR} and {_LAST_YEAR}")
    if moment.tzinfo is not None:
        return _ms(moment)
    wall = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    found = _readings(wall, zone)
    if len(found) != 1:
        raise _not_one(wall, zone)
    return found[0]


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
        # A bare time of day ends the span at its first coming after the beginning, if that is
        # not another day's: then it was meant to lie before it, and is refused.
        to_ms = parse_next(to_text, zone, from_ms)
        if to_ms > now_ms + 3_600_000:
            to_ms = parse_past(to_text, zone, now_ms)
    if to_ms <= from_ms:
        raise BadMoment(
            f"the span ends at {rfc3339(to_ms, zone)}, not after its beginning "
            f"{rfc3339(from_ms, zone)}"
        )
    if to_ms - from_ms > MAX_SPAN_MS:
        raise BadMoment("a span has at most 366 days")
    if to_ms > _LAST_MS:
        raise BadMoment(f"a span ends by the year {_LAST_YEAR}")
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
    try:
        time = dt.time(int(bare[1]), int(bare[2]), int(bare[3] or 0))
    except ValueError as error:
        raise BadMoment(f"there is no time of day {text.strip()}: {error}") from error
    today = (_EPOCH + dt.timedelta(milliseconds=now_ms)).astimezone(ZoneInfo(zone)).date()
    for days in range(3):
        wall = dt.datetime.combine(today + dt.timedelta(days=days * direction), time)
        found = _readings(wall, zone)
        due = [ms for ms in found or [_jump_ms(wall, zone)] if (ms - now_ms) * direction >= 0]
        if len(due) > 1 or (due and not found):
            raise _not_one(wall, zone)
        if due:
            return due[0]
    raise BadMoment(f"cannot place {text!r} near now")


def _readings(wall: dt.datetime, zone: str) -> list[int]:
    """The moments at which a zone's clocks show a wall time: two or none where they change."""
    info = ZoneInfo(zone)
    both = {_ms(wall.replace(tzinfo=info, fold=fold)) for fold in (0, 1)}
    return sorted(ms for ms in both if _local(ms, info).replace(tzinfo=None, fold=0) == wall)


def _jump_ms(wall: dt.datetime, zone: str) -> int:
    """When the clocks go forward over a wall time that does not exist."""
    info = ZoneInfo(zone)
    begin, end = (_ms(wall.replace(tzinfo=info, fold=fold)) for fold in (1, 0))
    before = _local(begin, info).utcoffset()
    while end - begin > 1:
        middle = (begin + end) // 2
        same = _local(middle, info).utcoffset() == before
        begin, end = (middle, end) if same else (begin, middle)
    return end


def _not_one(wall: dt.datetime, zone: str) -> BadMoment:
    found = [rfc3339(ms, zone) for ms in _readings(wall, zone)]
    if found:
        return BadMoment(f"{wall} comes twice in {zone}: write {' or '.join(found)}")
    nearest = rfc3339(_jump_ms(wall, zone), zone)
    return BadMoment(f"{wall} does not exist in {zone}: the clocks go forward over it to {nearest}")


def _local(ms: int, info: ZoneInfo) -> dt.datetime:
    return (_EPOCH + dt.timedelta(milliseconds=ms)).astimezone(info)


def _ms(moment: dt.datetime) -> int:
    return (moment - _EPOCH) // dt.timedelta(milliseconds=1)
