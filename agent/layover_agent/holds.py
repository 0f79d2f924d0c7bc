"""Holds: the promise to keep a recording's bytes, whatever the recorder does to its own file.

A hold is a hard link beside the recordings: no byte is copied, and deleting the recorder's name
leaves the bytes. It is possible only where the recorder deletes by unlinking (one that writes
over its old files would write over the held one too) and only on one file system. Leases count
the agent's own uptime, because the box's wall clock may be wrong.
"""

import asyncio
import errno
import logging
import os

from layover_agent.clock import Clock
from layover_agent.errors import AgentError
from layover_agent.files import Files, unchanged
from layover_agent.manifest import Manifest
from layover_agent.rows import HoldRow, Row
from layover_agent.wire.problem import Reason
from layover_agent.wire.types import Hold, HoldState, HoldUsage

log = logging.getLogger(__name__)

UPTIME_EVERY_S = 30
MAX_LEASE_S = 90 * 86_400
ADOPTED_LEASE_S = 7 * 86_400
"""Lease of a hold of which only the link is left: time enough for central to renew it."""
_WHY = {
    errno.EXDEV: "recordings and holds folder are on different file systems: set holds.folder "
    "to a folder on the recordings' own",
    errno.EPERM: "the kernel forbids this user to link the recorder's files "
    "(fs.protected_hardlinks): run the agent as the recorder's user",
    errno.EACCES: "the agent may not write in the holds folder",
    errno.EROFS: "the file system of the recordings is mounted read-only for the agent",
    errno.EMLINK: "the file has too many links already",
    errno.EOPNOTSUPP: "the file system of the recordings has no hard links (FAT, exFAT)",
}


class Holds:
    """Places, keeps and releases holds."""

    def __init__(self, manifest: Manifest, files: Files, clock: Clock, uptime_s: int) -> None:
        self._manifest = manifest
        self._files = files
        self._clock = clock
        self._uptime_before_s = uptime_s
        self._began_mono_ms = clock.mono_ms()
        self._changing = asyncio.Lock()
        self._refusal = ""

    @classmethod
    async def restored(cls, manifest: Manifest, files: Files, clock: Clock) -> "Holds":
        """The holds of the last run, with the uptime that had been counted.

        A link without its row (a power cut between the two, or a manifest built anew) gets a
        lease: nothing that was promised is dropped, and nothing fills the disk for ever.
        """
        holds = cls(manifest, files, clock, int(await manifest.note("uptime_s") or 0))
        known = {hold.recording_id for hold in await manifest.holds()}
        for recording_id, facts in await asyncio.to_thread(files.held):
            if recording_id not in known:
                log.warning("hold %s had no lease", recording_id)
                until_s = holds.uptime_s() + ADOPTED_LEASE_S
                hold = HoldRow(recording_id, "link", until_s, facts.st_size, facts.st_mtime_ns)
                await manifest.set_hold(hold)
        return holds

    def uptime_s(self) -> int:
        """Seconds that the agent has run, over all its runs."""
        return self._uptime_before_s + (self._clock.mono_ms() - self._began_mono_ms) // 1000

    async def place(self, row: Row, lease_s: int) -> Hold:
        """Holds a recording, or prolongs its hold; the answer is true once it is on the disk."""
        if not 0 < lease_s <= MAX_LEASE_S:
            raise AgentError(Reason.BAD_REQUEST, f"a lease is 1 to {MAX_LEASE_S} seconds")
        async with self._changing:
            broken = row.held and not await asyncio.to_thread(self._is_whole, row)
            if not broken:
                before_ns = await asyncio.to_thread(self._files.ctime_ns, row)
                refusal = await asyncio.to_thread(self._link, row)
                if refusal:
                    self._refusal = refusal
                    return _answer(row, HoldState.NOT_POSSIBLE, "none", 0, refusal)
                self._refusal = ""
                until_s = self.uptime_s() + lease_s
                hold = HoldRow(row.id, "link", until_s, row.size_bytes, row.mtime_ns)
                await self._manifest.set_hold(hold)
                after_ns = await asyncio.to_thread(self._files.ctime_ns, row)
                await self._manifest.relinked(row.id, before_ns, after_ns)
        if broken:
            why = "the held file changed: the recorder wrote over it"
            return _answer(row, HoldState.BROKEN, "link", 0, why)
        return _answer(row, HoldState.HELD, "link", lease_s, "")

    async def release(self, recording_id: str) -> None:
        """Gives a hold up; nothing happens where there is none."""
        async with self._changing:
            await asyncio.to_thread(self._unlink, recording_id)
            await self._manifest.drop_hold(recording_id, self._clock.wall_ms())

    async def usage(self) -> HoldUsage:
        rows = await self._manifest.holds()
        return HoldUsage(
            possible=not self._refusal,
            method="link" if not self._refusal else "none",
            reason=self._refusal,
            count=len(rows),
            size_bytes=sum(row.size_bytes for row in rows),
        )

    async def broken(self) -> list[str]:
        """Ids of holds whose bytes are not, or not all, what was promised."""
        there = dict(await asyncio.to_thread(self._files.held))
        broken = []
        for hold in await self._manifest.holds():
            facts = there.get(hold.recording_id)
            promised = (hold.size_bytes, hold.mtime_ns)
            if facts is None or (facts.st_size, facts.st_mtime_ns) != promised:
                broken.append(hold.recording_id)
        return broken

    def declare(self, refusal: str) -> None:
        """What is known about holds before the first is asked for; empty: they should work."""
        self._refusal = refusal

    async def run(self) -> None:
        """Counts uptime and ends leases that are over."""
        while True:
            await asyncio.sleep(UPTIME_EVERY_S)
            await self.save()
            for hold in await self._manifest.holds():
                if hold.until_uptime_s <= self.uptime_s():
                    log.info("the lease of hold %s is over", hold.recording_id)
                    await self.release(hold.recording_id)

    async def save(self) -> None:
        await self._manifest.set_note("uptime_s", str(self.uptime_s()))

    def _link(self, row: Row) -> str:
        """Makes the link; why it cannot be, or empty. AgentError where the file is not there."""
        source = self._files.source(row)
        if source.config.deletes_by != "unlink":
            return (
                "holds are off: the recorder is not declared to delete by unlinking; if it does, "
                f'set sources.{source.name}.deletes_by = "unlink"'
            )
        handle = self._files.open(row)
        os.close(handle)
        target = self._files.held_path(row.id)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            return f"the holds folder cannot be used: {error.strerror}"
        try:
            os.link(source.folder / row.path, target, follow_symlinks=False)
        except FileExistsError:
            pass
        except FileNotFoundError as error:
            if not row.held:
                raise AgentError(Reason.GONE, "the recorder has deleted it") from error
        except OSError as error:
            return _WHY.get(error.errno or 0, f"the hold cannot be placed: {error.strerror}")
        if not self._is_whole(row):
            target.unlink(missing_ok=True)
            raise AgentError(Reason.CHANGED, "the file changed while it was being held")
        _sync_folder(str(target.parent))
        return ""

    def _is_whole(self, row: Row) -> bool:
        try:
            handle = os.open(self._files.held_path(row.id), os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            return False
        try:
            return unchanged(handle, row)
        finally:
            os.close(handle)

    def _unlink(self, recording_id: str) -> None:
        path = self._files.held_path(recording_id)
        path.unlink(missing_ok=True)
        if path.parent.exists():
            _sync_folder(str(path.parent))


def _answer(row: Row, state: HoldState, method: str, lease_s: int, reason: str) -> Hold:
    return Hold(recording_id=row.id, state=state, method=method, lease_s=lease_s, reason=reason)


def _sync_folder(folder: str) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
