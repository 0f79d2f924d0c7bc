"""Timetables: rates over the week in a place's own zone.

``Mon-Fri 06:00 2Mbit/s, 22:00 unlimited, Sun closed``: entries of days, time and rate. Days are
inherited from the entry before, the time is 00:00 where it is left away, and the last rate of a
day goes on until another begins, over the end of the week as well.
"""

import datetime as dt
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_UNITS = {"kbit/s": 1e3, "Mbit/s": 1e6, "Gbit/s": 1e9, "kB/s": 8e3, "MB/s": 8e6, "GB/s": 8e9}
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s?([kMG](?:bit|B)/s)")
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")
_MAX_TEXT = 2000
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
        return self._before(self._second_of_week(now_ms))

    def next_change_ms(self, now_ms: int) -> int | None:
        """When the rate next differs from now's; None: never."""
        now_rate = self.rate_bps(now_ms)
        if all(rate == now_rate for _, rate in self.edges):
            return None
        return next(
            at for at, rate in self._edges_after(now_ms) if at > now_ms and rate != now_rate
        )

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

    def _before(self, second: int) -> int | None:
        index = bisect_right(self.edges, second, key=lambda edge: edge[0]) - 1
        return self.edges[index][1]

    def _local(self, ms: int) -> dt.datetime:
        return (_EPOCH + dt.timedelta(milliseconds=ms)).astimezone(self._zone)

    def _second_of_week(self, ms: int) -> int:
        local = self._local(ms)
        return local.weekday() * 86_400 + local.hour * 3600 + local.minute * 60 + local.second

    def _edges_after(self, now_ms: int) -> list[tuple[int, int | None]]:
        """Every moment of the next eight days at which the rate may change, ascending."""
        local = self._local(now_ms)
        monday = local.date() - dt.timedelta(days=local.weekday())
        moments = {self._moment(monday, week, at) for week in (0, 1, 2) for at, _ in self.edges}
        moments |= set(self._shifts(local.date()))
        return [(at, self.rate_bps(at)) for at in sorted(moments)]

    def _moment(self, monday: dt.date, week: int, second: int) -> int:
        day = monday + dt.timedelta(days=7 * week + second // 86_400)
        time = dt.time(second % 86_400 // 3600, second % 3600 // 60, second % 60)
        return _ms(dt.datetime.combine(day, time, self._zone))

    def _shifts(self, first: dt.date) -> list[int]:
        """When the zone's clocks change within two weeks: the rate may change with them."""
        found = []
        for day in range(-1, 15):
            begin = _ms(dt.datetime.combine(first + dt.timedelta(day), dt.time(), self._zone))
            end = begin + 86_400_000
            if self._local(begin).utcoffset() == self._local(end).utcoffset():
                continue
            while end - begin > 1:
                middle = (begin + end) // 2
                same = self._local(begin).utcoffset() == self._local(middle).utcoffset()
                begin, end = (middle, end) if same else (begin, middle)
            found.append(end)
        return found


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
    return tuple(slim)


def _entry(entry: str, days: list[int], where: str) -> tuple[list[int], int, int | None]:
    rest = entry
    first, _, tail = rest.partition(" ")
    if re.match(r"[A-Za-z]{3}(?![a-z])", first) and first not in ("off",):
        days, rest = _days(first, where), tail.strip()
    time = _TIME.match(rest)
    second = 0
    if time:
        second = int(time[1]) * 3600 + int(time[2]) * 60 + int(time[3] or 0)
        rest = rest[time.end() :].strip()
    return days, second, _rate(rest, where)


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
        rate = int(float(match[1]) * _UNITS[match[2]])
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
            return f"{int(rate / _UNITS[unit])}{unit}"
    return f"{rate / 1000:.3f}".rstrip("0").rstrip(".") + "kbit/s"


def _time_text(second: int) -> str:
    text = f"{second // 3600:02d}:{second % 3600 // 60:02d}"
    return text if second % 60 == 0 else f"{text}:{second % 60:02d}"
