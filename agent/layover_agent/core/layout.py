"""How a recorder names its files: a path template, read once, matched against every path.

``{camera}/%Y-%m-%d/%H-%M-%S.mp4``: strftime letters for the start of the recording, fields in
braces, ``*`` for anything within one folder name. What a template does not say is not guessed.
"""

import datetime as dt
import re
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_LETTERS = {
    "Y": r"(?P<Y>\d{4})",
    "y": r"(?P<y>\d{2})",
    "m": r"(?P<m>\d{2})",
    "d": r"(?P<d>\d{2})",
    "H": r"(?P<H>\d{2})",
    "M": r"(?P<M>\d{2})",
    "S": r"(?P<S>\d{2})",
    "f": r"(?P<f>\d{1,6})",
    "s": r"(?P<s>\d{9,11})",
    "z": r"(?P<z>[+-]\d{2}:?\d{2}|Z)",
    "%": "%",
}
_FIELDS = {
    "camera": r"(?P<camera>[^/]+?)",
    "kind": r"(?P<kind>[^/]+?)",
    "seq": r"(?P<seq>\d+)",
    "event": r"(?P<event>[^/]+?)",
    "ms": r"(?P<ms>\d{1,3})",
    "dur_ms": r"(?P<dur_ms>\d+)",
}
_TOKEN = re.compile(r"%(.)|\{([a-z_]+)\}|(\*)|([^%{*]+)|(.)", re.DOTALL)
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})")
_MAX_PATH = 1024
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class BadLayout(ValueError):
    """A template or zone that cannot be used, and why."""


@dataclass(frozen=True, slots=True)
class Named:
    """What a name says of its recording."""

    camera: str
    start_ms: int
    sure: bool
    """False where the wall time came twice or never (a clock change)."""
    duration_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """A template ready to match."""

    template: str
    _pattern: re.Pattern[str] = field(repr=False)
    _zone: dt.tzinfo | None = field(repr=False)

    @classmethod
    def parse(cls, template: str, zone: str) -> "Layout":
        """BadLayout where the template or the zone leaves open what time or camera it is."""
        parts: list[str] = []
        seen: set[str] = set()
        for letter, name, star, literal, stray in _TOKEN.findall(template):
            if stray or (letter and letter not in _LETTERS) or (name and name not in _FIELDS):
                unknown = stray or (f"%{letter}" if letter else f"{{{name}}}")
                raise BadLayout(
                    f"layout {template!r}: {unknown} is not known; letters are "
                    f"%{' %'.join(_LETTERS)}, fields {{{'} {'.join(_FIELDS)}}}"
                )
            key = letter or name
            if key in seen and key not in ("", "%"):
                parts.append(f"(?P={key})")
                continue
            seen.add(key)
            parts.append(
                _LETTERS[letter]
                if letter
                else _FIELDS[name]
                if name
                else "[^/]*"
                if star
                else re.escape(literal)
            )
        if "s" not in seen and not ({"m", "d", "H", "M", "S"} <= seen and seen & {"Y", "y"}):
            raise BadLayout(f"layout {template!r}: needs %s, or year to second (%Y %m %d %H %M %S)")
        if "camera" not in seen:
            raise BadLayout(f"layout {template!r}: needs {{camera}}")
        needs_zone = not seen & {"z", "s"}
        if needs_zone and not zone:
            raise BadLayout("zone is missing: the names carry no zone, say which one they are in")
        return cls(template, re.compile("".join(parts)), _zone(zone) if needs_zone else None)

    def match(self, path: str) -> Named | None:
        """What a path relative to the source's folder says; None: it is no recording's."""
        found = self._pattern.fullmatch(path) if len(path) <= _MAX_PATH else None
        if found is None:
            return None
        fields = found.groupdict()
        duration = fields.get("dur_ms")
        try:
            start_ms, sure = self._start_ms(fields)
        except (ValueError, OverflowError):
            return None
        duration_ms = int(duration) if duration and len(duration) < 12 else None
        return Named(fields["camera"], start_ms, sure, duration_ms or None)

    def _start_ms(self, fields: dict[str, str | None]) -> tuple[int, bool]:
        extra_ms = int((fields.get("f") or "0").ljust(6, "0")) // 1000
        extra_ms += int(fields.get("ms") or "0")
        if seconds := fields.get("s"):
            return int(seconds) * 1000 + extra_ms, True
        year = fields.get("Y") or f"20{fields['y']}"
        month, day, hour, minute, second = (int(fields[key] or "") for key in "mdHMS")
        naive = dt.datetime(int(year), month, day, hour, minute, second)  # noqa: DTZ001
        zone = _zone(fields["z"] or "") if "z" in fields else self._zone
        early, late = naive.replace(tzinfo=zone), naive.replace(tzinfo=zone, fold=1)
        sure = early.utcoffset() == late.utcoffset()
        return (early - _EPOCH) // dt.timedelta(milliseconds=1) + extra_ms, sure


def _zone(text: str) -> dt.tzinfo:
    if text == "Z":
        return dt.UTC
    offset = _OFFSET.fullmatch(text)
    if offset:
        minutes = int(offset[2]) * 60 + int(offset[3])
        if minutes >= 24 * 60:
            raise BadLayout(f"zone {text!r}: an offset is less than a day")
        return dt.timezone(dt.timedelta(minutes=minutes if offset[1] == "+" else -minutes))
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadLayout(f"zone {text!r} is not known; write Europe/Berlin or +02:00") from error
