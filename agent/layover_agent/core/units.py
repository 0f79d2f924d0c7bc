"""Sizes, spans and times as people read them."""

import datetime as dt

_BYTES = ("B", "kB", "MB", "GB", "TB", "PB")
_SPANS = ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s"))
_WHOLE_FROM = 10
"""So many of the greater unit need none of the smaller."""


def spoken_bytes(size_bytes: int) -> str:
    """Three digits: ``0 B``, ``1.4 GB``, ``120 GB``; decimal units, as disks are sold."""
    value, unit = float(size_bytes), 0
    while abs(value) >= 999.5 and unit < len(_BYTES) - 1:
        value, unit = value / 1000, unit + 1
    digits = 1 if unit and abs(value) < 9.95 else 0
    return f"{value:.{digits}f} {_BYTES[unit]}"


def spoken_seconds(seconds: int) -> str:
    """The two greatest units: ``42 s``, ``9 h``, ``3 d 4 h``."""
    for size, unit, smaller, name in _SPANS:
        if seconds >= size:
            whole, rest = seconds // size, seconds % size // smaller
            return f"{whole} {unit}" + (f" {rest} {name}" if rest and whole < _WHOLE_FROM else "")
    return f"{seconds} s"


def spoken_time(time_ms: int, zone: dt.tzinfo = dt.UTC) -> str:
    """RFC 3339 to the second, with its offset; a time that no calendar has is given in ms."""
    try:
        moment = dt.datetime.fromtimestamp(time_ms // 1000, zone)
    except (OverflowError, ValueError, OSError):
        return f"{time_ms} ms"
    said = moment.isoformat(timespec="seconds")
    return said.removesuffix("+00:00") + "Z" if said.endswith("+00:00") else said


def spoken_age(time_ms: int, now_ms: int) -> str:
    """``9 h ago``, or ``in 5 min`` of a time to come."""
    seconds = (now_ms - time_ms) // 1000
    if 0 <= seconds < 1:
        return "now"
    return f"{spoken_seconds(seconds)} ago" if seconds > 0 else f"in {spoken_seconds(-seconds)}"
