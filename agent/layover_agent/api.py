"""The wire's calls, version 1: what central may ask of a box, and nothing more."""

import asyncio
import base64
import logging
import os
import re
import sqlite3
from collections.abc import AsyncGenerator
from typing import Any, TypeVar

from layover_agent.core import ranges
from layover_agent.digests import Hasher
from layover_agent.errors import AgentError
from layover_agent.files import Files, unchanged
from layover_agent.health import Health
from layover_agent.holds import Holds
from layover_agent.http import Request, Response
from layover_agent.manifest import Manifest
from layover_agent.pace import Pace
from layover_agent.rows import Row
from layover_agent.wire.codec import MalformedMessage, decode, encode
from layover_agent.wire.pages import MAX_PAGES, framed
from layover_agent.wire.problem import Reason
from layover_agent.wire.types import MAX_PAGE_ROWS, HoldWish, Queue, SpanWish
from layover_agent.wire.version import (
    API_VERSIONS,
    MEDIA_JSON,
    MEDIA_MSGPACK,
    MEDIA_PAGES,
    RATE_HEADER,
)

log = logging.getLogger(__name__)

_PATH = re.compile(r"/v(\d{1,4})(/.*)")
_RECORDING = re.compile(r"/recordings/([0-9a-f]{32})")
_DIGESTS = re.compile(r"/recordings/([0-9a-f]{32})/digests")
_HOLD = re.compile(r"/holds/([0-9a-f]{32})")
_SPAN = re.compile(r"/span-holds/([A-Za-z0-9._-]{1,64})")
_CONTENT_TYPES = {
    "mp4": "video/mp4",
    "m4s": "video/mp4",
    "mov": "video/quicktime",
    "ts": "video/mp2t",
    "h264": "video/h264",
    "mkv": "video/x-matroska",
    "avi": "video/x-msvideo",
}
MIN_RATE_BPS = 1000
_NO_ROOM = "Make room on the disk of the agent's data folder; see the site's faults."

T = TypeVar("T")


class Api:
    """Answers requests of a peer that has proved to be central."""

    def __init__(
        self, manifest: Manifest, files: Files, hasher: Hasher, holds: Holds, health: Health
    ) -> None:
        self._manifest = manifest
        self._files = files
        self._hasher = hasher
        self._holds = holds
        self._health = health

    async def __call__(self, request: Request) -> Response:
        try:
            return await self._route(request)
        except AgentError as error:
            return _problem(request, error)
        except sqlite3.OperationalError as error:
            log.error("%s %s: %s", request.method, request.path, error)
            why = f"the box cannot write it down: {error}"
            return _problem(request, AgentError(Reason.STORAGE, why, _NO_ROOM))
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            return _problem(request, AgentError(Reason.STORAGE, "the agent failed; see its log"))

    async def _route(self, request: Request) -> Response:
        path = _PATH.fullmatch(request.path)
        if path is None or int(path[1]) not in API_VERSIONS:
            spoken = ", ".join(f"v{version}" for version in API_VERSIONS)
            raise AgentError(Reason.UNSUPPORTED_VERSION, f"{request.path[:100]}: we speak {spoken}")
        match request.method, path[2]:
            case "GET", "/status":
                self._health.contacted()
                return _message(request, await self._health.status())
            case "GET", "/manifest":
                return await self._page(request)
            case (("GET" | "HEAD"), rest) if found := _RECORDING.fullmatch(rest):
                return await self._recording(request, await self._row(found[1]))
            case "GET", rest if found := _DIGESTS.fullmatch(rest):
                _, statement = await self._hasher.of(await self._row(found[1]))
                return _message(request, statement)
            case "PUT", rest if found := _HOLD.fullmatch(rest):
                wish = _read(request, HoldWish)
                hold = await self._holds.place(await self._row(found[1]), wish.lease_s)
                return _message(request, hold)
            case "DELETE", rest if found := _HOLD.fullmatch(rest):
                await self._holds.release(found[1])
                return Response(204)
            case "GET", "/span-holds":
                return _message(request, await self._holds.spans.all())
            case "GET", rest if found := _SPAN.fullmatch(rest):
                span = await self._holds.spans.get(found[1])
                if span is None:
                    raise AgentError(Reason.NOT_FOUND, f"there is no span hold {found[1]}")
                return _message(request, span)
            case "PUT", rest if found := _SPAN.fullmatch(rest):
                wanted = _read(request, SpanWish)
                return _message(request, await self._holds.spans.put(found[1], wanted))
            case "DELETE", rest if found := _SPAN.fullmatch(rest):
                await self._holds.spans.drop(found[1])
                return Response(204)
            case "PUT", "/queue":
                await self._health.told(_read(request, Queue))
                return Response(204)
        raise AgentError(Reason.NOT_FOUND, f"{request.method} {request.path[:100]}")

    async def _row(self, recording_id: str) -> Row:
        row = await self._manifest.get(recording_id)
        if row is None:
            raise AgentError(Reason.NOT_FOUND, f"there is no recording {recording_id}")
        if not row.present:
            raise AgentError(Reason.GONE, "the recorder has deleted it")
        return row

    async def _page(self, request: Request) -> Response:
        """One page, or with ``pages`` up to so many of them, each behind its length."""
        try:
            after = int(request.query.get("after", "0"))
            limit = int(request.query.get("limit", str(MAX_PAGE_ROWS)))
            pages = int(request.query.get("pages", "0"))
        except ValueError as error:
            raise AgentError(
                Reason.BAD_REQUEST, "after, limit and pages are whole numbers"
            ) from error
        if not 0 <= after < 1 << 62 or limit < 1 or not 0 <= pages <= MAX_PAGES:
            raise AgentError(
                Reason.BAD_REQUEST,
                f"after is at least 0, limit at least 1, pages at most {MAX_PAGES}",
            )
        epoch = request.query.get("epoch", "")
        if pages:
            return Response(200, {"Content-Type": MEDIA_PAGES}, self._pages(epoch, after, pages))
        if _media(request) == MEDIA_JSON:
            return _message(request, await self._manifest.page(epoch, after, limit))
        body, _ = await self._manifest.packed_page(epoch, after, limit)
        return Response(200, {"Content-Type": MEDIA_MSGPACK}, body)

    async def _pages(self, epoch: str, after: int, pages: int) -> AsyncGenerator[bytes]:
        with self._hasher.resting():
            for _ in range(pages):
                page, last_seq = await self._manifest.packed_page(epoch, after, MAX_PAGE_ROWS)
                yield framed(page)
                if last_seq is None:
                    return
                epoch, after = self._manifest.epoch, last_seq

    async def _recording(self, request: Request, row: Row) -> Response:
        rate_bps = _rate(request)
        sha256, _ = await self._hasher.of(row)
        etag = f'"{sha256.hex()}"'
        match = request.headers.get("if-match", "*").strip()
        if match != "*" and etag not in ranges.etags(match):
            raise AgentError(Reason.CHANGED, "the recording is not the one asked for")
        condition = request.headers.get("if-range")
        asked = request.headers.get("range")
        if condition is not None and etag not in ranges.etags(condition):
            asked = None
        headers = {
            "Content-Type": _CONTENT_TYPES.get(row.container, "application/octet-stream"),
            "Accept-Ranges": "bytes",
            "ETag": etag,
            "Repr-Digest": f"sha-256=:{base64.b64encode(sha256).decode()}:",
        }
        try:
            span = ranges.wanted(asked, row.size_bytes)
        except ranges.Unsatisfiable as error:
            response = _problem(request, AgentError(Reason.BAD_RANGE, str(error)))
            extra = {"Content-Range": f"bytes */{row.size_bytes}"}
            return Response(416, {**response.headers, **extra}, response.body)
        handle = await asyncio.to_thread(self._files.open, row)
        first, length = (0, row.size_bytes) if span is None else (span.first, span.length)
        if span is not None:
            headers["Content-Range"] = f"bytes {span.first}-{span.last}/{row.size_bytes}"
        status = 200 if span is None else 206
        if request.method == "HEAD":
            os.close(handle)
            return Response(status, headers, b"", length)
        return Response(status, headers, _bytes(handle, row, first, length, rate_bps), length)


async def _bytes(
    handle: int, row: Row, first: int, length: int, rate_bps: int | None
) -> AsyncGenerator[bytes]:
    """Bytes of a held descriptor at a pace. Before the last of them goes out the file is looked
    at again: if it changed, the answer breaks off and cannot be taken for whole."""
    pace = Pace(rate_bps, asyncio.get_running_loop().time)
    try:
        offset, end = first, first + length
        while offset < end:
            want = min(pace.block_bytes, end - offset)
            data = await asyncio.to_thread(os.pread, handle, want, offset)
            offset += len(data)
            if not data or (offset == end and not unchanged(handle, row)):
                raise ConnectionAbortedError("the recording changed while it was sent")
            await pace.wait(len(data))
            yield data
    finally:
        os.close(handle)


def _rate(request: Request) -> int | None:
    text = request.headers.get(RATE_HEADER.lower())
    if text is None:
        return None
    if not text.isdecimal() or not MIN_RATE_BPS <= int(text[:20]) < 1 << 50:
        raise AgentError(
            Reason.BAD_REQUEST, f"{RATE_HEADER} is bits per second, at least {MIN_RATE_BPS}"
        )
    return int(text)


def _read(request: Request, kind: type[T]) -> T:
    media = MEDIA_JSON if "json" in request.headers.get("content-type", "") else MEDIA_MSGPACK
    try:
        return decode(kind, request.body, media)
    except MalformedMessage as error:
        raise AgentError(Reason.BAD_REQUEST, str(error)) from error


def _media(request: Request) -> str:
    return MEDIA_JSON if MEDIA_JSON in request.headers.get("accept", "") else MEDIA_MSGPACK


def _message(request: Request, message: Any) -> Response:
    media = _media(request)
    return Response(200, {"Content-Type": media}, encode(message, media))


def _problem(request: Request, error: AgentError) -> Response:
    media = _media(request)
    problem = error.problem()
    shown = "application/problem+json" if media == MEDIA_JSON else media
    return Response(problem.status, {"Content-Type": shown}, encode(problem, media))
