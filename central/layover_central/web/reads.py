"""What a listing needs of the store, in a fixed number of queries however long it is."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from layover_central.core.requests import RequestState
from layover_central.store import mirror, requests
from layover_central.store.mirror import CameraExtent
from layover_central.store.requests import Request
from layover_central.store.schema import (
    recordings,
    request_cameras,
    request_transfers,
    transfers,
)
from layover_central.store.schema import requests as requests_table
from layover_central.store.sites import Site
from layover_central.store.transfers import TransferState


@dataclass(frozen=True, slots=True)
class Sums:
    """Over the transfers of one request."""

    total: int = 0
    done: int = 0
    wanted_bytes: int = 0
    verified_bytes: int = 0
    received_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Queue:
    """What is wanted from one site."""

    transfers: int = 0
    bytes: int = 0


async def cameras_of(
    connection: AsyncConnection, request_ids: Sequence[int]
) -> dict[int, list[tuple[int, str]]]:
    """``(site_id, camera)`` by request."""
    found: dict[int, list[tuple[int, str]]] = defaultdict(list)
    rows = await connection.execute(
        select(request_cameras)
        .where(request_cameras.c.request_id.in_(request_ids))
        .order_by(request_cameras.c.site_id, request_cameras.c.camera)
    )
    for request_id, site_id, camera in rows:
        found[request_id].append((site_id, camera))
    return found


async def sums_of(connection: AsyncConnection, request_ids: Sequence[int]) -> dict[int, Sums]:
    """A complete transfer is verified as a whole, wherever its bytes came from."""
    complete = transfers.c.state == TransferState.COMPLETE
    rows = await connection.execute(
        select(
            request_transfers.c.request_id,
            func.count(),
            func.count().filter(complete),
            func.sum(transfers.c.size_bytes),
            func.sum(case((complete, transfers.c.size_bytes), else_=transfers.c.verified_bytes)),
            func.sum(transfers.c.received_bytes),
        )
        .join(transfers, transfers.c.id == request_transfers.c.transfer_id)
        .where(request_transfers.c.request_id.in_(request_ids))
        .group_by(request_transfers.c.request_id)
    )
    return {row[0]: Sums(*(int(value) for value in row[1:])) for row in rows}


async def queues(connection: AsyncConnection) -> dict[int, Queue]:
    """By site; a site without wanted transfers is missing."""
    rows = await connection.execute(
        select(
            transfers.c.site_id,
            func.count(),
            func.sum(transfers.c.size_bytes - transfers.c.verified_bytes),
        )
        .where(transfers.c.state == TransferState.WANTED)
        .group_by(transfers.c.site_id)
    )
    return {row[0]: Queue(row[1], int(row[2])) for row in rows}


async def requests_by_state(connection: AsyncConnection) -> dict[RequestState, int]:
    rows = await connection.execute(
        select(requests_table.c.state, func.count()).group_by(requests_table.c.state)
    )
    return {RequestState(row[0]): row[1] for row in rows}


async def matching_requests(
    connection: AsyncConnection, state: RequestState | None, site_id: int | None, limit: int
) -> list[Request]:
    """Youngest first."""
    if state is None and site_id is None:
        return await requests.listing(connection, limit)
    query = select(requests_table.c.id).order_by(requests_table.c.id.desc()).limit(limit)
    if state is not None:
        query = query.where(requests_table.c.state == state)
    if site_id is not None:
        of_site = select(request_cameras.c.request_id).where(request_cameras.c.site_id == site_id)
        query = query.where(requests_table.c.id.in_(of_site))
    ids = (await connection.scalars(query)).all()
    return [await requests.by_id(connection, request_id) for request_id in ids]


async def recordings_of(
    connection: AsyncConnection, request_id: int
) -> dict[tuple[int, str], tuple[str, int, int]]:
    """``(camera, start_ms, end_ms)`` in the site's clock, by site and recording."""
    rows = await connection.execute(
        select(
            transfers.c.site_id,
            transfers.c.recording_id,
            recordings.c.camera,
            recordings.c.start_ms,
            recordings.c.end_ms,
        )
        .join(request_transfers, request_transfers.c.transfer_id == transfers.c.id)
        .join(
            recordings,
            (recordings.c.site_id == transfers.c.site_id)
            & (recordings.c.id == transfers.c.recording_id),
        )
        .where(request_transfers.c.request_id == request_id)
    )
    return {(row[0], row[1]): (row[2], row[3], row[4]) for row in rows}


@dataclass(slots=True)
class Extents:
    """What the mirror knows of each site's cameras, looked up again only after the mirror moved.

    A page asks for all sites at every piece of news; summing up every recording each time
    would keep the store from its real work.
    """

    _known: dict[int, tuple[tuple[str | None, int], list[CameraExtent]]] = field(
        default_factory=dict
    )

    async def of(
        self, connection: AsyncConnection, sites: Iterable[Site]
    ) -> dict[int, list[CameraExtent]]:
        found = {}
        for site in sites:
            position = (site.epoch, site.seq)
            known = self._known.get(site.id)
            if known is None or known[0] != position:
                known = (position, await mirror.cameras(connection, site.id))
                self._known[site.id] = known
            found[site.id] = known[1]
        return found
