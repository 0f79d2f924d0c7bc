"""The recorders Layover knows: one TOML file each, with how it names, closes and deletes files.

A layout is a template of ``core.template``; a recorder may have several, tried in order. Times in
the files' examples are UTC, names in them are read in UTC unless the recorder has a zone.
"""

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib import resources
from typing import Any, Literal

from layover_agent.core.layout import Layout, TimeFrom


class BadRecorder(ValueError):
    """A recorder's file that cannot be used, and why."""


@dataclass(frozen=True, slots=True)
class RetentionModel:
    """What makes a recorder delete. Its limits are settings of the recorder, not of its kind."""

    age_from: Literal["", "start", "end", "mtime"] = ""
    """What its rule of age counts from; empty: it has no such rule."""
    quota: bool = False
    """It keeps to a sum of bytes."""
    free_floor: bool = False
    """It keeps some of the disk free."""
    ring: bool = False
    """When there is no room, the oldest goes."""
    ring_per: Literal["source", "kind"] = "source"
    """Whether each kind has a ring of its own."""
    sweep_s: int = 0
    """How much longer than its rule says a file may stay; 0: not known."""
    locked_kinds: tuple[str, ...] = ()
    """Kinds of recordings that no rule above touches."""


@dataclass(frozen=True, slots=True)
class Example:
    """A real path and what it means."""

    path: str
    camera: str
    start: str | None = None
    """RFC 3339; None: the name carries no time."""
    duration_ms: int | None = None
    kind: str = ""
    seq: int | None = None
    event: str = ""
    locked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder:
    """One kind of recorder."""

    name: str
    title: str
    layouts: tuple[str, ...]
    generic: bool = False
    """A way of naming, not a product: named last where a product explains the files as well."""
    zone: str = ""
    """The zone of its names where it is always the same."""
    asks_zone: bool = False
    """Its names are in a wall time that only the technician can tell."""
    time_from: TimeFrom = "name"
    camera: str = ""
    """The camera of files whose names have none."""
    kinds: Mapping[str, str] = field(default_factory=dict)
    """What the texts of ``{kind}`` mean; empty: nothing special."""
    longest_s: int = 7200
    """No recording is longer."""
    closes: Literal["close", "rename", "segment-list", "newer"] = "close"
    """What shows that a file is complete, at the earliest."""
    deletes_by: Literal["unlink", "overwrite", "unknown"] = "unknown"
    incomplete: tuple[str, ...] = ()
    """Templates of names that files have while they are written; one that stays was cut off."""
    companions: tuple[str, ...] = ()
    """Templates of its files that are no recordings."""
    segment_lists: tuple[str, ...] = ()
    """Templates of the lists in which it names its finished files."""
    retention: RetentionModel = field(default_factory=RetentionModel)
    notes: tuple[str, ...] = ()
    """What a technician should know before installing."""
    examples: tuple[Example, ...] = ()
    counter_examples: tuple[str, ...] = ()

    def parsed(
        self,
        zone: str = "",
        camera: str = "",
        *,
        layout: str = "",
        time: str = "",
        fold: str = "auto",
    ) -> tuple[Layout, ...]:
        """Its layouts, or the one given, ready to match; empty: as this recorder does.

        ``camera`` is that of files whose names have none. BadLayout where a zone is needed and
        neither given nor always the same.
        """
        templates = (layout,) if layout else self.layouts
        return tuple(self._layout(one, zone, camera, time, fold) for one in templates)

    def parsed_incomplete(self, zone: str = "", camera: str = "") -> tuple[Layout, ...]:
        """The layouts of files that are still being written, or were cut off; as sure of their
        start as their names are."""
        return tuple(self._layout(one, zone, camera, "mtime", "auto") for one in self.incomplete)

    def _layout(self, template: str, zone: str, camera: str, time: str, fold: str) -> Layout:
        return Layout.parse(
            template,
            zone or self.zone,
            camera=camera or self.camera,
            time=time or self.time_from,
            kinds=self.kinds,
            locked=self.retention.locked_kinds,
            fold=fold,
            longest_ms=self.longest_s * 1000,
        )


@functools.cache
def known() -> Mapping[str, Recorder]:
    """Every known recorder by its name, read once when first asked for."""
    found: dict[str, Recorder] = {}
    for file in sorted(resources.files(__name__).iterdir(), key=lambda file: file.name):
        name, dot, ending = file.name.rpartition(".")
        if dot and ending == "toml":
            found[name] = read(name, file.read_text(encoding="utf-8"))
    return found


def read(name: str, text: str) -> Recorder:
    """A recorder from the text of its file. BadRecorder says what is wrong with it."""
    try:
        table = tomllib.loads(text)
        if "like" in table:
            base = table.pop("like")
            beside = resources.files(__name__) / f"{base}.toml"
            table = {**tomllib.loads(beside.read_text(encoding="utf-8")), **table}
        return Recorder(
            **{
                **_lists_to_tuples(Recorder, table),
                "name": name,
                "retention": RetentionModel(
                    **_lists_to_tuples(RetentionModel, table.get("retention", {}))
                ),
                "examples": tuple(Example(**example) for example in table.get("examples", ())),
            }
        )
    except (tomllib.TOMLDecodeError, TypeError, OSError) as error:
        raise BadRecorder(f"recorder {name}: {error}") from error


def _lists_to_tuples(kind: Any, table: Mapping[str, Any]) -> dict[str, Any]:
    unknown = table.keys() - {item.name for item in fields(kind)}
    if unknown:
        raise TypeError(f"{', '.join(sorted(unknown))}: no such key")
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
