"""Requests: what people want, and where it stands."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, exists, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from layover_central.core.requests import TERMINAL, Fate, RequestState
from layover_central.errors import Kind, LayoverError
from layover_central.store.rows import new_id
from layover_central.store.schema import request_cameras, requests


@dataclass(frozen=True, slots=True)
class Request:
    """A row of ``requests``; spans are in true time."""

    id: int
    from_ms: int
    to_ms: int
    priority: int
    needed_by_ms: int | None
    reason: str
    case_ref: str
    asked_ms: int
    stopped_ms: int | None
    state: RequestState
    state_ms: int
    why: str
    tally: Mapping[Fate, int]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asks for: cameras per site, one span."""

    cameras: Sequence[tuple[int, str]]
    from_ms: int
    to_ms: int
    priority: int = 0
    needed_by_ms: int | None = None
    reason: str = ""
    case_ref: str = ""


_COLUMNS = tuple(requests.c[name] for name in Request.__dataclass_fields__)


def _request(row: Row[Any]) -> Request:
    values = row._asdict()
    values["state"] = RequestState(values["state"])
    values["tally"] = {Fate(k): v for k, v in json.loads(values["tally"]).items()}
    return Request(**values)


async def add(
    connection: AsyncConnection, wish: Wish, now_ms: int, idempotency_key: str | None
) -> tuple[Request, bool]:
    """A new request, or the one that was made with the same key; whether it is new.

    CONFLICT where the key was used for another wish, or is being used at this very moment.
    """
    if idempotency_key is not None:
        known = (
            await connection.execute(
                select(*_COLUMNS).where(requests.c.idempotency_key == idempotency_key)
            )
        ).first()
        if known is not None:
            return await _same(connection, _request(known), wish), False
    values = {
        "idempotency_key": idempotency_key,
        "from_ms": wish.from_ms,
        "to_ms": wish.to_ms,
        "priority": wish.priority,
        "needed_by_ms": wish.needed_by_ms,
        "reason": wish.reason,
        "case_ref": wish.case_ref,
        "asked_ms": now_ms,
        "state": RequestState.QUEUED,
        "state_ms": now_ms,
        "why": "",
        "tally": "{}",
    }
    try:
        result = await connection.execute(insert(requests).values(values))
    except IntegrityError as error:
        raise LayoverError(
            Kind.CONFLICT,
            "a request with this idempotency key is being made at this moment",
            "Repeat it with the same key: the answer will be that request.",
        ) from error
    request_id = new_id(result)
    await connection.execute(
        insert(request_cameras),
        [
            {"request_id": request_id, "site_id": site_id, "camera": camera}
            for site_id, camera in wish.cameras
        ],
    )
    return await by_id(connection, request_id), True


async def _same(connection: AsyncConnection, known: Request, wish: Wish) -> Request:
    asked = (known.from_ms, known.to_ms, set(await cameras(connection, known.id)))
    if asked != (wish.from_ms, wish.to_ms, set(wish.cameras)):
        raise LayoverError(
            Kind.CONFLICT,
            f"this idempotency key was used for another request ({known.id})",
            "Use a new key for a new request.",
        )
    return known


async def by_id(connection: AsyncConnection, request_id: int) -> Request:
    """NOT_FOUND where there is no such request."""
    row = (await connection.execute(select(*_COLUMNS).where(requests.c.id == request_id))).first()
    if row is None:
        raise LayoverError(
            Kind.NOT_FOUND, f"there is no request {request_id}", "layover requests lists them."
        )
    return _request(row)


async def listing(connection: AsyncConnection, limit: int = 500) -> list[Request]:
    """Youngest first."""
    rows = await connection.execute(select(*_COLUMNS).order_by(requests.c.id.desc()).limit(limit))
    return [_request(row) for row in rows]


async def open_at(connection: AsyncConnection, site_id: int | None = None) -> list[Request]:
    """Requests without a final verdict, of one site or of all, oldest first."""
    query = select(*_COLUMNS).where(requests.c.state.not_in([str(s) for s in TERMINAL]))
    if site_id is not None:
        query = query.where(
            exists().where(
                request_cameras.c.request_id == requests.c.id,
                request_cameras.c.site_id == site_id,
            )
        )
    return [_request(row) for row in await connection.execute(query.order_by(requests.c.id))]


async def cameras(connection: AsyncConnection, request_id: int) -> list[tuple[int, str]]:
    """``(site_id, camera)`` of a request, in a fixed order."""
    rows = await connection.execute(
        select(request_cameras.c.site_id, request_cameras.c.camera)
        .where(request_cameras.c.request_id == request_id)
        .order_by(request_cameras.c.site_id, request_cameras.c.camera)
    )
    return [(row[0], row[1]) for row in rows]


async def set_state(
    connection: AsyncConnection,
    request: Request,
    state: RequestState,
    why: str,
    tally: Mapping[Fate, int],
    now_ms: int,
) -> bool:
    """Writes where a request stands; whether anything changed."""
    sums = {fate: ms for fate, ms in tally.items() if ms}
    if (request.state, request.why, dict(request.tally)) == (state, why, sums):
        return False
    await connection.execute(
        update(requests)
        .where(requests.c.id == request.id)
        .values(
            state=str(state),
            state_ms=now_ms if state is not request.state else request.state_ms,
            why=why,
            tally=json.dumps({str(fate): ms for fate, ms in sums.items()}),
        )
    )
    return True


async def stop(connection: AsyncConnection, request_id: int, now_ms: int) -> Request:
    """Marks a request as stopped by a person. CONFLICT where it has ended already."""
    request = await by_id(connection, request_id)
    if request.state in TERMINAL:
        raise LayoverError(
            Kind.CONFLICT,
            f"request {request_id} has ended already: {request.state}",
            "What it retrieved is in the archive.",
        )
    await connection.execute(
        update(requests).where(requests.c.id == request_id).values(stopped_ms=now_ms)
    )
    return await by_id(connection, request_id)
