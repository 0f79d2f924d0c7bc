"""Transfers: recordings being fetched, each shared by every request that needs it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from layover_central.core.requests import TERMINAL
from layover_central.errors import Kind, LayoverError
from layover_central.store.rows import new_id
from layover_central.store.schema import (
    recordings,
    request_cameras,
    request_transfers,
    requests,
    transfers,
)


class TransferState(StrEnum):
    """``wanted`` is open; the rest is final, but a stopped transfer may be wanted again."""

    WANTED = "wanted"
    COMPLETE = "complete"
    LOST = "lost"
    DAMAGED = "damaged"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Transfer:
    """A row of ``transfers``."""

    id: int
    site_id: int
    recording_id: str
    state: TransferState
    size_bytes: int
    created_ms: int
    finished_ms: int | None
    fence: int
    held: bool
    verified_bytes: int
    received_bytes: int
    statement: bytes | None
    signature: bytes | None
    certificate: bytes | None
    sha256: str | None
    path: str | None
    error: str


_COLUMNS = tuple(transfers.c[name] for name in Transfer.__dataclass_fields__)


def _transfer(row: Row[Any]) -> Transfer:
    values = row._asdict()
    values["state"] = TransferState(values["state"])
    return Transfer(**values)


async def want(
    connection: AsyncConnection,
    request_id: int,
    site_id: int,
    recordings_wanted: Mapping[str, int],
    now_ms: int,
) -> bool:
    """Links a request to transfers of recordings (id → size), making the missing ones.

    A stopped transfer is wanted again. Whether anything is new.
    """
    known = await of_recordings(connection, site_id, recordings_wanted)
    linked = {t.id for t in await of_request(connection, request_id)}
    new = False
    for recording_id, size_bytes in recordings_wanted.items():
        transfer = known.get(recording_id)
        if transfer is None:
            result = await connection.execute(
                insert(transfers).values(
                    site_id=site_id,
                    recording_id=recording_id,
                    state=TransferState.WANTED,
                    size_bytes=size_bytes,
                    created_ms=now_ms,
                    fence=0,
                    held=False,
                    verified_bytes=0,
                    received_bytes=0,
                    error="",
                )
            )
            transfer_id, new = new_id(result), True
        else:
            transfer_id = transfer.id
            if transfer.state is TransferState.STOPPED:
                again = {"state": TransferState.WANTED, "finished_ms": None}
                await change(connection, transfer_id, again)
                new = True
        if transfer_id not in linked:
            await connection.execute(
                insert(request_transfers).values(request_id=request_id, transfer_id=transfer_id)
            )
            new = True
    return new


async def of_recordings(
    connection: AsyncConnection, site_id: int, recording_ids: Iterable[str]
) -> dict[str, Transfer]:
    """The transfers of a site by recording, where there are any."""
    rows = await connection.execute(
        select(*_COLUMNS).where(
            transfers.c.site_id == site_id, transfers.c.recording_id.in_(list(recording_ids))
        )
    )
    return {t.recording_id: t for t in map(_transfer, rows)}


async def of_request(connection: AsyncConnection, request_id: int) -> list[Transfer]:
    rows = await connection.execute(
        select(*_COLUMNS)
        .join(request_transfers, request_transfers.c.transfer_id == transfers.c.id)
        .where(request_transfers.c.request_id == request_id)
        .order_by(transfers.c.id)
    )
    return [_transfer(row) for row in rows]


@dataclass(frozen=True, slots=True)
class OpenTransfer:
    """A wanted transfer with what a plan needs to know of its recording and its requests."""

    transfer: Transfer
    camera: str
    start_ms: int
    end_ms: int
    container: str
    priority: int
    asked_ms: int


async def open_at(connection: AsyncConnection, site_id: int) -> list[OpenTransfer]:
    """The wanted transfers of a site, with the highest priority of the requests behind each."""
    rows = await connection.execute(
        select(
            *_COLUMNS,
            recordings.c.camera,
            recordings.c.start_ms,
            recordings.c.end_ms,
            recordings.c.container,
            func.max(requests.c.priority),
            func.min(requests.c.asked_ms),
        )
        .join(
            recordings,
            (recordings.c.site_id == transfers.c.site_id)
            & (recordings.c.id == transfers.c.recording_id),
        )
        .join(request_transfers, request_transfers.c.transfer_id == transfers.c.id)
        .join(requests, requests.c.id == request_transfers.c.request_id)
        .where(
            transfers.c.site_id == site_id,
            transfers.c.state == TransferState.WANTED,
            requests.c.state.not_in([str(s) for s in TERMINAL]),
        )
        .group_by(
            *_COLUMNS,
            recordings.c.camera,
            recordings.c.start_ms,
            recordings.c.end_ms,
            recordings.c.container,
        )
        .order_by(transfers.c.id)
    )
    found = []
    for row in rows:
        values = dict(zip(Transfer.__dataclass_fields__, row, strict=False))
        values["state"] = TransferState(values["state"])
        found.append(OpenTransfer(Transfer(**values), *row[len(_COLUMNS) :]))
    return found


async def by_id(connection: AsyncConnection, transfer_id: int) -> Transfer:
    row = (await connection.execute(select(*_COLUMNS).where(transfers.c.id == transfer_id))).first()
    if row is None:
        raise LayoverError(Kind.NOT_FOUND, f"there is no transfer {transfer_id}")
    return _transfer(row)


async def change(connection: AsyncConnection, transfer_id: int, values: Mapping[str, Any]) -> None:
    await connection.execute(
        update(transfers).where(transfers.c.id == transfer_id).values(dict(values))
    )


async def take_over(
    connection: AsyncConnection, transfer_id: int, values: Mapping[str, Any] | None = None
) -> int:
    """A new fence for a transfer, and other columns with it: whoever held an older fence can no
    longer commit."""
    fence = await connection.scalar(
        update(transfers)
        .where(transfers.c.id == transfer_id)
        .values(fence=transfers.c.fence + 1, **(values or {}))
        .returning(transfers.c.fence)
    )
    return int(fence or 0)


async def progress(
    connection: AsyncConnection, transfer_id: int, verified_bytes: int, received_more: int
) -> None:
    """What has come so far: where it stands, and how much more passed over the link."""
    await connection.execute(
        update(transfers)
        .where(transfers.c.id == transfer_id)
        .values(
            verified_bytes=verified_bytes,
            received_bytes=transfers.c.received_bytes + received_more,
        )
    )


async def finish(
    connection: AsyncConnection, transfer_id: int, fence: int, values: Mapping[str, Any]
) -> None:
    """Writes an end under a fence. LEASE_LOST where another puller took it over."""
    result = await connection.execute(
        update(transfers)
        .where(
            transfers.c.id == transfer_id,
            transfers.c.fence == fence,
            transfers.c.state == TransferState.WANTED,
        )
        .values(dict(values))
    )
    if result.rowcount != 1:
        raise LayoverError(Kind.LEASE_LOST, f"transfer {transfer_id} was taken over")


async def stop_orphans(connection: AsyncConnection, now_ms: int) -> None:
    """Stops every wanted transfer that no open request needs any more."""
    needed = (
        select(request_transfers.c.transfer_id)
        .join(requests, requests.c.id == request_transfers.c.request_id)
        .where(requests.c.stopped_ms.is_(None))
    )
    await connection.execute(
        update(transfers)
        .where(transfers.c.state == TransferState.WANTED, transfers.c.id.not_in(needed))
        .values(state=TransferState.STOPPED, finished_ms=now_ms)
    )


async def sites_of_request(connection: AsyncConnection, request_id: int) -> list[int]:
    rows = await connection.execute(
        select(request_cameras.c.site_id)
        .where(request_cameras.c.request_id == request_id)
        .distinct()
    )
    return [row[0] for row in rows]


async def requests_of(connection: AsyncConnection, transfer_ids: Iterable[int]) -> set[int]:
    """The requests that transfers serve."""
    rows = await connection.execute(
        select(request_transfers.c.request_id).where(
            request_transfers.c.transfer_id.in_(list(transfer_ids))
        )
    )
    return {row[0] for row in rows}


async def wanted_ids(connection: AsyncConnection) -> set[int]:
    rows = await connection.execute(
        select(transfers.c.id).where(transfers.c.state == TransferState.WANTED)
    )
    return {row[0] for row in rows}


async def totals(connection: AsyncConnection) -> tuple[int, int, int]:
    """Over all complete transfers: how many, their bytes, and payload bytes received for them."""
    row = (
        await connection.execute(
            select(
                func.count(),
                func.coalesce(func.sum(transfers.c.size_bytes), 0),
                func.coalesce(func.sum(transfers.c.received_bytes), 0),
            ).where(transfers.c.state == TransferState.COMPLETE)
        )
    ).one()
    return int(row[0]), int(row[1]), int(row[2])
