"""Notices sites: tries their addresses, hears their announcements, begins and ends contacts.

One ``Watch`` per site; what it does follows ``core.presence``. Probes are bounded in number, so
that a thousand absent sites never keep a present one waiting.
"""

import asyncio
import ipaddress
import logging
import random

from layover_agent.wire.identity import announced_id
from layover_agent.wire.types import Status
from layover_central.archive.files import Archive
from layover_central.changes import Topic
from layover_central.context import Central
from layover_central.core import presence
from layover_central.core.presence import Effect, Event, Presence, State
from layover_central.errors import LayoverError
from layover_central.links.agent_client import AgentClient, Sounding
from layover_central.links.discover import Network, Sighting
from layover_central.live import SiteLive
from layover_central.puller.contact import SiteContact
from layover_central.puller.loop import Puller
from layover_central.steps import whole
from layover_central.store import depots, sites
from layover_central.store.depots import Depot
from layover_central.store.sites import Site

log = logging.getLogger(__name__)

PROBES_AT_ONCE = 64
PROBE_CAP_S = 15.0
"""How rarely a site that has been absent for long is tried at least."""


class Lookout:
    """Watches every enrolled site."""

    def __init__(self, central: Central, archive: Archive, puller: Puller) -> None:
        self._central = central
        self._archive = archive
        self._puller = puller
        self._watches: dict[int, Watch] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._probes = asyncio.Semaphore(PROBES_AT_ONCE)
        self._networks: list[Network] = []

    def allowed_networks(self) -> list[Network]:
        return self._networks

    def sighted(self, sighting: Sighting) -> None:
        """Somebody announces a site: if it is one of ours, it is dialled at once."""
        for watch in self._watches.values():
            identity = watch.site.identity
            if identity is not None and announced_id(identity) == sighting.announced_id:
                watch.sighted(sighting.addresses)

    async def run(self) -> None:
        """Follows the list of sites for as long as it runs."""
        try:
            with self._central.changes.subscribed() as news:
                while True:
                    await self._take_stock()
                    while await news.get() not in (Topic.SITES, Topic.DEPOTS):
                        pass
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _take_stock(self) -> None:
        async with self._central.store.begin() as connection:
            known = {s.id: s for s in await sites.listing(connection) if s.state == "enrolled"}
            places = await depots.listing(connection)
        self._networks = [
            ipaddress.ip_network(network) for place in places for network in place.networks
        ]
        for site_id in set(self._watches) - set(known):
            self._watches.pop(site_id)
            self._tasks.pop(site_id).cancel()
            self._central.live.sites.pop(site_id, None)
        for site_id, site in known.items():
            watch = self._watches.get(site_id)
            if watch is None:
                watch = Watch(self._central, self._archive, self._puller, site, self._probes)
                self._watches[site_id] = watch
                self._tasks[site_id] = asyncio.create_task(watch.run())
            watch.update(site, places)


class Watch:
    """One site: its presence, its addresses, its contact if there is one."""

    def __init__(
        self,
        central: Central,
        archive: Archive,
        puller: Puller,
        site: Site,
        probes: asyncio.Semaphore,
    ) -> None:
        self.site = site
        self._central = central
        self._archive = archive
        self._puller = puller
        self._probes = probes
        self._depots: list[Depot] = []
        self._heard: tuple[str, ...] = ()
        self._stirred = asyncio.Event()
        self._presence = presence.absent(central.clock.now_ms(), site.seen_ms)

    def update(self, site: Site, places: list[Depot]) -> None:
        if site.address != self.site.address or site.identity != self.site.identity:
            self._stirred.set()
        self.site = site
        self._depots = places

    def sighted(self, addresses: tuple[str, ...]) -> None:
        self._heard = addresses
        if self._sign(Event.SIGHTED) is Effect.DIAL:
            self._stirred.set()

    async def run(self) -> None:
        while True:
            await self._pause()
            try:
                found = await self._probe()
                if found is not None and self._sign(Event.PROBE_OK) is Effect.BEGIN_CONTACT:
                    await self._keep_contact(*found)
            except Exception:
                # Whatever is wrong with one site, it is watched on, and so are all the others.
                log.exception("%s: the contact failed", self.site.label)
                self._sign(Event.PROBE_FAILED)

    async def _pause(self) -> None:
        """Until the next probe is due, or somebody announces the site."""
        wait_ms = max(self._presence.next_probe_ms - self._central.clock.now_ms(), 0)
        try:
            async with asyncio.timeout(wait_ms / 1000):
                await self._stirred.wait()
        except TimeoutError:
            pass
        self._stirred.clear()

    async def _probe(self) -> tuple[AgentClient, Status, Sounding] | None:
        """Asks every known address for a status; the first answer wins."""
        addresses = [a for a in (self.site.address, *self._heard) if a]
        for address in dict.fromkeys(addresses):
            client = AgentClient(
                self._central.authority,
                self._central.clock,
                address,
                self.site.identity or "",
                self._central.settings.timeout_s,
            )
            try:
                async with self._probes:
                    status, sounding = await client.status()
            except LayoverError as error:
                log.debug("%s at %s: %s", self.site.label, address, error.detail)
                await client.close()
            except BaseException:
                await client.close()
                raise
            else:
                return client, status, sounding
        self._sign(Event.PROBE_FAILED)
        return None

    async def _keep_contact(self, client: AgentClient, status: Status, sounding: Sounding) -> None:
        depot = self._depot_of(client.address)
        contact = SiteContact(
            self._central, self._archive, self.site, depot, client, self._puller.wake
        )
        log.info("%s is in reach at %s", self.site.label, client.address)
        self._show(client.address, depot)
        self._puller.began(contact)
        try:
            await contact.run(status, sounding, self._sign)
        except* LayoverError as group:
            for error in group.exceptions:
                log.info("%s: contact ends: %s", self.site.label, error)
        finally:
            while self._presence.state is State.REACHABLE:
                self._sign(Event.PROBE_FAILED)
            # Shown first: what is reviewed at the contact's end must not think the site is here.
            self._show("", None)
            await whole(self._puller.ended(contact))
            await whole(client.close())
            log.info("%s is out of reach", self.site.label)

    def _sign(self, event: Event) -> Effect | None:
        now_ms = self._central.clock.now_ms()
        self._presence, effect = presence.step(self._presence, event, now_ms)
        if event is Event.PROBE_FAILED and self._presence.state is State.ABSENT:
            self._presence = self._later(now_ms)
        return effect

    def _later(self, now_ms: int) -> Presence:
        base_ms = int(self._central.settings.probe_every_s * 1000)
        delay_ms = presence.probe_delay_ms(
            self._presence.failures,
            base_ms,
            int(PROBE_CAP_S * 1000),
            random.random(),  # noqa: S311
        )
        return presence.probing_at(self._presence, now_ms + delay_ms)

    def _show(self, address: str, depot: Depot | None) -> None:
        self._central.live.sites[self.site.id] = SiteLive(
            state=self._presence.state,
            since_ms=self._presence.since_ms,
            address=address,
            depot=depot.name if depot else "",
        )
        self._central.changes.publish(Topic.SITES)

    def _depot_of(self, address: str) -> Depot | None:
        """The depot whose network the contact comes from, else the site's own: a cap is rather
        kept where it need not be than broken where it must."""
        host = address.rpartition(":")[0].strip("[]")
        try:
            ip = ipaddress.ip_address(host)
        except ValueError:
            ip = None
        for depot in self._depots:
            for network in depot.networks:
                if ip is not None and ip in ipaddress.ip_network(network):
                    return depot
        return next((d for d in self._depots if d.id == self.site.depot_id), None)
