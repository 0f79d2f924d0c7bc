"""A first look at a recorder's folder: whose it is, what is in it, what a box there would need.

For a technician on the spot, before there is a configuration. Reads only, except for the trial of
holds, which makes and removes files of its own.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from layover_agent import recorders
from layover_agent.clock import Clock
from layover_agent.config import BadConfig
from layover_agent.core.holding import Method
from layover_agent.core.layout import BadLayout
from layover_agent.core.reading import Guess
from layover_agent.core.recognise import recognise
from layover_agent.core.zones import EARLIEST_MS, BadZone, zone
from layover_agent.holds.probe import capabilities
from layover_agent.listing import Listing
from layover_agent.rows import Row
from layover_agent.settings import SourceConfig
from layover_agent.sources import registry
from layover_agent.sources.folder import FolderSource
from layover_agent.sources.source import Entry, Source

MAX_FILES = 1_000_000
BATCH_FILES = 500
SAMPLES = 3
LOCAL_TIME = Path("/etc/localtime")

Progress = Callable[[int, int], None]
"""Files done, and files in all."""


@dataclass(slots=True)
class Count:
    """How many, and some of them."""

    count: int = 0
    samples: list[str] = field(default_factory=list)

    def add(self, path: str) -> None:
        self.count += 1
        if len(self.samples) < SAMPLES:
            self.samples.append(path)


@dataclass(slots=True)
class CameraFound:
    name: str
    recordings: int = 0
    size_bytes: int = 0
    first_start_ms: int | None = None
    last_end_ms: int | None = None

    def add(self, row: Row) -> None:
        self.recordings += 1
        self.size_bytes += row.size_bytes
        first, last = self.first_start_ms, self.last_end_ms
        self.first_start_ms = row.start_ms if first is None else min(first, row.start_ms)
        self.last_end_ms = row.end_ms if last is None else max(last, row.end_ms)


@dataclass(slots=True, kw_only=True)
class Survey:
    """What was found."""

    source: SourceConfig
    """What the section of the configuration would say."""
    title: str
    guesses: list[Guess]
    """Explanations of the names, best first; empty for an adapter."""
    zone_from: str
    """Where the zone comes from, in words; empty: none is needed."""
    files: int
    cameras: dict[str, CameraFound] = field(default_factory=dict)
    open: Count = field(default_factory=Count)
    """Still being written, or closed so lately that it cannot be told."""
    damaged: Count = field(default_factory=Count)
    uncertain: int = 0
    """Recordings of whose times only a guess can be made."""
    unreadable: list[str] = field(default_factory=list)
    holds: str = ""
    """How recordings would be held; empty: not at all."""
    refusals: dict[str, str] = field(default_factory=dict)
    """Of each way to hold that does not work here, why, and what to do."""
    missing: list[str] = field(default_factory=list)
    """What must be said or put right before the agent can run."""

    @property
    def usable(self) -> bool:
        return not self.missing and bool(self.cameras)


def surveyed(wish: SourceConfig, holds_folder: Path, clock: Clock, progress: Progress) -> Survey:
    """Looks at ``wish.folder``. What ``wish`` leaves open is found out, as far as it can be.

    OSError where the folder cannot be read; BadConfig where ``wish`` itself cannot be used.
    """
    unreadable: list[str] = []
    entries = list(islice(FolderSource("survey", wish).entries(unreadable), MAX_FILES))
    survey = _named(wish, entries)
    survey.unreadable = unreadable
    if survey.missing:
        return survey
    source = registry.made("survey", survey.source)
    survey.holds, survey.refusals = _holds(source, holds_folder)
    _examined(survey, source, entries, clock, progress)
    if not survey.cameras and not survey.open.count:
        survey.missing.append("No recording was found: is this the folder the recorder writes in?")
    return survey


def _named(wish: SourceConfig, entries: Sequence[Entry]) -> Survey:
    """The survey as far as the names go."""
    known = recorders.known()
    if wish.recorder and wish.recorder not in known:
        title = f"{wish.recorder} (an adapter)"
        return Survey(source=wish, title=title, guesses=[], zone_from="", files=len(entries))
    if wish.layout:
        return _as_told(wish, len(entries))
    candidates = [known[wish.recorder]] if wish.recorder else list(known.values())
    guesses = recognise(
        [entry.path for entry in entries],
        candidates,
        [entry.mtime_ns // 1_000_000 for entry in entries],
        zone=wish.zone,
        camera=wish.camera,
    )
    best = guesses[0]
    source = replace(wish, recorder=best.recorder)
    if not best.recorder and best.layouts:
        source = replace(source, layout=best.layouts[0])
    missing, zone_from = list(best.missing), ""
    if best.needs_zone:
        source, zone_from = _with_zone(source, best)
    if source.recorder or source.layout:
        # The zone is filled in; the rest is worth knowing and keeps no agent from running.
        missing = [text for text in missing if best.needs_camera and "camera =" in text]
    return Survey(
        source=source,
        title=best.title,
        guesses=guesses,
        zone_from=zone_from,
        files=len(entries),
        missing=missing,
    )


def _as_told(wish: SourceConfig, files: int) -> Survey:
    try:
        made = registry.made("survey", wish)
    except (BadConfig, BadLayout) as error:
        title, missing = "the layout that was given", [str(error)]
        return Survey(
            source=wish, title=title, guesses=[], zone_from="", files=files, missing=missing
        )
    return Survey(
        source=made.config,
        title="the layout that was given",
        guesses=[],
        zone_from="as given" if wish.zone else "",
        files=files,
    )


def _with_zone(source: SourceConfig, guess: Guess) -> tuple[SourceConfig, str]:
    """A zone for names that carry none: the one given, the box's own if the files' times agree
    with it, or the offset for which they speak."""
    if source.zone:
        return source, "as given"
    own = _own_zone()
    told = guess.offsets[0] if guess.offsets else None
    if told is None:
        return replace(source, zone=own or "UTC"), "assumed: the box's own; check it"
    agreeing = f"{told.agreeing} of {told.total} files were written in {told.text}"
    if own and _agrees(own, guess):
        return replace(source, zone=own), f"the box's own; {agreeing}"
    return replace(source, zone=told.text), f"{agreeing}; check it, and whether summer time is kept"


def _own_zone() -> str:
    """The name of the box's time zone; empty: it has none."""
    try:
        place = LOCAL_TIME.readlink()
    except OSError:
        return ""
    return str(place).partition("zoneinfo/")[2]


def _agrees(name: str, guess: Guess) -> bool:
    """Whether the offset for which the files speak is one that the zone has at their time."""
    try:
        where = zone(name)
    except BadZone:
        return False
    moments = [ms for camera in guess.cameras for ms in (camera.first_ms, camera.last_ms)]
    has = {
        dt.datetime.fromtimestamp(ms / 1000, dt.UTC).astimezone(where).utcoffset()
        for ms in moments
        if ms is not None and ms >= EARLIEST_MS
    }
    return dt.timedelta(minutes=guess.offsets[0].minutes) in has


def _holds(source: Source, holds_folder: Path) -> tuple[str, dict[str, str]]:
    found = capabilities(source, holds_folder)
    refusals = {str(method): why for method, why in found.refusals.items()}
    works = [method for method in Method if method not in found.refusals]
    if Method.LINK in works and source.config.deletes_by != "unlink":
        works.remove(Method.LINK)
        refusals[str(Method.LINK)] = (
            "it works here, but only a recorder that deletes its files, rather than writing over "
            'them, leaves a link whole: if this one does, say deletes_by = "unlink"'
        )
    return (str(works[0]) if works else ""), refusals


def _examined(
    survey: Survey, source: Source, entries: Sequence[Entry], clock: Clock, progress: Progress
) -> None:
    """Looks into every recording."""
    listing = Listing(source, clock)
    for done, batch in _batches(entries):
        for row in listing.rows(listing.candidates(batch), ()):
            camera = survey.cameras.setdefault(row.camera, CameraFound(row.camera))
            camera.add(row)
            survey.uncertain += row.confidence == "guessed"
            if row.damaged:
                survey.damaged.add(row.path)
        progress(done, len(entries))
    for path in sorted(listing.waiting):
        survey.open.add(path)


def _batches(entries: Sequence[Entry]) -> Iterator[tuple[int, Sequence[Entry]]]:
    for start in range(0, len(entries), BATCH_FILES):
        batch = entries[start : start + BATCH_FILES]
        yield start + len(batch), batch
