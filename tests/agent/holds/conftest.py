"""A recorder's folder, and holds of what lies there, on any disk the test wants."""

import contextlib
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from agent.kit import HandClock, write_at

from layover_agent.files import Files
from layover_agent.holds import Holds, Terms
from layover_agent.manifest import Manifest, opened
from layover_agent.rows import Row
from layover_agent.scan import Scanner
from layover_agent.settings import SourceConfig
from layover_agent.sources.template import TemplateSource

LAYOUT = "{camera}/%Y-%m-%d/%H-%M-%S.*"


@dataclass
class Den:
    """What the agent has of holds, and a recorder worked by hand."""

    recordings: Path
    folder: Path
    """Of the held files."""
    clock: HandClock
    manifest: Manifest
    files: Files
    holds: Holds
    scanner: Scanner

    def record(
        self, start: str = "10-00-00", data: bytes = b"x" * 9000, camera: str = "front",
        written_s_ago: float = 600,
    ) -> Path:  # fmt: skip
        path = self.recordings / camera / "2026-11-21" / f"{start}.h264"
        return write_at(path, data, self.clock.wall - int(written_s_ago * 1000))

    async def listed(self, path: Path) -> Row:
        await self.scanner.scan()
        known = await self.manifest.known("main", [str(path.relative_to(self.recordings))])
        (found,) = known.values()
        return await self.row(found.id)

    async def row(self, recording_id: str) -> Row:
        row = await self.manifest.get(recording_id)
        assert row is not None
        return row

    async def bytes_of(self, recording_id: str) -> bytes:
        with os.fdopen(self.files.open(await self.row(recording_id)), "rb") as file:
            return file.read()

    async def held_ids(self) -> list[str]:
        return [hold.recording_id for hold in await self.manifest.holds()]

    def left(self) -> set[str]:
        """What lies in the holds folder, but for the reserve."""
        return {path.name for path in self.folder.glob("*")} - {"reserve"}


OpenDen = Callable[..., contextlib.AbstractAsyncContextManager[Den]]


@contextlib.asynccontextmanager
async def den_at(
    data: Path,
    disk: Path,
    clock: HandClock | None = None,
    terms: Terms = Terms(max_percent=90),  # noqa: B008
    source_class: type[TemplateSource] = TemplateSource,
    holds_folder: Path | None = None,
    **settings: object,
) -> AsyncIterator[Den]:
    """The agent's memory in ``data``, recordings and holds on ``disk``."""
    clock = clock or HandClock()
    recordings = disk / "recordings"
    recordings.mkdir(exist_ok=True)
    values: dict[str, object] = {
        "folder": str(recordings),
        "layout": LAYOUT,
        "zone": "+00:00",
        "deletes_by": "unlink",
        **settings,
    }
    source = source_class("main", SourceConfig(**values))  # type: ignore[arg-type]
    folder = holds_folder or disk / "holds"
    async with opened(data / "manifest.db") as manifest:
        files = Files({"main": source}, folder)
        holds = await Holds.restored(manifest, files, clock, terms)
        scanner = Scanner(manifest, [source], clock, [holds.changed])
        yield Den(recordings, folder, clock, manifest, files, holds, scanner)


@pytest.fixture
def open_den(tmp_path: Path) -> OpenDen:
    def opener(**options: object) -> contextlib.AbstractAsyncContextManager[Den]:
        return den_at(tmp_path, tmp_path, **options)  # type: ignore[arg-type]

    return opener


@pytest.fixture
async def den(open_den: OpenDen) -> AsyncIterator[Den]:
    async with open_den() as made:
        yield made
