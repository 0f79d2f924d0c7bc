"""Where a source's folder lies: which disk is in it now, and which ones were before."""

import asyncio
import os
from pathlib import Path

from layover_agent.core.reconcile import Disks
from layover_agent.manifest import Manifest

Spot = tuple[str, int, int]


class Place:
    """Of one source. ``find`` first."""

    def __init__(self, manifest: Manifest, source: str, folder: Path) -> None:
        self._manifest = manifest
        self._source = source
        self._folder = folder
        self._disks: Disks | None = None
        self._spot: Spot | None = None
        self._here = ""

    async def find(self) -> None:
        """Finds out where the folder lies now."""
        if self._disks is None:
            self._disks = Disks.parsed(await self._manifest.note(self._key) or "")
        self._spot = await asyncio.to_thread(_spot, self._folder)
        self._here = self._spot[0] if self._spot else self._disks.last
        if self._here and not self._disks.turns:
            await self._turn(0)

    async def moved(self) -> bool:
        """Whether it is not there, or lies elsewhere than it was found."""
        spot = await asyncio.to_thread(_spot, self._folder)
        return spot is None or spot != self._spot

    @property
    def other_disk(self) -> bool:
        """Whether another disk is in its place than the one that last had recordings."""
        return self._disks is not None and self._here != self._disks.last

    def here(self, seq: int) -> bool:
        """Whether the recording of that change is listed on the disk that is here."""
        return self._disks is None or self._disks.of(seq) == self._here

    async def settled(self, after: int) -> None:
        """What was listed since the change ``after`` is on the disk that is here."""
        if self.other_disk:
            await self._turn(after)

    async def away(self, until: int) -> int:
        """How many recordings are listed that lie on disks that are not here."""
        spans = self._disks.away(self._here, until) if self._disks else []
        return sum([await self._manifest.count(self._source, *span) for span in spans])

    async def _turn(self, after: int) -> None:
        self._disks = (self._disks or Disks()).turned(after, self._here)
        await self._manifest.set_note(self._key, str(self._disks))

    @property
    def _key(self) -> str:
        return f"disk:{self._source}"


def _spot(folder: Path) -> Spot | None:
    """What tells one place from another; its first part also after a reboot. None: no folder."""
    try:
        facts = folder.stat()
        return f"{os.statvfs(folder).f_fsid:x}", facts.st_dev, facts.st_ino
    except OSError:
        return None
