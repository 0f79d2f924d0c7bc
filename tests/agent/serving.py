"""A server on a real socket, and what its tests ask and hear."""

import asyncio
import hashlib
import os
import ssl
from collections.abc import Callable

import httpx

from layover_agent.http import Request, Response
from layover_agent.wire.codec import decode
from layover_agent.wire.problem import STATUS_OF, Problem, Reason

DATA = os.urandom(700_000)
ETAG = f'"{hashlib.sha256(DATA).hexdigest()}"'


Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Stage:
    """A handler that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.answer: Callable[[Request], Response] = lambda _: Response(200, {}, b"hello")

    async def __call__(self, request: Request) -> Response:
        self.asked.append(request)
        return self.answer(request)


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if b"content-length" in line.lower()
    )
    return int(head.split()[1]), await reader.readexactly(length)


async def ended(reader: asyncio.StreamReader, timeout_s: float = 5) -> bytes:
    """What still comes before the server ends the connection."""
    async with asyncio.timeout(timeout_s):
        try:
            return await reader.read()
        except (ConnectionError, ssl.SSLError):
            return b""


GET = b"GET /a HTTP/1.1\r\nHost: box\r\n\r\n"


def reason(response: httpx.Response) -> Reason:
    problem = decode(Problem, response.content)
    assert problem.status == response.status_code == STATUS_OF[Reason(problem.code)]
    assert problem.title
    assert problem.hint
    return Reason(problem.code)
