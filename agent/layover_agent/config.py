"""Reads the agent's settings: TOML, under what LAYOVER_AGENT_* in the environment says.

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
from pathlib import Path
from typing import Any

from layover_agent import recorders
from layover_agent.core.layout import BadLayout, Layout
from layover_agent.settings import (
    Advertise,
    Config,
    Holds,
    Listen,
    Rescan,
    Service,
    SourceConfig,
    Trigger,
)
from layover_agent.standing import address_of

PREFIX = "LAYOVER_AGENT_"

_NO_RECORDER = recorders.Recorder(name="", title="", layouts=())


class BadConfig(ValueError):
    """A configuration that cannot be used; names the key and what it should be."""


def load(path: Path, environment: Mapping[str, str] = os.environ) -> Config:
    """The configuration in a file, under what the environment says. BadConfig if unusable."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadConfig(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadConfig(f"{path} is not TOML: {error}") from error
    _overlay(table, environment)
    config: Config = _read(Config, table, "")
    _check(config)
    sources = {name: _completed(source) for name, source in config.sources.items()}
    return dataclasses.replace(config, sources=sources)


def recorder_of(source: SourceConfig) -> recorders.Recorder:
    """What is known of the recorder of a source; nothing where it is not named, or an adapter."""
    return recorders.known().get(source.recorder, _NO_RECORDER)


def layouts(source: SourceConfig) -> tuple[Layout, ...]:
    """How the recorder of a source names its files. BadLayout where that stays open."""
    recorder = recorder_of(source)
    if not (source.layout or recorder.layouts):
        raise BadLayout("layout is missing: say how the files are named, or which recorder it is")
    return recorder.parsed(
        source.zone, source.camera, layout=source.layout, time=source.time, fold=source.fold
    )


def _completed(source: SourceConfig) -> SourceConfig:
    """With what is always so with its recorder, where nothing else is said."""
    recorder = recorder_of(source)
    deletes_by = recorder.deletes_by if recorder.deletes_by == "unlink" else ""
    return dataclasses.replace(
        source,
        deletes_by=source.deletes_by or deletes_by,
        age_from=source.age_from or recorder.retention.age_from or "start",
    )


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
        elif typing.get_origin(kind) is typing.Literal:
            if raw in typing.get_args(kind):
                return raw
        elif kind in (int, float):
            whole = isinstance(raw, str | int) and not isinstance(raw, bool)
            if whole or (kind is float and isinstance(raw, float)):
                return kind(raw)
        elif isinstance(raw, kind):
            return raw
    except (ValueError, KeyError):
        pass
    raise BadConfig(f"{where} = {raw!r}: expected {_expected(kind)}")


def _expected(kind: Any) -> str:
    if typing.get_origin(kind) is typing.Literal:
        return " or ".join(f'"{one}"' for one in typing.get_args(kind))
    return "a list of texts" if typing.get_origin(kind) is tuple else str(kind.__name__)


def _check(config: Config) -> None:
    for name, source in config.sources.items():
        if source.recorder in recorders.known() or not source.recorder:
            try:
                layouts(source)
            except BadLayout as error:
                raise BadConfig(f"sources.{name}: {error}") from error
        for key in ("settle_s", "max_bytes", "max_age_s", "min_free_bytes"):
            _at_least(0, getattr(source, key), f"sources.{name}.{key}")
    for section in ("holds", "trigger"):
        table = getattr(config, section)
        for item in dataclasses.fields(table):
            if isinstance(value := getattr(table, item.name), int):
                _at_least(0, value, f"{section}.{item.name}")
        if table.max_percent > 100:
            raise BadConfig(f"{section}.max_percent = {table.max_percent}: at most 100")
    _at_least(0.1, config.rescan.every_s, "rescan.every_s")
    _at_least(0.1, config.rescan.full_s, "rescan.full_s")
    if config.service.listen:
        try:
            address_of(config.service.listen)
        except ValueError as error:
            raise BadConfig(str(error)) from error
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
        ("trigger", Trigger),
        ("service", Service),
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
