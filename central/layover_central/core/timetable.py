"""Timetables: rates over the week in a place's own zone.

``Mon-Fri 06:00 2Mbit/s, 22:00 unlimited, Sun closed``: entries of days, time and rate. Days are
inherited from the entry before, the time is 00:00 where it is left away, and the last rate of a
day goes on until another begins, over the end of the week as well.
"""

import datetime as dt
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_PREFIX = {"k": 10**3, "M": 10**6, "G": 10**9}
_UNITS = {f"{p}bit/s": n for p, n in _PREFIX.items()} | {
    f"{p}B/s": 8 * n for p, n in _PREFIX.items()
}
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s?([kMG](?:bit|B)/s)")
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")
_MAX_TEXT = 8000
"""Longer than the canonical text of any timetable with ``_MAX_EDGES``."""
_MAX_EDGES = 168
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class BadTimetable(ValueError):
    """A timetable that cannot be read; names the entry and what to write instead."""


@dataclass(frozen=True, slots=True)
class Timetable:
    """Edges of the week, ``(second of the week, rate)`` ascending; None unlimited, 0 closed."""

    edges: tuple[tuple[int, int | None], ...]
    zone: str
    _zone: ZoneInfo = field(repr=False, compare=False)

    @classmethod
    def parse(cls, text: str, zone: str) -> "Timetable":
        """Reads the syntax above. Empty: unlimited always. BadTimetable where it cannot."""
        try:
            info = ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise BadTimetable(f"there is no time zone {zone!r}") from error
        return cls(_edges(text), zone, info)

    def rate_bps(self, now_ms: int) -> int | None:
        """Bits per second at a moment; None unlimited, 0 closed."""
        changes = self._changes(now_ms, 2)
        return changes[bisect_right(changes, now_ms, key=lambda change: change[0]) - 1][1]

    def next_change_ms(self, now_ms: int) -> int | None:
        """When the rate next differs from now's; None: never."""
        now_rate = self.rate_bps(now_ms)
        if len(self.edges) == 1:
            return None
        changes = self._changes(now_ms, 5)
        return next((at for at, rate in changes if at > now_ms and rate != now_rate), None)

    def steps(self, from_ms: int, to_ms: int) -> list[tuple[int, int | None]]:
        """The rates between two moments: ``(since_ms, rate)``, the first at ``from_ms``."""
        found = [(from_ms, self.rate_bps(from_ms))]
        while (edge := self.next_change_ms(found[-1][0])) is not None and edge < to_ms:
            found.append((edge, self.rate_bps(edge)))
        return found

    def bits_between(self, from_ms: int, to_ms: int) -> int | None:
        """What the timetable lets through; None: some of it is unlimited."""
        steps = self.steps(from_ms, to_ms)
        ends = [at for at, _ in steps[1:]] + [to_ms]
        total = 0
        for (begin, rate), end in zip(steps, ends, strict=True):
            if rate is None:
                return None
            total += rate * (end - begin)
        return total // 1000

    @property
    def text(self) -> str:
        """The canonical form: reads back as the same timetable."""
        if self.edges == ((0, None),):
            return ""
        if len(self.edges) == 1:
            return _rate_text(self.edges[0][1])
        # The edge at Monday 00:00 says nothing new where Sunday's last rate runs on.
        edges = self.edges[1:] if self.edges[0][1] == self.edges[-1][1] else self.edges
        by_day = [[(at % 86_400, r) for at, r in edges if at // 86_400 == day] for day in range(7)]
        entries: list[str] = []
        day = 0
        while day < 7:
            last = day
            while last < 6 and by_day[last + 1] == by_day[day]:
                last += 1
            days = DAYS[day] if last == day else f"{DAYS[day]}-{DAYS[last]}"
            for number, (second, rate) in enumerate(by_day[day]):
                prefix = "" if number or last - day == 6 else f"{days} "
                entries.append(f"{prefix}{_time_text(second)} {_rate_text(rate)}")
            day = last + 1
        return ", ".join(entries)

    def _changes(self, now_ms: int, weeks: int) -> list[tuple[int, int | None]]:
        """``(moment, rate)`` ascending, from the first edge of this week on."""
        today = (_EPOCH + dt.timedelta(milliseconds=now_ms)).astimezone(self._zone).date()
        monday = today - dt.timedelta(days=today.weekday())
        found: dict[int, int | None] = {}
        for week in range(weeks):
            found.update(_week(self, monday + dt.timedelta(weeks=week)))
        return list(found.items())


@lru_cache(maxsize=2048)
def _week(timetable: Timetable, monday: dt.date) -> tuple[tuple[int, int | None], ...]:
    """One week's edges as moments; where several fall together in a gap, the last counts."""
    midnight = dt.datetime.combine(monday, dt.time())
    found: dict[int, int | None] = {}
    for second, rate in timetable.edges:
        found[_reached_ms(midnight + dt.timedelta(seconds=second), timetable._zone)] = rate
    return tuple(found.items())


def _reached_ms(wall: dt.datetime, zone: ZoneInfo) -> int:
    """When a zone's clocks first reach a wall time; in a gap, when they jump over it."""
    end, begin = (_ms(wall.replace(tzinfo=zone, fold=fold)) for fold in (0, 1))
    if end <= begin:
        return end
    before = _offset(begin, zone)
    while end - begin > 1:
        middle = (begin + end) // 2
        begin, end = (middle, end) if _offset(middle, zone) == before else (begin, middle)
    return end


def _offset(ms: int, zone: ZoneInfo) -> dt.timedelta | None:
    return (_EPOCH + dt.timedelta(milliseconds=ms)).astimezone(zone).utcoffset()


def _ms(moment: dt.datetime) -> int:
    return (moment - _EPOCH) // dt.timedelta(milliseconds=1)


@lru_cache(maxsize=256)
def _edges(text: str) -> tuple[tuple[int, int | None], ...]:
    if len(text) > _MAX_TEXT:
        raise BadTimetable(f"a timetable has at most {_MAX_TEXT} characters")
    if not text.strip():
        return ((0, None),)
    found: dict[int, int | None] = {}
    days = list(range(7))
    for number, entry in enumerate(text.split(","), start=1):
        where = f"entry {number} ({entry.strip()!r})"
        days, second, rate = _entry(entry.strip(), days, where)
        for day in days:
            found[day * 86_400 + second] = rate
    ordered = sorted(found.items())
    # The week is a ring: the last rate of Sunday runs on until the first edge of Monday.
    ring = [(0, ordered[-1][1]), *ordered] if ordered[0][0] else ordered
    slim: list[tuple[int, int | None]] = []
    for at, rate in ring:
        if not slim or slim[-1][1] != rate:
            slim.append((at, rate))
    if len(slim) > _MAX_EDGES:
        raise BadTimetable(
            f"the rate changes {len(slim)} times a week; write at most {_MAX_EDGES} changes"
        )
    return tuple(slim)


def _entry(entry: str, days: list[int], where: str) -> tuple[list[int], int, int | None]:
    words = entry.split()
    named: list[int] = []
    while words and re.match(r"[A-Za-z]{3}(?![a-z])", words[0]) and words[0] != "off":
        named += _days(words.pop(0), where)
    second = 0
    if words and (time := _TIME.fullmatch(words[0])):
        second = int(time[1]) * 3600 + int(time[2]) * 60 + int(time[3] or 0)
        words.pop(0)
    return named or days, second, _rate(" ".join(words), where)


def _days(text: str, where: str) -> list[int]:
    found: list[int] = []
    for part in text.split("+"):
        begin, dash, end = part.partition("-")
        try:
            a = DAYS.index(begin.capitalize())
            b = DAYS.index(end.capitalize()) if dash else a
        except ValueError as error:
            raise BadTimetable(
                f"{where}: {part!r} is no day; write Mon, Mon-Fri or Mon+Wed"
            ) from error
        found += [(a + i) % 7 for i in range((b - a) % 7 + 1)]
    return found


def _rate(text: str, where: str) -> int | None:
    if text == "unlimited":
        return None
    if text == "closed":
        return 0
    match = _RATE.fullmatch(text)
    if match:
        rate = int(Decimal(match[1]) * _UNITS[match[2]])
        if not 0 < rate <= 10**15:
            raise BadTimetable(f"{where}: {text!r} is no rate; to stop all traffic write 'closed'")
        return rate
    if text == "off":
        raise BadTimetable(f"{where}: 'off' is ambiguous; write 'closed' or 'unlimited'")
    if re.fullmatch(r"[\d.]+", text):
        raise BadTimetable(f"{where}: {text!r} has no unit; write {text}Mbit/s or {text}MB/s")
    if not text:
        raise BadTimetable(f"{where}: a rate is missing; write 20Mbit/s, unlimited or closed")
    raise BadTimetable(f"{where}: cannot read {text!r}; an entry is like 'Mon-Fri 22:00 20Mbit/s'")


def _rate_text(rate: int | None) -> str:
    if rate is None:
        return "unlimited"
    if rate == 0:
        return "closed"
    for unit in ("Gbit/s", "Mbit/s"):
        if rate % _UNITS[unit] == 0:
            return f"{rate // _UNITS[unit]}{unit}"
    return f"{(Decimal(rate) / 1000).normalize():f}kbit/s"


def _time_text(second: int) -> str:
    text = f"{second // 3600:02d}:{second % 3600 // 60:02d}"
    return text if second % 60 == 0 else f"{text}:{second % 60:02d}"
