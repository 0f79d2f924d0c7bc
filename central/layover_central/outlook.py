"""What will become of open requests: expiry forecasts, and warnings kept true to them."""

import json
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from sqlalchemy.ext.asyncio import AsyncConnection

from layover_agent.wire.codec import MalformedMessage, from_plain
from layover_agent.wire.types import Status
from layover_central.changes import Topic
from layover_central.context import Central
from layover_central.core.expiry import Expiry, Rule, forecast, observed_fill
from layover_central.core.presence import State
from layover_central.core.warnings import Level, Stake, assess
from layover_central.store import mirror, requests, sites, transfers, warnings
from layover_central.store.requests import Request
from layover_central.store.sites import Site
from layover_central.store.transfers import OpenTransfer

FILL_WINDOW_MS = 3_600_000
"""How far back the fill of a ring is measured."""

HOLD_MS = 2_000
"""How long it takes from the first contact until holds are in place."""

ASSUMED_LINK_BPS = 8_000_000
"""A site's link before any contact has measured it."""


def last_status(site: Site) -> Status | None:
    """The site's last status message; None: it never was in reach."""
    if site.status is None:
        return None
    try:
        status: Status = from_plain(Status, json.loads(site.status))
    except (MalformedMessage, ValueError):
        return None
    return status


async def expiries(
    connection: AsyncConnection, site: Site, open_transfers: Sequence[OpenTransfer]
) -> dict[int, Expiry | None]:
    """When the site overwrites the recording of each transfer, in true time; None: held there,
    or not known."""
    found: dict[int, Expiry | None] = {work.transfer.id: None for work in open_transfers}
    status = last_status(site)
    if status is None or site.as_of_ms is None:
        return found
    offset_ms = site.correction_ms
    source_of = {camera.name: camera.source for camera in status.cameras}
    for source in {camera.source for camera in status.cameras}:
        cameras = [name for name, of in source_of.items() if of == source]
        mine = [w for w in open_transfers if w.camera in cameras and not w.transfer.held]
        rules = [
            Rule(rule.kind, rule.max_bytes, rule.max_age_s)
            for rule in status.retention
            # Others (a floor of free space, a ring of one camera) are not forecast yet.
            if rule.source == source and rule.kind in ("ring", "age") and not rule.camera
        ]
        if not mine or not rules:
            continue
        fill = observed_fill(await mirror.lately(connection, site.id, cameras), FILL_WINDOW_MS)
        oldest_ms = min(work.start_ms for work in mine)
        there = await mirror.present_since(connection, site.id, cameras, oldest_ms)
        starts = [start_ms for start_ms, _ in there]
        used = [0, *accumulate(size for _, size in reversed(there))]
        for work in mine:
            younger = len(starts) - bisect_left(starts, work.start_ms)
            expiry = forecast(rules, fill, work.start_ms, used[younger], site.as_of_ms)
            if expiry is not None:
                found[work.transfer.id] = Expiry(
                    expiry.early_ms + offset_ms,
                    expiry.likely_ms + offset_ms,
                    expiry.late_ms + offset_ms,
                )
    return found


async def refresh(central: Central, site_id: int | None = None) -> None:
    """Looks at every open request (of one site) anew and raises, changes or clears warnings."""
    changed = False
    async with central.store.begin() as connection:
        everywhere = [s for s in await sites.listing(connection) if site_id in (None, s.id)]
        for site in everywhere:
            work = await transfers.open_at(connection, site.id)
            when = await expiries(connection, site, work)
            for request in await requests.open_at(connection, site.id):
                changed |= await _refresh_one(central, connection, request, site, work, when)
    if changed:
        central.changes.publish(Topic.WARNINGS)


async def _refresh_one(
    central: Central,
    connection: AsyncConnection,
    request: Request,
    site: Site,
    work: Sequence[OpenTransfer],
    when: dict[int, Expiry | None],
) -> bool:
    now_ms = central.clock.now_ms()
    mine = {t.id for t in await transfers.of_request(connection, request.id)}
    needed = [w for w in work if w.transfer.id in mine]
    stake = _stake(central, site, needed, when, now_ms)
    outlook = assess(stake, now_ms) if stake else None
    central.live.outlooks.pop((request.id, site.id), None)
    if outlook is None:
        return False
    central.live.outlooks[(request.id, site.id)] = outlook
    if outlook.level is not Level.NONE:
        return await warnings.raise_or_update(
            connection, request.id, site.id, outlook, _first(needed, when), site.expected_ms, now_ms
        )
    return await warnings.end(connection, request.id, site.id, "cleared", now_ms)


def _first(needed: Sequence[OpenTransfer], when: dict[int, Expiry | None]) -> Expiry | None:
    """The expiry that strikes first among what is needed and not held."""
    known = [e for w in needed if not w.transfer.held and (e := when[w.transfer.id])]
    return min(known, key=lambda e: e.early_ms, default=None)


def _stake(
    central: Central,
    site: Site,
    needed: Sequence[OpenTransfer],
    when: dict[int, Expiry | None],
    now_ms: int,
) -> Stake | None:
    """What is at stake at one site; None: nothing there is known to be needed."""
    if not needed:
        return None
    live = central.live.sites.get(site.id)
    status = last_status(site)
    if status is not None and status.holds.possible:
        needed_ms = HOLD_MS
    else:
        link_bps = (live.link_bps if live else None) or ASSUMED_LINK_BPS
        left = sum(w.transfer.size_bytes - w.transfer.verified_bytes for w in needed)
        needed_ms = left * 8 * 1000 // link_bps
    return Stake(
        expiry=_first(needed, when),
        all_held=all(w.transfer.held for w in needed),
        in_contact=live is not None and live.state is State.REACHABLE,
        expected_ms=site.expected_ms,
        needed_ms=needed_ms,
    )
