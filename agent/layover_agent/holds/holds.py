"""All that the rest of the agent knows of holds: placed, released, looked after, restored."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace

from layover_agent.clock import Clock
from layover_agent.core.holding import Method, Terms
from layover_agent.files import Files
from layover_agent.holds.keeper import Keeper
from layover_agent.holds.probe import tidy
from layover_agent.holds.spans import Spans
from layover_agent.holds.uptime import Uptime
from layover_agent.manifest import Manifest
from layover_agent.manifest_holds import HoldRow
from layover_agent.rows import Row

log = logging.getLogger(__name__)

ROUND_S = 30.0
"""How often uptime is saved, leases are ended and some held files are looked at."""
LOOKED_AT = 200
"""Held files looked at in one round: all of them in turn, without a burst."""
ADOPTED_LEASE_S = 7 * 86_400
"""Lease of a hold of which only the bytes are left: time enough for central to renew it."""


class Holds(Keeper):
    """Made by ``restored``; run as a task."""

    spans: Spans
    _cursor = ""
    _room_made = False

    @classmethod
    async def restored(
        cls,
        manifest: Manifest,
        files: Files,
        clock: Clock,
        terms: Terms = Terms(),  # noqa: B008  (frozen)
    ) -> "Holds":
        """The holds of the last run, with the uptime that had been counted.

        Bytes without their row (a power cut between the two, or a manifest built anew) get a
        lease, and their recording is listed again: nothing that was promised is dropped, and
        nothing fills the disk for ever.
        """
        uptime = await Uptime.restored(manifest, clock)
        holds = cls(manifest, files, clock, terms, uptime)
        holds.spans = Spans(holds, manifest, clock, uptime)
        await holds._finish()
        await holds._adopt()
        await holds._list_again()
        await holds.fit()
        await holds.spans.begin()
        return holds

    async def changed(self, listed: Sequence[Row], gone: Sequence[Row]) -> None:
        """The scanner's news: holds what spans want of the new, and looks at once after held
        recordings whose file is gone or was written anew."""
        ids = [row.id for row in (*listed, *gone)]
        held = await self._manifest.which_held(ids) if ids else []
        for recording_id in held:
            hold = await self._manifest.hold(recording_id)
            if hold is not None:
                await self._look_at(hold)
        if held:
            await self.fit()
        if listed:
            await self.spans.closed(listed)

    async def release(self, recording_id: str) -> None:
        await super().release(recording_id)
        self._room_made = True

    async def broken(self) -> list[HoldRow]:
        """Holds that are not, or not all, what was promised, the longest broken first."""
        return await self._manifest.broken_holds()

    async def run(self) -> None:
        """Makes copies, counts uptime, ends leases, looks after what is held."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._copies.run())
            group.create_task(self._rounds())

    async def save(self) -> None:
        await self._uptime.save()

    async def _rounds(self) -> None:
        while True:
            await asyncio.sleep(ROUND_S)
            await self.round()

    async def round(self) -> None:
        await self.save()
        await self.spans.end()
        for recording_id in await self._manifest.ended_holds(self.uptime_s()):
            log.info("the lease of hold %s is over", recording_id)
            await self.release(recording_id)
        for recording_id in await self._manifest.promised_digests():
            hold = await self._manifest.hold(recording_id)
            if hold is not None:
                await self._look_at(hold)
        some = await self._manifest.holds(self._cursor, LOOKED_AT)
        self._cursor = some[-1].recording_id if len(some) == LOOKED_AT else ""
        for hold in some:
            await self._look_at(hold)
        await self.fit()
        if self._room_made:
            self._room_made = False
            await self.spans.room_made()

    async def _look_at(self, hold: HoldRow) -> None:
        async with self._changing:
            row = await self._manifest.get(hold.recording_id)
            why = await self.why_broken(hold, row)
            if why:
                await self.broke(hold, why)
            elif hold.broken_ms:
                log.info("hold %s is whole again", hold.recording_id)
                await self._manifest.set_broken(hold.recording_id, 0, "")

    async def _finish(self) -> None:
        """What a crash left half released, half copied or half tried is cleared away."""
        await asyncio.to_thread(tidy, self._shelf.folder)
        for recording_id, released in await asyncio.to_thread(list, self._shelf.leftovers()):
            if released:
                await self._manifest.drop_hold(recording_id, self._clock.wall_ms())
            hold = await self._manifest.hold(recording_id)
            if hold is None:
                await asyncio.to_thread(self._shelf.clear, recording_id)
        noted = await asyncio.to_thread(list, self._shelf.noted())
        held = await asyncio.to_thread(set, self._shelf.held())
        known = {hold.recording_id for hold in await self._manifest.holds()}
        for recording_id in noted:
            note = await asyncio.to_thread(self._shelf.note, recording_id)
            protected = note is not None and note.method is Method.PROTECT
            if recording_id not in held | known and not protected:
                await asyncio.to_thread(self._shelf.clear, recording_id)

    async def _adopt(self) -> None:
        known = {hold.recording_id for hold in await self._manifest.holds()}
        held = await asyncio.to_thread(set, self._shelf.held())
        noted = await asyncio.to_thread(set, self._shelf.noted())
        until_s = self.uptime_s() + ADOPTED_LEASE_S
        for recording_id in sorted((held | noted) - known):
            log.warning("hold %s had no lease", recording_id)
            note = await asyncio.to_thread(self._shelf.note, recording_id)
            shape = await asyncio.to_thread(self._shelf.shape, recording_id)
            if note is not None:
                size_bytes, mtime_ns = note.row.size_bytes, note.row.mtime_ns
            elif shape is not None:
                size_bytes, mtime_ns = shape.size_bytes, shape.mtime_ns
            else:
                continue
            method = Method.LINK if note is None else note.method
            hold = HoldRow(recording_id, method, until_s, size_bytes, mtime_ns)
            await self._manifest.set_hold(hold)

    async def _list_again(self) -> None:
        """Recordings that only a hold still knows of: the manifest was built anew."""
        for hold in await self._manifest.holds():
            if await self._manifest.get(hold.recording_id) is None:
                note = await asyncio.to_thread(self._shelf.note, hold.recording_id)
                if note is not None:
                    row = replace(note.row, path_there=False, held=True)
                    await self._manifest.write([row], [], self._clock.wall_ms())
