"""A first look at a recorder's folder: whose it is, what is in it, what a box there would need.

For a technician on the spot, before there is a configuration. Reads only, except for the trial of
holds, which makes and removes files of its own.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from layover_agent.clock import Clock
from layover_agent.config import recorder_of
from layover_agent.core.cameras import parse
from layover_agent.core.holding import choose
from layover_agent.core.reading import Guess
from layover_agent.holds.probe import capabilities
from layover_agent.listing import Listing
from layover_agent.proposal import proposed
from layover_agent.rows import Row
from layover_agent.settings import SourceConfig
from layover_agent.sources import registry
from layover_agent.sources.folder import FolderSource
from layover_agent.sources.source import Entry, Source

MAX_FILES = 1_000_000
BATCH_FILES = 500
SAMPLES = 3

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
    """A camera by its recordings."""

    name: str
    """As the recorder writes it."""
    number: int | None
    called: str
    """The name without its number."""
    recordings: int = 0
    size_bytes: int = 0
    first_start_ms: int | None = None
    last_end_ms: int | None = None

    @classmethod
    def of(cls, name: str) -> "CameraFound":
        said = parse(name)
        return cls(name, said.number, said.name)

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
    """The recorder in words."""
    guesses: list[Guess]
    """Explanations of the names, best first; empty for an adapter or a layout that was given."""
    zone_from: str
    """Where the zone comes from, in words; empty: none is needed."""
    camera_from: str
    """Where the camera's name comes from; empty: the files' names tell it."""
    files: int
    cameras: dict[str, CameraFound] = field(default_factory=dict)
    open: Count = field(default_factory=Count)
    """Still being written, or closed so lately that it cannot be told."""
    damaged: Count = field(default_factory=Count)
    uncertain: int = 0
    """Recordings of whose times only a guess can be made."""
    unreadable: Count = field(default_factory=Count)
    holds: str = ""
    """How recordings would be held; empty: not at all."""
    refusals: dict[str, str] = field(default_factory=dict)
    """Of each way to hold that is not used, why."""
    missing: list[str] = field(default_factory=list)
    """What must be said or put right before the agent can run."""
    to_know: list[str] = field(default_factory=list)
    """What a technician should know of this recorder and these files."""

    @property
    def usable(self) -> bool:
        return not self.missing and bool(self.cameras)


def surveyed(wish: SourceConfig, holds_folder: Path, clock: Clock, progress: Progress) -> Survey:
    """Looks at ``wish.folder``. What ``wish`` leaves open is found out, as far as it can be.

    OSError where the folder cannot be read.
    """
    unreadable: list[str] = []
    entries = list(islice(FolderSource("survey", wish).entries(unreadable), MAX_FILES))
    found = proposed(wish, entries)
    survey = Survey(
        source=found.source,
        title=found.title,
        guesses=found.guesses,
        zone_from=found.zone_from,
        camera_from=found.camera_from,
        files=len(entries),
        missing=found.missing,
        to_know=found.to_know,
    )
    for path in unreadable:
        survey.unreadable.add(path)
    if survey.missing:
        return survey
    source = registry.made("survey", survey.source)
    if found.source.folder != wish.folder:
        entries = list(islice(source.entries([]), MAX_FILES))
    survey.holds, survey.refusals = _holds(source, holds_folder)
    _examined(survey, source, entries, clock, progress)
    if source.fault:
        survey.to_know.insert(0, f"{source.fault}.")
    if not survey.cameras and not survey.open.count:
        survey.missing.append("No recording was found: is this the folder the recorder writes in?")
    return survey


def _holds(source: Source, holds_folder: Path) -> tuple[str, dict[str, str]]:
    """The method that the agent would use with this configuration, and why no other."""
    deletes_by = source.config.deletes_by or recorder_of(source.config).deletes_by
    choice = choose(
        capabilities(source, holds_folder).refusals,
        deletes_by_unlink=deletes_by == "unlink",
        has_reserve=False,
    )
    method = str(choice.methods[0]) if choice.methods else ""
    return method, {str(one): why for one, why in choice.refusals.items()}


def _examined(
    survey: Survey, source: Source, entries: Sequence[Entry], clock: Clock, progress: Progress
) -> None:
    """Looks into every recording."""
    listing = Listing(source, clock)
    for done, batch in _batches(entries):
        for row in listing.rows(listing.candidates(batch), ()):
            camera = survey.cameras.setdefault(row.camera, CameraFound.of(row.camera))
            camera.add(row)
            survey.uncertain += row.confidence == "guessed"
            if row.damaged:
                survey.damaged.add(row.path)
        progress(done, len(entries))
    for path in sorted(listing.waiting):
        (survey.open if _readable(source, path) else survey.unreadable).add(path)


def _readable(source: Source, path: str) -> bool:
    try:
        os.close(source.open(path))
    except OSError:
        return False
    return True


def _batches(entries: Sequence[Entry]) -> Iterator[tuple[int, Sequence[Entry]]]:
    for start in range(0, len(entries), BATCH_FILES):
        batch = entries[start : start + BATCH_FILES]
        yield start + len(batch), batch
