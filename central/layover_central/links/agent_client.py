"""Central's side of the wire: one site, every call checked, every failure one of ours."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote

import httpcore
import httpx

from layover_agent.wire.codec import MalformedMessage, decode, encode
from layover_agent.wire.pages import MAX_PAGES, Frames, unpacked
from layover_agent.wire.statement import ForgedStatement, verified
from layover_agent.wire.types import (
    Digests,
    Hold,
    HoldWish,
    ManifestPage,
    Queue,
    Recording,
    SignedStatement,
    Status,
)
from layover_agent.wire.version import API_VERSIONS, MEDIA_MSGPACK, RATE_HEADER, negotiate
from layover_central.clock import Clock
from layover_central.core.resume import ByteSpan, judge_head
from layover_central.errors import Kind, LayoverError
from layover_central.links.failures import bounded, failures, refusal
from layover_central.links.pool import PoolTransport
from layover_central.links.stream import SiteBackend
from layover_central.trust.authority import Authority

T = TypeVar("T")

CONNECTIONS = 12
"""Greatest number of connections to one site: its parallel recordings and the calls beside."""

LAST_MS = 253_402_300_799_999
"""The end of the year 9999. Times beyond it, or as far before 1970, are no site's word but a lie:
they would overflow what we compute and store."""


@dataclass(frozen=True, slots=True)
class Sounding:
    """What one status call tells of the site's clock: true time = site time + offset."""

    offset_ms: int
    uncertainty_ms: int


class AgentClient:
    """Calls to one site at one address. Errors: LayoverError of the kinds a site can cause."""

    def __init__(
        self, authority: Authority, clock: Clock, address: str, identity: str, timeout_s: float
    ) -> None:
        self.address = address
        self.identity = identity
        self.certificate = b""
        """The certificate (DER) that the site showed; empty before the first call."""
        self._clock = clock
        self._base = f"https://{address}/v{API_VERSIONS[0]}"
        pool = httpcore.AsyncConnectionPool(
            ssl_context=authority.client_context,
            max_connections=CONNECTIONS,
            max_keepalive_connections=CONNECTIONS,
            keepalive_expiry=60,
            http2=False,
            network_backend=SiteBackend(identity, self._saw),
        )
        self._http = httpx.AsyncClient(
            transport=PoolTransport(pool),
            timeout=timeout_s,
            follow_redirects=False,
            trust_env=False,
            headers={"Accept": MEDIA_MSGPACK, "Accept-Encoding": "identity"},
        )

    def _saw(self, certificate: bytes) -> None:
        self.certificate = certificate

    async def close(self) -> None:
        await self._http.aclose()

    async def status(self) -> tuple[Status, Sounding]:
        """Who the site is and how it is, and how far its clock is off."""
        sent_ms = self._clock.now_ms()
        status = await self._call("GET", "/status", Status)
        back_ms = self._clock.now_ms()
        if status.identity != self.identity:
            raise LayoverError(Kind.MALFORMED, "the site gives an identity that is not its key's")
        if abs(status.clock.wall_ms) > LAST_MS or "\0" in status.link:
            raise LayoverError(Kind.MALFORMED, "the site gives an impossible clock or link")
        if negotiate(API_VERSIONS, status.api_versions) is None:
            raise LayoverError(
                Kind.REFUSED,
                f"the site speaks wire versions {status.api_versions}, we {list(API_VERSIONS)}",
                "Bring the agent or central up to date.",
            )
        middle_ms = (sent_ms + back_ms) // 2
        sounding = Sounding(middle_ms - status.clock.wall_ms, (back_ms - sent_ms + 1) // 2)
        return status, sounding

    async def changes(self, epoch: str, after: int) -> AsyncGenerator[ManifestPage]:
        """Pages of the changes after ``after``, as they arrive in one answer: up to the site's
        head, or a good part of the way (go on from the last row). Rows come in ascending order
        of ``seq``."""
        position = (epoch, after)
        url = f"{self._base}/manifest?epoch={_word(epoch)}&after={after}&pages={MAX_PAGES}"
        frames = Frames()
        with failures():
            async with self._http.stream("GET", url) as response:
                if response.status_code != 200:
                    raise refusal(response.status_code, await bounded(response))
                async for part in response.aiter_raw():
                    for data in frames.fed(part):
                        page = await asyncio.to_thread(unpacked, data)
                        _check(page, position)
                        position = (page.epoch, page.rows[-1].seq if page.rows else page.head_seq)
                        yield page
        if not frames.empty:
            raise LayoverError(Kind.UNREACHABLE, "the site's manifest broke off")

    async def digests(self, recording_id: str) -> tuple[Digests, SignedStatement]:
        """The site's signed word for a recording, checked; it may take as long as hashing does."""
        statement = await self._call(
            "GET", f"/recordings/{_word(recording_id)}/digests", SignedStatement, timeout_s=120
        )
        try:
            digests = verified(statement, self.certificate, self.identity)
        except (ForgedStatement, MalformedMessage) as error:
            raise LayoverError(Kind.MALFORMED, f"digest statement refused: {error}") from error
        if digests.recording_id != recording_id:
            raise LayoverError(Kind.MALFORMED, "the digest statement is of another recording")
        return digests, statement

    async def hold(self, recording_id: str, lease_s: int) -> Hold:
        return await self._call(
            "PUT", f"/holds/{_word(recording_id)}", Hold, body=encode(HoldWish(lease_s=lease_s))
        )

    async def release(self, recording_id: str) -> None:
        await self._tell("DELETE", f"/holds/{_word(recording_id)}", allowed=(200, 204, 404))

    async def queue(self, queue: Queue) -> None:
        """Tells the site what waits for it here, for whoever stands next to it."""
        await self._tell("PUT", "/queue", encode(queue), allowed=(200, 204))

    @asynccontextmanager
    async def span(
        self, recording_id: str, asked: ByteSpan, size_bytes: int, etag: str, rate_bps: int | None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The asked bytes, sent by the site at no more than ``rate_bps`` of payload.

        The iterator ends after exactly the asked bytes, or raises; whatever it gave out before
        an error is good to keep.
        """
        headers = {
            "Range": f"bytes={asked.first}-{asked.last}",
            "If-Match": etag,
            "Accept": "application/octet-stream, application/msgpack",
        }
        if rate_bps is not None:
            headers[RATE_HEADER] = str(rate_bps)
        url = f"{self._base}/recordings/{_word(recording_id)}"
        with failures():
            async with self._http.stream("GET", url, headers=headers) as response:
                if response.status_code >= 400:
                    body = await bounded(response)
                    raise refusal(response.status_code, body)
                bad = judge_head(asked, size_bytes, etag, response.status_code, response.headers)
                if bad is not None:
                    raise LayoverError(*bad)
                yield _exactly(response, asked.length)

    async def _tell(
        self, method: str, path: str, body: bytes | None = None, *, allowed: tuple[int, ...]
    ) -> None:
        """A call whose answer has nothing to say."""
        headers = {"Content-Type": MEDIA_MSGPACK} if body is not None else {}
        with failures():
            async with self._http.stream(
                method, self._base + path, content=body, headers=headers
            ) as response:
                data = await bounded(response)
                if response.status_code not in allowed:
                    raise refusal(response.status_code, data)

    async def _call(
        self,
        method: str,
        path: str,
        kind: type[T],
        *,
        body: bytes | None = None,
        timeout_s: float | None = None,
    ) -> T:
        headers = {"Content-Type": MEDIA_MSGPACK} if body is not None else {}
        timeout = httpx.USE_CLIENT_DEFAULT if timeout_s is None else httpx.Timeout(timeout_s)
        with failures():
            async with self._http.stream(
                method, self._base + path, content=body, headers=headers, timeout=timeout
            ) as response:
                data = await bounded(response)
                if response.status_code != 200:
                    raise refusal(response.status_code, data)
                return decode(kind, data)


def _word(text: str) -> str:
    """A site's own word, as one component of a path or a query."""
    return quote(text, safe="")


def _check(page: ManifestPage, position: tuple[str, int]) -> None:
    """MALFORMED where a page does not go on from a position, or cannot be true."""
    epoch, after = position
    begin = after if page.epoch == epoch else 0
    seqs = [begin, *(row.seq for row in page.rows)]
    if any(a >= b for a, b in itertools.pairwise(seqs)):
        raise LayoverError(Kind.MALFORMED, "the site's manifest page is out of order")
    if not (_possible(page) and all(map(_possible_row, page.rows))):
        raise LayoverError(Kind.MALFORMED, "the site's manifest has an impossible recording")


def _possible(page: ManifestPage) -> bool:
    return abs(page.as_of_ms) <= LAST_MS and "\0" not in page.epoch


def _possible_row(row: Recording) -> bool:
    texts = (row.id, row.camera, row.container, row.end_source, row.confidence, row.kind)
    return (
        row.size_bytes >= 0
        and -LAST_MS <= row.start_ms <= row.end_ms <= LAST_MS
        and abs(row.gone_ms) <= LAST_MS
        and not any("\0" in text for text in texts)
    )


async def _exactly(response: httpx.Response, length: int) -> AsyncIterator[bytes]:
    """The body, held to its length: an early end is a failure even where it looks clean."""
    left = length
    with failures():
        async for part in response.aiter_raw():
            if len(part) > left:
                raise LayoverError(Kind.MALFORMED, "the site sends more than it promised")
            left -= len(part)
            yield part
    if left:
        raise LayoverError(Kind.UNREACHABLE, f"the site stopped {left} bytes early")
