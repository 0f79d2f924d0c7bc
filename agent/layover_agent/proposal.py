"""What a section of the configuration would say of a folder, as far as its files' names tell."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from layover_agent import recorders
from layover_agent.config import BadConfig, layouts
from layover_agent.core.adapters import Adapter, adapter
from layover_agent.core.layout import BadLayout
from layover_agent.core.reading import Guess
from layover_agent.core.recognise import recognise
from layover_agent.core.zones import EARLIEST_MS, BadZone, zone
from layover_agent.settings import SourceConfig
from layover_agent.sources import registry
from layover_agent.sources.source import Entry

LOCAL_TIME = Path("/etc/localtime")
FRIGATE_DATABASE = "frigate.db"
_NAMELESS = ("", "camera")
"""What a recorder's own only camera is called where nobody named it."""


@dataclass(slots=True, kw_only=True)
class Proposal:
    """A section, and where it comes from."""

    source: SourceConfig
    title: str
    """The recorder in words."""
    guesses: list[Guess] = field(default_factory=list)
    """Explanations of the names, best first; empty for an adapter or a layout that was given."""
    zone_from: str = ""
    """Where the zone comes from, in words; empty: none is needed."""
    camera_from: str = ""
    """Where the camera's name comes from; empty: the files' names tell it."""
    missing: list[str] = field(default_factory=list)
    """What must be said or put right before the agent can run."""
    to_know: list[str] = field(default_factory=list)
    """What a technician should know of this recorder and these files."""


def proposed(wish: SourceConfig, entries: Sequence[Entry]) -> Proposal:
    """The section for some files. What ``wish`` leaves open is found out, as far as it can be."""
    known = recorders.known()
    if wish.recorder and wish.recorder not in known:
        return _adapted(wish, wish.recorder, f"{wish.recorder} (an adapter)")
    if wish.layout:
        return _as_told(wish)
    paths = [entry.path for entry in entries]
    fitting = None if wish.recorder else adapter(paths)
    if fitting is not None:
        return _adapted(_placed(wish, fitting), fitting.recorder, f"{fitting.title} (an adapter)")
    candidates = [known[wish.recorder]] if wish.recorder else list(known.values())
    written_ms = [entry.mtime_ns // 1_000_000 for entry in entries]
    try:
        guesses = recognise(paths, candidates, written_ms, zone=wish.zone, camera=wish.camera)
    except BadLayout as error:
        return Proposal(source=wish, title="nothing yet", missing=[str(error)])
    return _guessed(wish, guesses)


def _guessed(wish: SourceConfig, guesses: list[Guess]) -> Proposal:
    best = guesses[0]
    if wish.recorder and best.recorder != wish.recorder:
        why = f"No file is named as {wish.recorder} names its files: leave --recorder out."
        return Proposal(source=wish, title=wish.recorder, guesses=guesses, missing=[why])
    found = Proposal(
        source=replace(wish, recorder=best.recorder), title=best.title, guesses=guesses
    )
    if not best.layouts:
        found.missing = list(best.missing)
        return found
    if not best.recorder:
        found.source = replace(found.source, layout=best.layouts[0])
    else:
        found.to_know = list(recorders.known()[best.recorder].notes)
    own = recorders.known()[best.recorder].camera if best.recorder else ""
    if best.needs_camera and not wish.camera and own in _NAMELESS:
        camera = Path(wish.folder).name or "camera"
        found.source = replace(found.source, camera=camera)
        found.camera_from = "the folder's name, as the files tell none; --camera gives another"
    if best.needs_zone:
        found.source, found.zone_from = _with_zone(found.source, best)
    if best.unsure:
        found.to_know.append(
            f"{best.unsure} recordings have times of a clock that was not set, or that a clock "
            "change leaves open: set the recorder's clock from the network."
        )
    strangers = [one for one in wish.cameras if one not in {seen.name for seen in best.cameras}]
    if strangers:
        found.missing.append(
            f"No camera is called {', '.join(strangers)}; there are "
            f"{', '.join(seen.name for seen in best.cameras[:50])}."
        )
    return found


def _as_told(wish: SourceConfig) -> Proposal:
    found = Proposal(source=wish, title="the layout that was given")
    try:
        read = layouts(wish)
        if any(layout.needs_zone for layout in read):
            found.zone_from = "as given"
    except BadLayout as error:
        found.missing = [str(error)]
    return found


def _adapted(wish: SourceConfig, recorder: str, title: str) -> Proposal:
    source = replace(wish, recorder=recorder)
    found = Proposal(source=source, title=title)
    try:
        registry.made("survey", source)
    except BadConfig as error:
        found.missing = [str(error)]
    return found


def _placed(wish: SourceConfig, fitting: Adapter) -> SourceConfig:
    """With the adapter's own folder, and Frigate's database if it lies near."""
    folder = Path(wish.folder) / fitting.below
    database = wish.database
    if fitting.recorder == "frigate" and not database:
        near = (up / place for up in (folder, *folder.parents[:3]) for place in ("", "config"))
        files = (place / FRIGATE_DATABASE for place in near)
        database = next((str(file) for file in files if file.is_file()), "")
    return replace(wish, folder=str(folder), database=database)


def _with_zone(source: SourceConfig, guess: Guess) -> tuple[SourceConfig, str]:
    """A zone for names that carry none: the one given, the box's own if the files' times agree
    with it, or the offset for which they speak."""
    if source.zone:
        return source, "as given"
    own = _own_zone()
    told = guess.offsets[0] if guess.offsets else None
    if told is None:
        return replace(source, zone=own or "UTC"), "assumed, the box's own; check it"
    agreeing = f"{told.agreeing} of {told.total} files were written in {told.text}"
    if own and _agrees(own, guess):
        return replace(source, zone=own), f"the box's own; {agreeing}"
    return replace(source, zone=told.text), (
        f"{agreeing}; where its clock keeps summer time, say --zone Europe/Berlin or the like"
    )


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
