"""The agent's settings: TOML, each declared once with its help; LAYOVER_AGENT_* overrides.

A key nobody knows is refused with the nearest one that exists: a misspelt cap or folder must
never be silently ignored.
"""

import dataclasses
import difflib
import math
import os
import tomllib
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from layover_agent.core.layout import BadLayout, Layout

PREFIX = "LAYOVER_AGENT_"


class BadConfig(ValueError):
    """A configuration that cannot be used; names the key and what it should be."""


def _setting(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True, slots=True)
class Listen:
    address: str = _setting("0.0.0.0", "Address to listen on.")  # noqa: S104
    port: int = _setting(8441, "Port to listen on; 0 takes a free one.")
    port_file: str = _setting("", "File that receives the port taken; empty: none.")


@dataclass(frozen=True, slots=True)
class Advertise:
    enabled: bool = _setting(True, "Announce this box by mDNS (an opaque id, no names).")
    interfaces: tuple[str, ...] = _setting((), "Addresses to announce on; empty: all.")
    port: int = _setting(0, "Port to announce where a forward changes it; 0: the real one.")


@dataclass(frozen=True, slots=True)
class Holds:
    folder: str = _setting(
        "",
        "Folder of held recordings, on the recordings' own file system; "
        "empty: holds in the data folder.",
    )


@dataclass(frozen=True, slots=True)
class Rescan:
    every_s: float = _setting(30.0, "How often the folders are read even if nothing was noticed.")


@dataclass(frozen=True, slots=True)
class SourceConfig:
    folder: str = field(metadata={"help": "Folder in which the recorder writes."})
    layout: str = field(
        metadata={
            "help": "Path template: strftime letters, {camera} {kind} {seq} {event} {ms} "
            "{dur_ms} and *."
        }
    )
    zone: str = _setting(
        "", "Time zone of the names (Europe/Berlin, +02:00); needed unless the layout has %z or %s."
    )
    deletes_by: str = _setting(
        "",
        '"unlink" if the recorder deletes files rather than writing '
        "over them: then recordings can be held.",
    )
    settle_s: float = _setting(5.0, "A file unchanged for this long counts as closed.")
    max_bytes: int = _setting(0, "Size at which the recorder deletes the oldest; 0: no such rule.")
    max_age_s: int = _setting(0, "Age at which the recorder deletes; 0: no such rule.")
    cameras: tuple[str, ...] = _setting((), "Cameras to share; empty: all.")


@dataclass(frozen=True, slots=True)
class Config:
    data_folder: Path = field(metadata={"help": "Folder of the key, the manifest and the holds."})
    sources: Mapping[str, SourceConfig] = field(metadata={"help": "The recorders' folders."})
    listen: Listen = field(default_factory=Listen, metadata={"help": "The agent's own port."})
    advertise: Advertise = field(default_factory=Advertise, metadata={"help": "mDNS."})
    holds: Holds = field(default_factory=Holds, metadata={"help": "Holds."})
    rescan: Rescan = field(default_factory=Rescan, metadata={"help": "Reading the folders."})

    @property
    def holds_folder(self) -> Path:
        return Path(self.holds.folder) if self.holds.folder else self.data_folder / "holds"


def load(path: Path, environment: Mapping[str, str] = os.environ) -> Config:
    """The configuration in a file, under what the environment says. BadConfig if unusable."""
    try:
        table = tomllib.loads(path.read_text())
    except OSError as error:
        raise BadConfig(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadConfig(f"{path} is not TOML: {error}") from error
    _overlay(table, environment)
    config: Config = _read(Config, table, "")
    _check(config)
    return config


def _overlay(table: dict[str, Any], environment: Mapping[str, str]) -> None:
    for name, text in sorted(environment.items()):
        if not name.startswith(PREFIX):
            continue
        *sections, key = name.removeprefix(PREFIX).lower().split("__")
        place: Any = table
        for section in sections:
            # Names of sources may have capital letters; those of variables all have.
            same = next((known for known in place if known.lower() == section), section)
            place = place.setdefault(same, {})
            if not isinstance(place, dict):
                raise BadConfig(f"{name}: {section} is no section")
        place[key] = text


def _read(kind: Any, table: Any, where: str) -> Any:
    if not isinstance(table, dict):
        raise BadConfig(f"[{where}] must be a section of keys")
    hints = typing.get_type_hints(kind)
    known = {item.name: item for item in dataclasses.fields(kind)}
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.4)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
            raise BadConfig(f"{_at(where, key)} is not a setting; {hint}")
    values = {}
    for name, item in known.items():
        place = _at(where, name)
        if name not in table:
            required = item.default is dataclasses.MISSING
            if required and item.default_factory is dataclasses.MISSING:
                raise BadConfig(f"{place} is missing: {item.metadata['help']}")
        elif name == "sources":
            if not isinstance(table[name], dict) or not table[name]:
                raise BadConfig("[sources.NAME] is missing: at least one recorder's folder")
            values[name] = {
                source: _read(SourceConfig, one, f"sources.{source}")
                for source, one in table[name].items()
            }
        elif dataclasses.is_dataclass(hints[name]):
            values[name] = _read(hints[name], table[name], place)
        else:
            values[name] = _value(hints[name], table[name], place)
    return kind(**values)


def _value(kind: Any, raw: Any, where: str) -> Any:
    """A value of the declared type; text from the environment is read as that type."""
    try:
        if kind is Path and isinstance(raw, str):
            return Path(raw)
        if kind is bool and isinstance(raw, str):
            return {"true": True, "1": True, "false": False, "0": False}[raw.lower()]
        if typing.get_origin(kind) is tuple:
            items = raw.split(",") if isinstance(raw, str) else raw
            if isinstance(items, list) and all(isinstance(one, str) for one in items):
                return tuple(one for one in items if one)
        elif kind in (int, float):
            whole = isinstance(raw, str | int) and not isinstance(raw, bool)
            if whole or (kind is float and isinstance(raw, float)):
                return kind(raw)
        elif isinstance(raw, kind):
            return raw
    except (ValueError, KeyError):
        pass
    name = "a list of texts" if typing.get_origin(kind) is tuple else kind.__name__
    raise BadConfig(f"{where} = {raw!r}: expected {name}")


def _check(config: Config) -> None:
    for name, source in config.sources.items():
        try:
            Layout.parse(source.layout, source.zone)
        except BadLayout as error:
            raise BadConfig(f"sources.{name}: {error}") from error
        if source.deletes_by not in ("", "unlink"):
            raise BadConfig(f'sources.{name}.deletes_by = {source.deletes_by!r}: "unlink" or ""')
        for key in ("settle_s", "max_bytes", "max_age_s"):
            _at_least(0, getattr(source, key), f"sources.{name}.{key}")
    _at_least(0.1, config.rescan.every_s, "rescan.every_s")
    for key, port in (("listen", config.listen.port), ("advertise", config.advertise.port)):
        if not 0 <= port <= 65_535:
            raise BadConfig(f"{key}.port = {port}: a port is 0 to 65535")


def _at_least(least: float, value: float, where: str) -> None:
    if not (least <= value < math.inf):
        raise BadConfig(f"{where} = {value}: expected a number, at least {least}")


def reference() -> str:
    """Every setting as a Markdown table."""
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for section, kind in (
        ("", Config),
        ("sources.NAME", SourceConfig),
        ("listen", Listen),
        ("advertise", Advertise),
        ("holds", Holds),
        ("rescan", Rescan),
    ):
        for item in dataclasses.fields(kind):
            if dataclasses.is_dataclass(item.type) or item.name == "sources":
                continue
            required = item.default is dataclasses.MISSING
            default = "required" if required else f"`{_toml(item.default)}`"
            rows.append(f"| `{_at(section, item.name)}` | {default} | {item.metadata['help']} |")
    return "\n".join(rows) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "[]" if value == () else f'"{value}"' if isinstance(value, str) else str(value)


def _at(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key
