"""``layover watch``: sites and requests as they change, on a terminal."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from layover_central.cli import show
from layover_central.cli.client import Client, client
from layover_central.cli.options import Key, Url
from layover_central.core.requests import TERMINAL
from layover_central.errors import Kind, LayoverError

BREATH_S = 0.3
"""Between two looks, however much happens."""

RETRY_S = 1.0
"""Between two attempts to find a central that went away."""

_NEAR = {"reachable": 0, "probing": 1}
_TERMINAL = frozenset(str(state) for state in TERMINAL)
_FRAME_LINES = 6
"""Headings and what stands between the tables."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at central."""

    status: Any
    sites: list[Any]
    requests: list[Any]


@dataclass(slots=True)
class Picture:
    """The last look, and why there is no younger one."""

    seen: Seen
    seen_at: str
    trouble: str = ""
    height: int = field(default=24)

    def __rich__(self) -> Group:
        counts = self.seen.status["sites"]
        parts = [
            Text(
                f"central {show.plain(self.seen.status['version'])} at {self.seen_at}: "
                f"{counts['in_contact']} of {show.many(counts['total'], 'site')} in reach, "
                f"{show.many(self.seen.status['warnings_open'], 'warning')}"
            )
        ]
        if self.trouble:
            parts.append(Text(f"NO NEWS since then: {show.plain(self.trouble)}", style="bold red"))
        rows = max((self.height - _FRAME_LINES) // 2, 3)
        return Group(
            *parts, _requests(self.seen.requests, rows), Text(), _sites(self.seen.sites, rows)
        )


def watch(url: Url = "", key: Key = "") -> None:
    """Show sites and requests as they change, until Ctrl-C. Example: layover watch"""
    if not show.console.is_terminal:
        raise LayoverError(
            Kind.BAD_INPUT,
            "watching needs a terminal",
            "layover status, sites and requests print once.",
        )
    with contextlib.suppress(KeyboardInterrupt), client(url, key) as central:
        picture = Picture(_look(central), _clock())
        with Live(picture, console=show.console, screen=True, auto_refresh=False) as live:
            for seen in _looks(central):
                picture.height = show.console.height
                if isinstance(seen, Seen):
                    picture.seen, picture.seen_at, picture.trouble = seen, _clock(), ""
                else:
                    picture.trouble = seen.detail
                live.update(picture, refresh=True)


def _looks(central: Client) -> Iterator[Seen | LayoverError]:
    """A look after every piece of news; while central is away, why.

    The news are followed before each look, so that nothing that happens after it is missed;
    what comes in a burst is one look.
    """
    while True:
        try:
            with central.news() as news:
                yield _look(central)
                next(news, None)
        except LayoverError as error:
            if not error.meaning.heals:
                raise
            yield error
            time.sleep(RETRY_S)
        time.sleep(BREATH_S)


def _look(central: Client) -> Seen:
    return Seen(central.get("/status"), central.get("/sites"), central.get("/requests"))


def _clock() -> str:
    return time.strftime("%H:%M:%S %Z")


def _requests(requests: list[Any], rows: int) -> Table:
    """Open ones first, then the youngest."""
    ordered = sorted(requests, key=lambda r: (r["state"] in _TERMINAL, -r["id"]))
    return _table(
        ("request", "state", "sites", "from", "verified", "why"),
        [
            (
                r["id"],
                r["state"],
                ", ".join(dict.fromkeys(c["site"] for c in r["cameras"])),
                show.moment(r["from"]),
                f"{show.size(r['bytes']['verified'])} of {show.size(r['bytes']['wanted'])}",
                r["why"] or "; ".join(f"{o['chance']}: {o['why']}" for o in r["outlook"]),
            )
            for r in ordered
        ],
        rows,
    )


def _sites(sites: list[Any], rows: int) -> Table:
    """Those in reach first, then those something is wanted from."""
    ordered = sorted(
        sites, key=lambda s: (_NEAR.get(s["presence"], 2), -s["queue"]["transfers"], s["label"])
    )
    return _table(
        ("site", "presence", "last seen", "wanted", "link", "fault"),
        [
            (
                s["label"],
                s["presence"],
                show.moment(s["last_seen"]),
                f"{s['queue']['transfers']} ({show.size(s['queue']['bytes'])})",
                show.rate(s["link_bps"]) if s["link_bps"] else "",
                s["faults"][0]["text"] if s["faults"] else "",
            )
            for s in ordered
        ],
        rows,
    )


def _table(columns: tuple[str, ...], rows: list[tuple[Any, ...]], most: int) -> Table:
    """As many rows as there is room for, one line each, and how many more there are."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        shown.add_column(column, no_wrap=True, overflow="ellipsis")
    for row in rows[:most]:
        shown.add_row(*(Text(show.plain(cell)) for cell in row))
    if len(rows) > most:
        shown.add_row(Text(f"and {len(rows) - most} more", style="dim"))
    return shown
