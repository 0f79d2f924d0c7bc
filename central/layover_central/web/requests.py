"""Requests: asked, listed, looked into, stopped."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response

from layover_central import fulfilment
from layover_central.changes import Topic
from layover_central.core.requests import RequestState
from layover_central.errors import Kind, LayoverError
from layover_central.store import requests, sites, transfers
from layover_central.web import reads
from layover_central.web.asking import understand
from layover_central.web.models import RequestDetail, RequestOut
from layover_central.web.parts import Here, Id
from layover_central.web.problems import documented
from layover_central.web.request_view import request_detail, requests_out
from layover_central.web.said import RequestIn, Text

router = APIRouter(prefix="/requests", tags=["requests"])

MAX_KEY = 128


@router.post(
    "",
    status_code=201,
    summary="Ask for footage",
    description="Stored for good before it is answered; the sites need not be in reach. Times "
    "without an offset are read in the depot's zone. With an `Idempotency-Key`, repeating the "
    "request answers 200 with the one that exists.",
    responses={
        200: {"model": RequestOut, "description": "Known by its Idempotency-Key"},
        **documented(Kind.BAD_INPUT, Kind.NOT_FOUND, Kind.CONFLICT),
    },
)
async def ask(
    central: Here,
    asked: RequestIn,
    response: Response,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> RequestOut:
    key = _checked_key(idempotency_key)
    now_ms = central.clock.now_ms()
    async with central.store.begin() as connection:
        understood = await understand(connection, asked, now_ms)
        request, new = await requests.add(connection, understood.wish, now_ms, key)
    if new:
        request = await fulfilment.review(central, request.id)
        central.changes.publish(Topic.REQUESTS)
    else:
        response.status_code = 200
    async with central.store.begin() as connection:
        return (await requests_out(central, connection, [request], understood.notes))[0]


@router.get(
    "", summary="Requests, youngest first", responses=documented(Kind.BAD_INPUT, Kind.NOT_FOUND)
)
async def listing(
    central: Here,
    state: RequestState | None = None,
    site: Text | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[RequestOut]:
    async with central.store.begin() as connection:
        site_id = None if site is None else (await sites.labelled(connection, site)).id
        found = await reads.matching_requests(connection, state, site_id, limit)
        return await requests_out(central, connection, found)


@router.get(
    "/{request_id}",
    summary="One request: what became of every stretch, and its transfers",
    responses=documented(Kind.BAD_INPUT, Kind.NOT_FOUND),
)
async def show(central: Here, request_id: Id) -> RequestDetail:
    return await request_detail(central, request_id)


@router.post(
    "/{request_id}/stop",
    summary="Stop a request; what it retrieved stays",
    responses=documented(Kind.BAD_INPUT, Kind.NOT_FOUND, Kind.CONFLICT),
)
async def stop(central: Here, request_id: Id) -> RequestOut:
    now_ms = central.clock.now_ms()
    async with central.store.begin() as connection:
        await requests.stop(connection, request_id, now_ms)
        await transfers.stop_orphans(connection, now_ms)
    request = await fulfilment.review(central, request_id)
    central.changes.publish(Topic.REQUESTS)
    central.changes.publish(Topic.TRANSFERS)
    async with central.store.begin() as connection:
        return (await requests_out(central, connection, [request]))[0]


def _checked_key(key: str | None) -> str | None:
    if key is None:
        return None
    if not 1 <= len(key) <= MAX_KEY or not key.isascii() or not key.isprintable():
        raise LayoverError(
            Kind.BAD_INPUT, f"Idempotency-Key: 1 to {MAX_KEY} printable ASCII characters"
        )
    return key
