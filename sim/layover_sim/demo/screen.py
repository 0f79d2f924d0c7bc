"""What the demo shows in a terminal: narration, commands, a bar for every request, a table."""

import time
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table


class Screen:
    """Narrates to standard error, so that standard output stays for the JSON line."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)
        self.progress = Progress(
            TextColumn("{task.description:<34}"),
            BarColumn(28),
            TextColumn("{task.percentage:>3.0f} %  {task.fields[state]}"),
            console=self.console,
            transient=True,
        )
        self._began_s = time.monotonic()
        self._bars: dict[int, TaskID] = {}

    def tell(self, text: str) -> None:
        """One sentence of the story, with the second it happens in."""
        self.progress.console.print(f"[dim]{time.monotonic() - self._began_s:5.1f} s[/]  {text}")

    def command(self, *arguments: str) -> None:
        shown = " ".join(f'"{a}"' if " " in a else a for a in arguments)
        self.progress.console.print(f"         [cyan]$ layover {shown}[/]")

    def show(self, requests: Iterable[Any], names: dict[int, str]) -> None:
        """Brings the bars up to date, by verified bytes."""
        for one in requests:
            number = one["id"]
            if number not in self._bars:
                self._bars[number] = self.progress.add_task(
                    f"{number} {names.get(number, '')}", state=""
                )
            self.progress.update(
                self._bars[number],
                completed=one["bytes"]["verified"],
                total=max(one["bytes"]["wanted"], 1),
                state=f"{one['state']}  {one['why']}"[:60],
            )

    def table(self, rows: Iterable[tuple[str, ...]]) -> None:
        table = Table(title="What became of it", title_justify="left")
        for column in ("request", "asked", "saved", "lost", "bytes", "time", "re-sent"):
            justify = "left" if column == "request" else "right"
            table.add_column(column, justify=justify)  # type: ignore[arg-type]
        for row in rows:
            table.add_row(*row)
        self.console.print(table)
