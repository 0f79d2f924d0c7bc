"""A reader of the manifest's feed beside the recorder: what was offered when, and was it true."""

import asyncio
import datetime as dt
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from agent.process import Running
from e2e.recorders.witness import Witness

from layover_agent.wire.pages import unpacked
from layover_agent.wire.types import Recording, RecordingState

BERLIN = ZoneInfo("Europe/Berlin")
POLL_S = 0.03
_AT_ONCE_S = 0.5

Find = Callable[[Recording], Path | None]
"""The file that a row is of; None: its name does not tell."""


@dataclass
class Following:
    """Everything that the manifest ever said."""

    witness: Witness
    find: Find
    changes: list[Recording] = field(default_factory=list)
    now: dict[str, Recording] = field(default_factory=dict)
    """By id: the last word on each recording."""
    offered: dict[Path, float] = field(default_factory=dict)
    """When the answer came that named a file first (monotonic, s)."""

    async def run(self, running: Running) -> None:
        """Follows until it is cancelled."""
        epoch, after = "", 0
        while True:
            answer = await running.client.get("/manifest", params={"epoch": epoch, "after": after})
            page = unpacked(answer.content)
            now_s = time.monotonic()
            epoch = page.epoch
            for row in page.rows:
                after = row.seq
                self._take(row, now_s)
            await asyncio.sleep(0 if len(page.rows) >= 1000 else POLL_S)

    def _take(self, row: Recording, now_s: float) -> None:
        self.changes.append(row)
        self.now[row.id] = row
        path = self.find(row) if row.state == RecordingState.PRESENT else None
        if path is not None:
            self.offered.setdefault(path, now_s)

    @property
    def late_ms(self) -> dict[Path, int]:
        """From the close of each file to the answer that named it."""
        return {
            path: max(0, round((now_s - self.witness.closed[path][0]) * 1000))
            for path, now_s in self.offered.items()
            if path in self.witness.closed
        }

    @property
    def offered_open(self) -> list[Path]:
        """Files that were named before they were closed. The witness hears of a close as the
        agent does, and may come to it a little later."""
        return [
            path
            for path, now_s in self.offered.items()
            if path not in self.witness.closed or self.witness.closed[path][0] > now_s + _AT_ONCE_S
        ]

    def present(self, camera: str) -> list[Recording]:
        """The recordings of a camera that the manifest has now, oldest first."""
        rows = [
            row
            for row in self.now.values()
            if row.camera == camera and row.state == RecordingState.PRESENT
        ]
        return sorted(rows, key=lambda row: row.start_ms)


def local_ms(path: Path, pattern: str) -> int:
    """The moment that a name in Berlin's wall time means (the first, where it comes twice)."""
    wall = dt.datetime.strptime(path.name, pattern)
    return int(wall.replace(tzinfo=BERLIN).timestamp() * 1000)


def figures(late_ms: dict[Path, int]) -> str:
    """Latencies in one line."""
    some = sorted(late_ms.values())
    if not some:
        return "none"
    return (
        f"{len(some)} files, median {statistics.median(some):.0f} ms, "
        f"95 % within {some[int(len(some) * 0.95)]} ms, worst {some[-1]} ms"
    )
