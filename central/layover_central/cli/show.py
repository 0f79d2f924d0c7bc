"""How the command line shows things: tables for people, one JSON document for programs."""

import contextlib
import datetime as dt
import json
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

console = Console(highlight=False, markup=False, emoji=False)

UNBOUNDED = 100_000
"""Columns of what is no terminal: a line that is piped is never wrapped."""

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that command a terminal or that nobody can read."""


def as_json(value: Any) -> None:
    """One document on standard output, in ASCII: safe for every terminal and pipe."""
    print(json.dumps(value))


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], empty: str) -> None:
    """Rows under headings; without rows the sentence ``empty``."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*(Text(plain(cell)) for cell in row))
    _print(shown if shown.row_count else Text(empty))


def say(text: str) -> None:
    """A line of ours or of theirs."""
    _print(Text(plain(text)))


def plain(value: Any) -> str:
    """Text on one line, whoever wrote it: no commands to a terminal, nothing invisible."""
    return "".join(
        " " if c in "\n\t" else "\N{REPLACEMENT CHARACTER}" if _hidden(c) else c
        for c in ("" if value is None else str(value))
    )


def moment(text: str | None) -> str:
    """A time as central gives it, in this machine's zone, with its offset."""
    if text is None:
        return "never"
    at = dt.datetime.fromisoformat(text)
    with contextlib.suppress(OverflowError):  # The last day of time has no reading in the east.
        at = at.astimezone()
    return at.isoformat(" ", "milliseconds" if at.microsecond else "seconds")


def size(size_bytes: int | None) -> str:
    return "?" if size_bytes is None else _scaled(size_bytes, "B")


def rate(rate_bps: int | None) -> str:
    if rate_bps is None:
        return "unlimited"
    return "closed" if rate_bps == 0 else _scaled(rate_bps, "bit/s")


def span_ms(ms: int) -> str:
    seconds = ms / 1000
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _scaled(value: float, unit: str) -> str:
    if value < 1000:
        return f"{value:.0f} {unit}"
    for prefix in "kMG":
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {prefix}{unit}"
    return f"{value / 1000:.1f} T{unit}"


def _hidden(character: str) -> bool:
    return unicodedata.category(character) in _HIDDEN


def _print(shown: RenderableType) -> None:
    if not console.is_terminal:
        console.width = UNBOUNDED
    console.print(shown)
