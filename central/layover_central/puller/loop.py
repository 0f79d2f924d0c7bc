"""The loop: snapshot, plan, start and stop, and again at whatever happens next."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from layover_central import fulfilment
from layover_central.archive.files import Archive
from layover_central.changes import Topic
from layover_central.context import Central
from layover_central.core import plan
from layover_central.core.budget import WIRE_BYTES_PER_PAYLOAD_BYTE, payload_bps
from layover_central.core.plan import Candidate, Running, Snapshot, Start
from layover_central.errors import Kind, LayoverError
from layover_central.live import TransferLive
from layover_central.puller.caps import Caps
from layover_central.puller.contact import SiteContact
from layover_central.puller.fetch import Fetch
from layover_central.puller.space import Space
from layover_central.puller.troubles import Troubles
from layover_central.store.transfers import TransferState

log = logging.getLogger(__name__)

LONGEST_SLEEP_MS = 60_000
PREPARED_AHEAD = 4
"""How many waiting transfers are made ready before their turn."""
MEASURED_FROM_S = 0.02
MEASURED_FROM_BYTES = 64 << 10
"""A shorter span says little about the link."""


@dataclass(slots=True)
class Span:
    """A span under way."""

    contact: SiteContact
    fetch: Fetch
    start: Start
    site_bytes_before: int
    granted_bps: int | None
    """Its grant while bytes come, 0 from then on; None: unlimited."""
    paid_bytes: int = 0
    stopping: bool = False


class Puller:
    """Carries out plans for all contacts of this central."""

    def __init__(self, central: Central, archive: Archive, caps: Caps) -> None:
        self._central = central
        self._caps = caps
        self._contacts: dict[int, SiteContact] = {}
        self._spans: dict[int, Span] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._troubles = Troubles()
        self._space = Space(central, archive)
        self._preparing: dict[int, asyncio.Task[None]] = {}
        self._awake = asyncio.Event()

    def wake(self) -> None:
        self._awake.set()

    def wants_changed(self) -> None:
        """Every contact looks at what it must hold and may fetch."""
        for contact in self._contacts.values():
            contact.wants_changed()

    def began(self, contact: SiteContact) -> None:
        self._contacts[contact.site.id] = contact

    async def ended(self, contact: SiteContact) -> None:
        """The contact is over: its spans stop, and what they brought stays."""
        self._contacts.pop(contact.site.id, None)
        mine = {i for i, span in self._spans.items() if span.contact is contact}
        await self._cancel([*mine, *contact.fetches])
        for transfer_id, fetch in contact.fetches.items():
            fetch.close()
            self._central.live.transfers.pop(transfer_id, None)
        contact.fetches.clear()
        await fulfilment.review_site(self._central, contact.site.id)
        self.wake()

    async def run(self) -> None:
        """Plans for as long as it runs."""
        try:
            while True:
                self._awake.clear()
                now_ms = self._central.clock.now_ms()
                decided = plan.choose(self._snapshot(now_ms), now_ms)
                self._act(decided)
                await self._sleep(decided.wake_ms - now_ms)
        finally:
            await self._cancel([*self._tasks, *self._preparing])

    async def _cancel(self, transfer_ids: list[int]) -> None:
        tasks = [t[i] for t in (self._tasks, self._preparing) for i in transfer_ids if i in t]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _sleep(self, wait_ms: int) -> None:
        now_ms = self._central.clock.now_ms()
        wait_ms = min([wait_ms, LONGEST_SLEEP_MS, *(at - now_ms for at in self._retries(now_ms))])
        try:
            async with asyncio.timeout(max(wait_ms, 1) / 1000):
                await self._awake.wait()
        except TimeoutError:
            pass

    def _retries(self, now_ms: int) -> Iterator[int]:
        yield from self._troubles.retries_after(now_ms)
        if (space_ms := self._space.look_again_ms(now_ms)) is not None:
            yield space_ms

    def _snapshot(self, now_ms: int) -> Snapshot:
        for span in self._spans.values():
            self._pay(span, now_ms)
        keys = {key for contact in self._contacts.values() for key in contact.path}
        keys |= {key for span in self._spans.values() for key in span.contact.path}
        grants = Counter[str]()
        for span in self._spans.values():
            grants.update(dict.fromkeys(span.contact.path, span.granted_bps or 0))
        parallel = self._central.settings.parallel_per_site
        return Snapshot(
            candidates=list(self._candidates(now_ms)),
            running=[_running(span) for span in self._spans.values()],
            caps=self._caps.now(keys, grants, now_ms),
            slots=self._caps.slots
            | {f"site:{c.site.label}": parallel for c in self._contacts.values()},
            link_bps={
                c.site.label: c.link_bps for c in self._contacts.values() if c.link_bps is not None
            },
            next_change_ms=self._caps.next_changes(keys, now_ms),
            archive_full=self._space.full(now_ms),
        )

    def _candidates(self, now_ms: int) -> Iterator[Candidate]:
        for contact in self._contacts.values():
            for transfer_id, fetch in contact.fetches.items():
                if transfer_id in self._spans or self._troubles.barred(transfer_id, now_ms):
                    continue
                yield Candidate(
                    transfer_id=transfer_id,
                    site=contact.site.label,
                    path=contact.path,
                    remaining_bytes=fetch.remaining_bytes,
                    expires_ms=_early_ms(contact, fetch),
                    priority=fetch.work.priority,
                    asked_ms=fetch.work.asked_ms,
                )

    def _act(self, decided: plan.Plan) -> None:
        for stop in decided.stops:
            span = self._spans[stop.transfer_id]
            if not span.stopping:
                span.stopping = True
                self._tasks[stop.transfer_id].cancel(stop.why)
        for start in decided.starts:
            contact = next(c for c in self._contacts.values() if start.transfer_id in c.fetches)
            fetch = contact.fetches[start.transfer_id]
            self._spans[start.transfer_id] = Span(
                contact, fetch, start, contact.received_bytes, start.rate_bps
            )
            self._show(fetch)
            self._tasks[start.transfer_id] = asyncio.create_task(
                self._span(self._spans[start.transfer_id])
            )
            self._central.live.fetching.add(start.transfer_id)
        ahead = 0
        for transfer_id in decided.waits:
            next_one = self._fetch(transfer_id)
            if ahead < PREPARED_AHEAD and next_one is not None and not next_one.ready:
                ahead += 1
                if transfer_id not in self._preparing:
                    self._prepare(next_one)
        for contact in self._contacts.values():
            for transfer_id, fetch in contact.fetches.items():
                why = decided.waits.get(transfer_id)
                known = self._central.live.transfers.get(transfer_id)
                if why is not None and (known is None or known.waits != why):
                    self._show(fetch, waits=why)
                    self._central.due.transfers([transfer_id])

    def _prepare(self, fetch: Fetch) -> None:
        """Readies a transfer that waits, so that its turn begins with its first byte."""
        transfer_id = fetch.work.transfer.id

        async def ready() -> None:
            # What fails here fails again, and is dealt with, when its turn comes.
            with contextlib.suppress(LayoverError):
                await fetch.prepare()

        task = asyncio.create_task(ready())
        self._preparing[transfer_id] = task
        task.add_done_callback(lambda _: self._preparing.pop(transfer_id, None))

    async def _span(self, span: Span) -> None:
        """One span, and what follows from its end. Its errors end here."""
        fetch = span.fetch
        rate_bps = span.start.rate_bps
        try:
            finished = await fetch.span(
                None if rate_bps is None else payload_bps(rate_bps),
                span.start.max_bytes,
                lambda seconds: self._quiet(span, seconds),
            )
            self._troubles.over(fetch.work.transfer.id)
            if finished:
                span.contact.fetches.pop(fetch.work.transfer.id, None)
        except LayoverError as error:
            await self._failed(span, error)
        except Exception as error:
            log.exception("transfer %d failed", fetch.work.transfer.id)
            await self._failed(span, LayoverError(Kind.STORAGE, f"{type(error).__name__}: {error}"))
        finally:
            self._close(span)
        if fetch.work.transfer.id not in span.contact.fetches:
            fetch.close()
            await span.contact.release(fetch)
        self._central.due.transfers([fetch.work.transfer.id])

    def _fetch(self, transfer_id: int) -> Fetch | None:
        for contact in self._contacts.values():
            if transfer_id in contact.fetches:
                return contact.fetches[transfer_id]
        return None

    def _quiet(self, span: Span, seconds: float) -> None:
        """The last byte of a span has come: its grant is free for the next, while what came is
        brought to the disk."""
        self._pay(span, self._central.clock.now_ms())
        self._measure(span, seconds)
        span.fetch.rate_bps = int(span.fetch.received_bytes * 8 / max(seconds, 0.001))
        span.granted_bps = 0
        self.wake()

    def _close(self, span: Span) -> None:
        transfer_id = span.fetch.work.transfer.id
        self._pay(span, self._central.clock.now_ms())
        del self._spans[transfer_id], self._tasks[transfer_id]
        self._central.live.fetching.discard(transfer_id)
        self._central.live.transfers.pop(transfer_id, None)
        self._central.changes.publish(Topic.TRANSFERS)
        self.wake()

    async def _failed(self, span: Span, error: LayoverError) -> None:
        """What an error means for the transfer. A lost link burns nothing; the site's own word
        that a recording is gone is final; anything else is tried again, ever more rarely."""
        transfer_id = span.fetch.work.transfer.id
        now_ms = self._central.clock.now_ms()
        log.info("%s, transfer %d: %s", span.contact.site.label, transfer_id, error.detail)
        match error.kind:
            case Kind.GONE | Kind.CHANGED:
                why = error.detail if error.kind is Kind.GONE else f"changed: {error.detail}"
                await self._abandon(span, TransferState.LOST, why)
            case Kind.DAMAGED:
                await self._abandon(span, TransferState.DAMAGED, error.detail)
            case Kind.NO_SPACE:
                self._space.refused()
            case Kind.LEASE_LOST:
                span.contact.fetches.pop(transfer_id, None)
                span.contact.wants_changed()
            case Kind.UNREACHABLE | Kind.STALLED:
                fresh = span.fetch.received_bytes > 0
                self._troubles.failed(transfer_id, error.detail, now_ms, fresh=fresh)
                span.contact.doubt()
            case _:
                self._troubles.failed(transfer_id, error.detail, now_ms, fresh=False)

    async def _abandon(self, span: Span, state: TransferState, why: str) -> None:
        await span.fetch.abandon(state, why)
        span.contact.fetches.pop(span.fetch.work.transfer.id, None)

    def _pay(self, span: Span, now_ms: int) -> None:
        """Charges the caps above a span for what has arrived since last time."""
        fresh = span.fetch.received_bytes - span.paid_bytes
        span.paid_bytes += fresh
        span.contact.received_bytes += fresh
        self._caps.charge(span.contact.path, fresh, now_ms)

    def _measure(self, span: Span, seconds: float) -> None:
        """Learns the link's wire rate from all that the site sent during a span.

        A span that was held back by its grant only proves that the link carries that much.
        """
        contact = span.contact
        payload_bytes = contact.received_bytes - span.site_bytes_before
        if seconds < MEASURED_FROM_S or payload_bytes < MEASURED_FROM_BYTES:
            return
        seen_bps = int(payload_bytes * 8 * WIRE_BYTES_PER_PAYLOAD_BYTE / seconds)
        known_bps = contact.link_bps
        held_back = span.start.rate_bps is not None and seen_bps >= 0.8 * span.start.rate_bps
        if known_bps is None or (held_back and seen_bps > known_bps):
            contact.link_bps = seen_bps
        elif not held_back:
            contact.link_bps = (known_bps + seen_bps) // 2
        here = self._central.live.sites.get(contact.site.id)
        if here is not None:
            self._central.live.sites[contact.site.id] = replace(here, link_bps=contact.link_bps)

    def _show(self, fetch: Fetch, waits: str = "") -> None:
        self._central.live.transfers[fetch.work.transfer.id] = TransferLive(
            rate_bps=0 if waits else fetch.rate_bps, have_bytes=fetch.have_bytes, waits=waits
        )


def _early_ms(contact: SiteContact, fetch: Fetch) -> int | None:
    """When the recording may be overwritten at the earliest; None: held, or by no known rule."""
    expiry = contact.expiries.get(fetch.work.transfer.id)
    return None if expiry is None or fetch.work.transfer.held else expiry.early_ms


def _running(span: Span) -> Running:
    return Running(
        transfer_id=span.start.transfer_id,
        site=span.contact.site.label,
        path=span.contact.path,
        rate_bps=span.granted_bps,
        expires_ms=_early_ms(span.contact, span.fetch),
        priority=span.fetch.work.priority,
        asked_ms=span.fetch.work.asked_ms,
    )
