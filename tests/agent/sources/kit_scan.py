"""One look of the real scanner at a source."""

from pathlib import Path

from agent.kit import HandClock

from layover_agent.manifest import opened
from layover_agent.rows import Row
from layover_agent.scan import Scanner
from layover_agent.sources.source import Source


async def scanned(source: Source, folder: Path, clock: HandClock | None = None) -> dict[str, Row]:
    """What a new manifest in ``folder`` lists then, by path."""
    async with opened(folder / "manifest.db") as manifest:
        scanner = Scanner(manifest, [source], clock or HandClock())
        await scanner.scan()
        assert scanner.faults == {}
        page = await manifest.page("", 0, 500)
        found = await manifest.of_ids([row.id for row in page.rows])
        return {row.path: row for row in found.values()}
