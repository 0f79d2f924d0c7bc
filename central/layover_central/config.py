"""Central's settings: each declared once, with its help; from the command line or LAYOVER_*."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from layover_central.errors import Kind, LayoverError


def _setting(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True, slots=True)
class Settings:
    data: Path = field(metadata={"help": "Folder of the database, the keys and the archive."})
    host: str = _setting("127.0.0.1", "Address of the page and the API; others need a certificate.")
    port: int = _setting(8440, "Port of the page and the API.")
    tls_certificate: str = _setting("", "PEM file: certificate of the page for other machines.")
    tls_key: str = _setting("", "PEM file: the key of that certificate.")
    database: str = _setting("", "Database URL; empty: SQLite in the data folder.")
    archive: str = _setting(
        "", "Folder of retrieved recordings; empty: archive in the data folder."
    )
    global_cap: str = _setting("", "Timetable of the cap over all depots (UTC); empty: unlimited.")
    parallel_per_site: int = _setting(4, "Recordings retrieved from one site at a time.")
    free_floor_bytes: int = _setting(256 << 20, "The archive's disk is never filled beyond this.")
    probe_every_s: float = _setting(0.5, "How often an absent site with an address is tried.")
    liveness_s: float = _setting(2.0, "Silence after which a site in contact is asked for a sign.")
    timeout_s: float = _setting(5.0, "How long a site may take to answer before it counts as gone.")
    hold_lease_s: int = _setting(14 * 86_400, "For how much uptime a site keeps held recordings.")
    discover: bool = _setting(True, "Listen for sites that announce themselves on the network.")

    @property
    def archive_folder(self) -> Path:
        return Path(self.archive) if self.archive else self.data / "archive"

    @property
    def database_url(self) -> str:
        return self.database or f"sqlite+aiosqlite:///{self.data / 'layover.db'}"


def from_environment(settings: Settings, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings with every ``LAYOVER_<NAME>`` applied; a bad value is BAD_INPUT."""
    changes: dict[str, Any] = {}
    for item in fields(Settings):
        text = environment.get(f"LAYOVER_{item.name.upper()}")
        if text is not None:
            changes[item.name] = _parsed(item.name, text, getattr(settings, item.name))
    return replace(settings, **changes)


def _parsed(name: str, text: str, like: Any) -> Any:
    kind = type(like) if not isinstance(like, Path) else Path
    bad = LayoverError(
        Kind.BAD_INPUT,
        f"LAYOVER_{name.upper()}={text!r} is no {kind.__name__}",
        f"Write it like {like!r}.",
    )
    try:
        if kind is bool:
            return {"true": True, "1": True, "false": False, "0": False}[text.lower()]
        value: Any = kind(text)
    except (ValueError, KeyError) as error:
        raise bad from error
    if isinstance(value, float) and not math.isfinite(value):
        raise bad
    return value


def reference() -> str:
    """Every setting as a Markdown table."""
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for item in fields(Settings):
        default = getattr(item, "default", None)
        shown = f"`{default!r}`" if isinstance(default, str | int | float) else "required"
        rows.append(f"| `{item.name}` | {shown} | {item.metadata['help']} |")
    return "\n".join(rows) + "\n"
