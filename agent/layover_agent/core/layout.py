"""How a recorder names its files: a path template, read once, matched against every path.

``{camera}/%Y-%m-%d/%H-%M-%S.mp4``; the language is in ``template``. What a template does not say
is not guessed: the time then comes from the container or the file's own, the camera from settings.
"""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, cast, get_args

from layover_agent.core import zones
from layover_agent.core.template import BadTemplate, Template, compiled

TimeFrom = Literal["name", "container", "mtime"]
"""Where the start of a recording comes from."""

LOCKED = frozenset({"locked"})
"""The meaning that a recorder's own lock has where nothing else is said."""


class BadLayout(ValueError):
    """A template or zone that cannot be used, and why."""


@dataclass(frozen=True, slots=True)
class Named:
    """What a name says of its recording."""

    camera: str
    start_ms: int | None
    """None: the name carries no time."""
    sure: bool = True
    """False where the wall time came twice or never, or no clock that was set can have shown it."""
    duration_ms: int | None = None
    kind: str = ""
    """What the recorder calls it (event, parking); empty: nothing special."""
    seq: int | None = None
    event: str = ""
    locked: bool = False
    """The recorder itself keeps it out of its ring."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A template ready to match, with what its words mean."""

    template: str
    _compiled: Template = field(repr=False)
    _zone: dt.tzinfo | None = field(repr=False)
    _camera: str
    _kinds: Mapping[str, str]
    _locked: Collection[str]
    _fold: zones.Fold
    _longest_ms: int

    @classmethod
    def parse(
        cls,
        template: str,
        zone: str,
        *,
        camera: str = "",
        time: str = "name",
        kinds: Mapping[str, str] | None = None,
        locked: Collection[str] = LOCKED,
        fold: str = "auto",
        longest_ms: int = zones.LONGEST_MS,
    ) -> "Layout":
        """BadLayout where the template or the zone leaves open what time or camera it is.

        ``camera``: of files whose names have none. ``time`` other than "name": the names need
        carry no time, and what they carry is told only if a zone is given or not needed.
        ``kinds``: what ``{kind}`` means, by its text; ``locked``: which meanings the recorder
        keeps out of its ring. ``fold`` and ``longest_ms``: see ``zones.moment``.
        """
        if time not in get_args(TimeFrom) or fold not in get_args(zones.Fold):
            raise BadLayout(
                f"time {time!r} is one of {', '.join(get_args(TimeFrom))}; "
                f"fold {fold!r} is one of {', '.join(get_args(zones.Fold))}"
            )
        try:
            read = compiled(template)
            seen = read.names
            whole = "s" in seen or ({"m", "d", "H", "M", "S"} <= seen and bool(seen & {"Y", "y"}))
            if not whole and time == "name":
                raise BadTemplate(
                    f"layout {template!r}: needs %s, or year to second (%Y %m %d %H %M %S)"
                )
            if "camera" not in seen and not camera:
                raise BadTemplate(f"layout {template!r}: needs {{camera}}, or a camera set for it")
            if not whole or seen & {"z", "s"}:
                where: dt.tzinfo | None = dt.UTC
            elif zone:
                where = zones.zone(zone)
            elif time == "name":
                raise zones.BadZone(
                    "zone is missing: the names carry no zone, say which one they are in"
                )
            else:
                where = None
        except (BadTemplate, zones.BadZone) as error:
            raise BadLayout(str(error)) from error
        return cls(
            template,
            read,
            where if whole else None,
            camera,
            dict(kinds or {}),
            locked,
            cast(zones.Fold, fold),
            longest_ms,
        )

    @property
    def needs_zone(self) -> bool:
        """Whether its times are wall times that carry no zone."""
        names = self._compiled.names
        return "S" in names and not names & {"z", "s"}

    @property
    def names_camera(self) -> bool:
        """Whether a name tells its camera."""
        return "camera" in self._compiled.names

    def fits(self, path: str) -> bool:
        """Whether a path is written this way, be its time possible or not."""
        return self._compiled.fields(path) is not None

    def match(
        self, path: str, written_ms: int | None = None, lasts_ms: int | None = None
    ) -> Named | None:
        """What a path relative to the source's folder says; None: it is no recording's.

        ``written_ms``: when the file was last written, which tells the two apart where a wall
        time came twice.
        """
        fields = self._compiled.fields(path)
        if fields is None:
            return None
        duration_ms = int(fields.get("dur_ms") or 0) or None
        try:
            start = self._start(fields, written_ms, duration_ms or lasts_ms)
        except (ValueError, OverflowError):
            return None
        text = fields.get("kind", "")
        kind = self._kinds.get(text, text)
        return Named(
            camera=fields.get("camera", self._camera),
            start_ms=start.ms if start else None,
            sure=start.sure if start else True,
            duration_ms=duration_ms,
            kind=kind,
            seq=int(fields["seq"]) if fields.get("seq") else None,
            event=fields.get("event", ""),
            locked=kind in self._locked,
        )

    def _start(
        self, fields: Mapping[str, str], written_ms: int | None, duration_ms: int | None
    ) -> zones.Moment | None:
        if self._zone is None:
            return None
        extra_ms = int(fields.get("f", "0").ljust(6, "0")) // 1000 + int(fields.get("ms") or 0)
        if seconds := fields.get("s"):
            start_ms = int(seconds) * 1000 + extra_ms
            return zones.Moment(start_ms, zones.plausible(start_ms))
        year = int(fields["Y"]) if "Y" in fields else _century(int(fields["y"]))
        wall = dt.datetime(year, *(int(fields[letter]) for letter in "mdHMS"))  # type: ignore[arg-type]  # noqa: DTZ001
        start = zones.moment(
            wall,
            zones.zone(fields["z"]) if "z" in fields else self._zone,
            fold=self._fold,
            written_ms=written_ms,
            longest_ms=self._longest_ms if duration_ms is None else duration_ms + _LATE_MS,
        )
        return zones.Moment(start.ms + extra_ms, start.sure)


_LATE_MS = 60_000
"""How long after its last frame a recorder may write to a file whose name tells its duration."""


def first_match(
    layouts: Iterable[Layout],
    path: str,
    written_ms: int | None = None,
    lasts_ms: int | None = None,
) -> Named | None:
    """What the first layout that knows a path says of it."""
    for layout in layouts:
        named = layout.match(path, written_ms, lasts_ms)
        if named is not None:
            return named
    return None


def _century(two_digits: int) -> int:
    """The year of two digits as POSIX reads it: a clock never set says 70, not 2070."""
    return two_digits + (1900 if two_digits >= 69 else 2000)
