"""The life of one contact: who is there, what must be held, what is new, is it still there.

Holds come first: before any bulk byte, every recording that an open request needs is held at
the site, so that it outlives the contact.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Iterable

from layover_agent.wire.codec import to_plain
from layover_agent.wire.types import HoldState, Queue, Status
from layover_central import fulfilment, outlook
from layover_central.archive.files import Archive
from layover_central.changes import Topic
from layover_central.context import Central
from layover_central.core import clocks
from layover_central.core.expiry import Expiry
from layover_central.core.presence import Effect, Event
from layover_central.errors import Kind, LayoverError
from layover_central.links.agent_client import AgentClient, Sounding
from layover_central.puller.fetch import Fetch
from layover_central.steps import whole
from layover_central.store import contacts, mirror, requests, sites, transfers
from layover_central.store.depots import Depot
from layover_central.store.sites import Site
from layover_central.store.transfers import OpenTransfer, TransferState

log = logging.getLogger(__name__)

AS_OF_GRAIN_MS = 30_000
"""That nothing changed is news too: so much younger, a manifest says more of what is not there."""

HOLDS_AT_ONCE = 6


class SiteContact:
    """One contact with one site, over one client, from the first answer to the last."""

    def __init__(
        self,
        central: Central,
        archive: Archive,
        site: Site,
        depot: Depot | None,
        client: AgentClient,
        wake: Callable[[], None],
    ) -> None:
        self.site = site
        self.depot = depot
        self.client = client
        self.fetches: dict[int, Fetch] = {}
        """What can be fetched now, by transfer; filled once its holds are asked for."""
        self.expiries: dict[int, Expiry | None] = {}
        self.link_bps: int | None = None
        self.received_bytes = 0
        self._central = central
        self._archive = archive
        self._wake = wake
        self._stirred = asyncio.Event()
        self._wanted_changed = False
        self._in_doubt = False
        self._offset_ms = 0
        self._no_hold: set[int] = set()
        self._head: tuple[str, int] | None = None
        self._told: tuple[int, int, int] | None = None
        """What the site was last told of its queue: requests, transfers, bytes."""
        self._look_at_s = asyncio.get_running_loop().time() + central.settings.liveness_s

    @property
    def path(self) -> tuple[str, ...]:
        """The caps above this contact, outermost first."""
        depot = (f"depot:{self.depot.name}",) if self.depot else ()
        return ("global", *depot, f"site:{self.site.label}")

    def wants_changed(self) -> None:
        """Requests want more of this site, or less."""
        self._wanted_changed = True
        self._stirred.set()

    def doubt(self) -> None:
        """Something failed on this link: see at once whether the site is still there."""
        self._in_doubt = True
        self._stirred.set()

    async def run(
        self, status: Status, sounding: Sounding, sign: Callable[[Event], Effect | None]
    ) -> None:
        """Keeps the contact until the site is gone; ``sign`` tells presence what is seen."""
        now_ms = self._central.clock.now_ms()
        contact_id = await self._begin(status, sounding, now_ms)
        try:
            await self._protect()
            await self._follow(status)
            await self._tell_queue(status)
            while True:
                silent = await self._pause()
                if self._wanted_changed:
                    self._wanted_changed = False
                    await self._protect()
                if (silent or self._in_doubt) and not await self._look(sign):
                    return
        finally:
            await whole(self._end(contact_id))

    async def _pause(self) -> bool:
        """Until there is news; True where a sign of life is due instead."""
        try:
            async with asyncio.timeout_at(self._look_at_s):
                await self._stirred.wait()
        except TimeoutError:
            return True
        self._stirred.clear()
        return False

    async def _look(self, sign: Callable[[Event], Effect | None]) -> bool:
        """One sign of life and whatever is new; False once the contact has ended."""
        self._in_doubt = False
        liveness_s = self._central.settings.liveness_s
        self._look_at_s = asyncio.get_running_loop().time() + liveness_s
        while True:
            try:
                status, sounding = await self.client.status()
                sign(Event.PROBE_OK)
                await self._note(status, sounding)
                await self._follow(status)
                await self._tell_queue(status)
            except LayoverError as error:
                log.info("%s: %s", self.site.label, error.detail)
                if sign(Event.PROBE_FAILED) is Effect.END_CONTACT:
                    return False
            else:
                return True

    async def _begin(self, status: Status, sounding: Sounding, now_ms: int) -> int:
        await self._note(status, sounding)
        async with self._central.store.begin() as connection:
            return await contacts.begin(
                connection,
                self.site.id,
                self.depot.id if self.depot else None,
                status.link,
                self.client.address,
                now_ms,
                sounding.offset_ms,
                sounding.uncertainty_ms,
            )

    async def _note(self, status: Status, sounding: Sounding) -> None:
        self._offset_ms = clocks.correction_ms(sounding.offset_ms, sounding.uncertainty_ms)
        async with self._central.store.begin() as connection:
            await sites.change(
                connection,
                self.site.id,
                {
                    "seen_ms": self._central.clock.now_ms(),
                    "offset_ms": sounding.offset_ms,
                    "uncertainty_ms": sounding.uncertainty_ms,
                    "status": json.dumps(to_plain(status, text_only=True)),
                },
            )
            self.site = await sites.by_id(connection, self.site.id)

    async def _end(self, contact_id: int) -> None:
        now_ms = self._central.clock.now_ms()
        async with self._central.store.begin() as connection:
            await contacts.end(connection, contact_id, now_ms, self.received_bytes)
            if self.site.expected_ms is not None and self.site.expected_ms <= now_ms:
                await sites.change(connection, self.site.id, {"expected_ms": None})

    async def _follow(self, status: Status) -> None:
        """Takes over what is new in the manifest, then sees to what that means for requests."""
        head = (status.manifest.epoch, status.manifest.seq)
        younger_ms = status.manifest.scanned_ms - (self.site.as_of_ms or 0)
        if head != self._head or younger_ms >= AS_OF_GRAIN_MS:
            await self._read_manifest(head)
            self._head = head
            self._central.changes.publish(Topic.SITES)
            await fulfilment.review_site(self._central, self.site.id)
            await self._protect()
            await outlook.refresh(self._central, self.site.id)

    async def _tell_queue(self, status: Status) -> None:
        """Tells the site what waits for it here, when that has changed."""
        if "queue" not in status.capabilities:
            return
        async with self._central.store.begin() as connection:
            work = await transfers.open_at(connection, self.site.id)
            asked = await requests.open_at(connection, self.site.id)
        waiting = (len(asked), len(work), sum(one.transfer.size_bytes for one in work))
        if waiting != self._told:
            now_ms = self._central.clock.now_ms()
            count, files, size_bytes = waiting
            await self.client.queue(
                Queue(requests=count, transfers=files, size_bytes=size_bytes, as_of_ms=now_ms)
            )
            self._told = waiting

    async def _read_manifest(self, head: tuple[str, int]) -> None:
        while True:
            after = self.site.seq if self.site.epoch == head[0] else 0
            head_seq = after
            async with contextlib.aclosing(self.client.changes(head[0], after)) as pages:
                async for page in pages:
                    head_seq = page.head_seq
                    async with self._central.store.begin() as connection:
                        await mirror.apply(connection, self.site.id, page)
                        self.site = await sites.by_id(connection, self.site.id)
                    if not page.rows:
                        return
            if self.site.seq >= head_seq or self.site.epoch != head[0]:
                return

    async def _protect(self) -> None:
        """Holds at the site whatever open requests need, then offers it to the plan."""
        async with self._central.store.begin() as connection:
            work = await transfers.open_at(connection, self.site.id)
            self.expiries = await outlook.expiries(connection, self.site, work)
        unheld = [w for w in work if not w.transfer.held and w.transfer.id not in self._no_hold]
        unheld.sort(key=self._early_ms)
        room = asyncio.Semaphore(HOLDS_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for one in unheld:
                group.create_task(self._hold(one, room))
        async with self._central.store.begin() as connection:
            work = await transfers.open_at(connection, self.site.id)
            self.expiries = await outlook.expiries(connection, self.site, work)
        self._offer(work)
        if unheld:
            await outlook.refresh(self._central, self.site.id)
            self._central.changes.publish(Topic.TRANSFERS)

    def _early_ms(self, work: OpenTransfer) -> int:
        expiry = self.expiries.get(work.transfer.id)
        return expiry.early_ms if expiry else 1 << 62

    async def _hold(self, work: OpenTransfer, room: asyncio.Semaphore) -> None:
        """Asks for one hold. A refusal costs nothing but the hold; a lost link ends the round."""
        lease_s = self._central.settings.hold_lease_s
        transfer_id = work.transfer.id
        try:
            async with room:
                hold = await self.client.hold(work.transfer.recording_id, lease_s)
        except LayoverError as error:
            if error.kind is Kind.GONE:
                await self._lost(work, error.detail)
                return
            if error.meaning.heals:
                raise
            log.warning("%s: no hold on %s: %s", self.site.label, transfer_id, error.detail)
            self._no_hold.add(transfer_id)
            return
        if hold.state is HoldState.HELD:
            async with self._central.store.begin() as connection:
                await transfers.change(connection, transfer_id, {"held": True})
        else:
            self._no_hold.add(transfer_id)

    async def _lost(self, work: OpenTransfer, why: str) -> None:
        fetch = self._fetch(work)
        await fetch.abandon(TransferState.LOST, why)
        self._central.due.transfers([work.transfer.id])

    def _offer(self, work: Iterable[OpenTransfer]) -> None:
        offered = {w.transfer.id: w for w in work}
        for transfer_id in set(self.fetches) - set(offered) - self._central.live.fetching:
            self.fetches.pop(transfer_id).close()
        for transfer_id, one in offered.items():
            if transfer_id in self.fetches:
                self.fetches[transfer_id].work = one
            else:
                self.fetches[transfer_id] = self._fetch(one)
        self._wake()

    def _fetch(self, work: OpenTransfer) -> Fetch:
        return Fetch(
            self._central, self._archive, self.client, self.site.label, self._offset_ms, work
        )

    async def release(self, fetch: Fetch) -> None:
        """Gives up the hold of a recording that is safe here. A lost answer costs nothing: the
        lease ends by itself."""
        try:
            await self.client.release(fetch.work.transfer.recording_id)
        except LayoverError as error:
            log.info("%s: hold not released: %s", self.site.label, error.detail)
