"""How the command line shows things: tables for people, one JSON document for programs."""

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from layover_central.core.labels import display_name

console = Console(highlight=False)


def as_json(value: Any) -> None:
    """One document on standard output."""
    print(json.dumps(value, ensure_ascii=False))


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], empty: str) -> None:
    """Rows under headings; what came from a site is shown as text, never as markup."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        shown.add_column(column, overflow="fold")
    count = 0
    for row in rows:
        shown.add_row(*(Text(plain(cell)) for cell in row))
        count += 1
    if count:
        console.print(shown)
    else:
        console.print(empty)


def say(text: str) -> None:
    """A line of ours or of theirs, never read as markup."""
    console.print(Text(plain(text, limit=1000)))


def plain(value: Any, limit: int = 0) -> str:
    text = "" if value is None else str(value)
    return display_name(text) if not limit else text[:limit]


def moment(text: str | None) -> str:
    """A time as central gives it, in this machine's zone, with its offset."""
    if text is None:
        return "never"
    return dt.datetime.fromisoformat(text).astimezone().isoformat(" ", "seconds")


def size(size_bytes: int | None) -> str:
    if size_bytes is None:
        return "?"
    value = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def rate(rate_bps: int | None) -> str:
    if rate_bps is None:
        return "unlimited"
    return "closed" if rate_bps == 0 else f"{rate_bps / 1e6:.1f} Mbit/s"


def span_ms(ms: int) -> str:
    seconds = ms / 1000
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
