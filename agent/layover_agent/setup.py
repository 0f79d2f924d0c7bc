"""Writes a box's configuration: from what a survey found, or from a template for many boxes."""

import contextlib
import dataclasses
import os
import re
import tomllib
from pathlib import Path

from layover_agent.config import BadConfig, load
from layover_agent.settings import Config, SourceConfig

_LABEL = re.compile(r"^[ \t]*(?:label|\"label\"|'label')[ \t]*=.*$", re.MULTILINE)
_HEAD = """\
# A box's agent. All settings: `layover-agent settings`.
"""


def written(
    data_folder: Path, holds_folder: Path, sources: dict[str, SourceConfig], label: str = ""
) -> str:
    """The configuration as TOML, with what differs from the defaults. BadConfig where a name on
    the disk cannot stand in TOML."""
    lines = [_HEAD] + [f"label = {_text(label)}"] * bool(label)
    lines += [f"data_folder = {_text(str(data_folder))}\n"]
    lines += ["[holds]", f"folder = {_text(str(holds_folder))}\n"]
    for name, source in sources.items():
        lines.append(f"[sources.{_key(name)}]")
        for item in dataclasses.fields(source):
            value = getattr(source, item.name)
            if item.default is dataclasses.MISSING or value != item.default:
                lines.append(f"{item.name} = {_value(value)}")
        lines.append("")
    return "\n".join(lines)


def labelled(template: str, label: str) -> str:
    """A template for many boxes as the configuration of one: only the label is its own.

    BadConfig where the template is no TOML, or its label cannot be told from the rest.
    """
    line = f"label = {_text(label)}"
    try:
        before = tomllib.loads(template)
        if "label" not in before:
            return f"{line}\n{template}"
        # Keys before the first section are the box's own; the label stands among them.
        made = _LABEL.sub(lambda _: line, template, count=1)
        after = tomllib.loads(made)
    except tomllib.TOMLDecodeError as error:
        raise BadConfig(f"the template is not TOML: {error}") from error
    if after != {**before, "label": label}:
        raise BadConfig("the template's label must stand on one line of its own: label = ...")
    return made


def install(text: str, place: Path, *, replace: bool) -> Config:
    """Writes a configuration to its place, whole or not at all, once it can be used.

    FileExistsError where there is one already and ``replace`` is false; BadConfig where the
    text is no configuration; OSError where it cannot be written.
    """
    if place.exists() and not replace:
        raise FileExistsError(f"{place} is there already; --replace writes over it")
    temporary = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        try:
            config = load(temporary, {})
        except BadConfig as error:
            raise BadConfig(str(error).replace(str(temporary), str(place))) from error
        temporary.replace(place)
    finally:
        # Where the folder is not there, neither is the file.
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return config


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _text(name)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(_text(str(one)) for one in value)}]"
    return _text(value) if isinstance(value, str) else str(value)


def _text(text: str) -> str:
    """A TOML basic string."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        name = os.fsencode(text).decode(errors="backslashreplace")
        raise BadConfig(f"{name!r} is no UTF-8 and cannot be configured: rename it") from error
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else _escaped(c) for c in plain) + '"'


def _escaped(char: str) -> str:
    number = ord(char)
    return f"\\u{number:04X}" if number < 0x10000 else f"\\U{number:08X}"
