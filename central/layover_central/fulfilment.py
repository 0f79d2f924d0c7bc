"""Keeps requests true: what each still needs, what it got, what it can no longer get.

``review`` looks at one request anew, from the mirror and the transfers, and writes what it
finds; it may be called at any time and any number of times.
"""

import asyncio
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from layover_central.changes import Topic
from layover_central.context import Central
from layover_central.core.presence import State
from layover_central.core.requests import (
    OPEN,
    TERMINAL,
    Activity,
    Fate,
    KnownRecording,
    Piece,
    RequestState,
    horizon_ms,
    request_state,
    tally,
    touches,
    verdict,
)
from layover_central.store import mirror, requests, sites, transfers, warnings
from layover_central.store.requests import Request
from layover_central.store.sites import Site
from layover_central.store.transfers import Transfer, TransferState

REVIEW_EVERY_S = 0.2
SEAM_MS = 1500
"""Between two files of a recorder nothing is missing as long as the hole is no longer."""

_FATE = {
    TransferState.WANTED: Fate.PENDING,
    TransferState.COMPLETE: Fate.SAVED,
    TransferState.LOST: Fate.LOST,
    TransferState.DAMAGED: Fate.DAMAGED,
    TransferState.STOPPED: Fate.STOPPED,
}


@dataclass(slots=True)
class Finding:
    """What a look at a request found."""

    pieces: list[tuple[int, str, Piece]] = field(default_factory=list)
    wanted: dict[int, dict[str, int]] = field(default_factory=dict)
    """Recordings to fetch with their sizes, by site."""
    still_coming: bool = False
    """Some of what is to be fetched is not here yet."""
    overwritten: list[Transfer] = field(default_factory=list)
    """Wanted transfers whose recording the site has deleted."""


async def review(central: Central, request_id: int) -> Request:
    """Brings one request up to date: links its transfers, settles its state and its warnings."""
    now_ms = central.clock.now_ms()
    async with central.store.begin() as connection:
        request = await requests.by_id(connection, request_id)
        if request.state in TERMINAL:
            return request
        finding = await _look(central, connection, request)
        for transfer in finding.overwritten:
            await transfers.change(
                connection,
                transfer.id,
                {
                    "state": TransferState.LOST,
                    "finished_ms": now_ms,
                    "error": "overwritten at the site before it could be retrieved",
                },
            )
        new = False
        for site_id, wanted in finding.wanted.items():
            new |= await transfers.want(connection, request.id, site_id, wanted, now_ms)
        sums = tally(piece for _, _, piece in finding.pieces)
        activity, why = await _activity(central, connection, request)
        if finding.still_coming and request.stopped_ms is None:
            # Within the clock's uncertainty more belongs to the span than its edges say.
            sums[Fate.PENDING] = max(sums[Fate.PENDING], 1)
        state = request_state(sums, activity)
        changed = await requests.set_state(
            connection, request, state, _why_ended(sums) if state in TERMINAL else why, sums, now_ms
        )
        ended = await _end_warnings(connection, request, finding, now_ms)
        request = await requests.by_id(connection, request_id)
    if changed or new:
        central.changes.publish(Topic.REQUESTS)
    if new or (changed and request.state is RequestState.STOPPED):
        central.changes.publish(Topic.WANTED)
    if ended:
        central.changes.publish(Topic.WARNINGS)
    return request


def _why_ended(sums: dict[Fate, int]) -> str:
    """What an ended request lacks, in words; empty: nothing."""
    words = {
        Fate.LOST: "overwritten before it could be saved",
        Fate.DAMAGED: "damaged at the site",
        Fate.NOT_RECORDED: "not recorded",
        Fate.UNTOLD: "older than anything the site told of: overwritten, or never recorded",
    }
    return "; ".join(
        f"{sums[fate] / 1000:.1f} s {text}" for fate, text in words.items() if sums[fate]
    )


async def review_site(central: Central, site_id: int) -> None:
    """Reviews every open request of a site."""
    async with central.store.begin() as connection:
        open_requests = await requests.open_at(connection, site_id)
    for request in open_requests:
        await review(central, request.id)


async def keep_reviewing(central: Central) -> None:
    """Reviews what is due, at most every so often, for as long as it runs."""
    while True:
        request_ids, transfer_ids = await central.due.taken()
        async with central.store.begin() as connection:
            request_ids |= await transfers.requests_of(connection, transfer_ids)
        for request_id in sorted(request_ids):
            await review(central, request_id)
        await asyncio.sleep(REVIEW_EVERY_S)


async def pieces(central: Central, request_id: int) -> list[tuple[int, str, Piece]]:
    """The verdict on every stretch of a request: ``(site_id, camera, piece)``, in order."""
    async with central.store.begin() as connection:
        request = await requests.by_id(connection, request_id)
        return (await _look(central, connection, request)).pieces


async def _look(central: Central, connection: AsyncConnection, request: Request) -> Finding:
    finding = Finding()
    known_sites: dict[int, Site] = {}
    for site_id, camera in await requests.cameras(connection, request.id):
        if site_id not in known_sites:
            known_sites[site_id] = await sites.by_id(connection, site_id)
        site = known_sites[site_id]
        pieces_of_camera = await _look_at_camera(
            central, connection, request, site, camera, finding
        )
        finding.pieces += [(site_id, camera, piece) for piece in pieces_of_camera]
    return finding


async def _look_at_camera(
    central: Central,
    connection: AsyncConnection,
    request: Request,
    site: Site,
    camera: str,
    finding: Finding,
) -> list[Piece]:
    """One camera's pieces; adds to the finding what is to be fetched and what is gone.

    The mirror is in the site's clock; the request in true time. Whatever lies within the
    uncertainty of the clock is fetched too, and no hole within it is called *not recorded*.
    """
    offset_ms = site.correction_ms
    slack_ms = site.slack_ms
    rows = await mirror.touching(
        connection,
        site.id,
        camera,
        request.from_ms - offset_ms - slack_ms,
        request.to_ms - offset_ms + slack_ms,
    )
    by_recording = await transfers.of_recordings(connection, site.id, [r.id for r in rows])
    known = []
    for row in rows:
        transfer = by_recording.get(row.id)
        fate = Fate.LOST if row.gone_ms is not None else Fate.PENDING
        if transfer is not None and transfer.state is not TransferState.WANTED:
            fate = _FATE[transfer.state]
        elif transfer is not None and transfer.id in central.live.fetching:
            # The site still gives its bytes: an open file outlives its name.
            fate = Fate.PENDING
        elif transfer is not None and row.gone_ms is not None:
            finding.overwritten.append(transfer)
        start_ms, end_ms = row.start_ms + offset_ms, row.end_ms + offset_ms
        if request.stopped_ms is None and (
            fate is Fate.PENDING
            or (fate is Fate.STOPPED and row.gone_ms is None)
            or (fate is Fate.SAVED)
        ):
            if touches(start_ms, end_ms, request.from_ms, request.to_ms, slack_ms):
                finding.wanted.setdefault(site.id, {})[row.id] = row.size_bytes
                finding.still_coming |= fate is not Fate.SAVED
            fate = Fate.PENDING if fate is Fate.STOPPED else fate
        known.append(KnownRecording(row.id, start_ms, end_ms, fate))
    edge = await mirror.edge(connection, site.id, camera)
    # Of a camera that closed nothing yet nothing is known: its first file may be older than now.
    horizon = 0
    if edge is not None:
        horizon = horizon_ms(
            edge.last_end_ms + offset_ms,
            site.as_of_ms + offset_ms if site.as_of_ms is not None else None,
            edge.longest_ms,
        )
    found = verdict(
        request.from_ms,
        request.to_ms,
        known,
        horizon,
        edge.first_start_ms + offset_ms if edge else horizon,
        SEAM_MS,
        slack_ms,
    )
    if request.stopped_ms is None:
        return found
    return [
        Piece(p.from_ms, p.to_ms, Fate.STOPPED, p.recording_id) if p.fate in OPEN else p
        for p in found
    ]


async def _activity(
    central: Central, connection: AsyncConnection, request: Request
) -> tuple[Activity, str]:
    """What is being done about a request now, and in words why no more."""
    linked = [
        t
        for t in await transfers.of_request(connection, request.id)
        if t.state is TransferState.WANTED
    ]
    if any(t.id in central.live.fetching for t in linked):
        return Activity.RETRIEVING, ""
    site_ids = await transfers.sites_of_request(connection, request.id)
    near = [s for s in site_ids if _reachable(central, s)]
    if not near:
        labels = [(await sites.by_id(connection, s)).label for s in site_ids]
        return Activity.NONE, f"{', '.join(labels)} not in reach"
    waits = [w.waits for t in linked if (w := central.live.transfers.get(t.id)) and w.waits]
    if not linked:
        return Activity.WAITING, "the site has not closed these recordings yet"
    if waits and all("window" in why or "space" in why for why in waits):
        return Activity.PAUSED, waits[0]
    return Activity.WAITING, waits[0] if waits else "about to start"


def _reachable(central: Central, site_id: int) -> bool:
    live = central.live.sites.get(site_id)
    return live is not None and live.state is State.REACHABLE


async def _end_warnings(
    connection: AsyncConnection, request: Request, finding: Finding, now_ms: int
) -> bool:
    """A warning ends when nothing at its site is open any more: saved, lost or stopped."""
    ended = False
    for site_id in {site_id for site_id, _, _ in finding.pieces}:
        fates = {piece.fate for at, _, piece in finding.pieces if at == site_id}
        if fates & OPEN:
            continue
        outcome = "lost" if fates & {Fate.LOST, Fate.DAMAGED} else "saved"
        if Fate.STOPPED in fates:
            outcome = "stopped"
        ended |= await warnings.end(connection, request.id, site_id, outcome, now_ms)
    return ended
