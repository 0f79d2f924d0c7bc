"""The server against peers that are slow, silent, greedy or wrong. Real sockets throughout."""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path

import pytest
from agent.kit import ClientFiles, FleetCa, until

from layover_agent import http
from layover_agent.http import Request, Response, Server
from layover_agent.identity import Identity

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Stage:
    """A handler that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.answer: Callable[[Request], Response] = lambda _: Response(200, {}, b"hello")

    async def __call__(self, request: Request) -> Response:
        self.asked.append(request)
        return self.answer(request)


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
async def server(stage: Stage, fleet: FleetCa, tmp_path: Path) -> AsyncIterator[tuple[Server, int]]:
    identity = Identity(tmp_path / "identity")
    identity.install(fleet.bundle(identity.certificate_request(), identity.id))
    made = Server(stage, identity.server_context(), identity.accepts)
    async with made.listening("127.0.0.1", 0) as port:
        yield made, port


@pytest.fixture
def dial(server: tuple[Server, int], central: ClientFiles):  # type: ignore[no-untyped-def]
    context = central.context()

    @contextlib.asynccontextmanager
    async def dialled(
        tls: ssl.SSLContext | None = context, **options: int
    ) -> AsyncIterator[Stream]:
        reader, writer = await asyncio.open_connection("127.0.0.1", server[1], ssl=tls, **options)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    return dialled


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


async def test_requests_follow_each_other_on_one_connection(dial, stage: Stage) -> None:  # type: ignore[no-untyped-def]
    async with dial() as (reader, writer):
        for _ in range(3):
            writer.write(GET)
            assert await answer(reader) == (200, b"hello")
        writer.write(GET + GET)
        assert await answer(reader) == (200, b"hello")
        assert await answer(reader) == (200, b"hello")
    assert len(stage.asked) == 5


async def test_the_request_arrives_as_it_was_sent(dial, stage: Stage) -> None:  # type: ignore[no-untyped-def]
    async with dial() as (reader, writer):
        writer.write(
            b"PUT /v1/x?a=1&b=%C3%BC&a=2&c= HTTP/1.1\r\nHost: b\r\nX-Y: Z\r\n"
            b"Content-Length: 3\r\n\r\nabc"
        )
        await answer(reader)
    (request,) = stage.asked
    assert (request.method, request.path, request.body) == ("PUT", "/v1/x", b"abc")
    assert request.query == {"a": "2", "b": "ü", "c": ""}
    assert request.headers["x-y"] == "Z"


async def test_a_chunked_body_arrives_whole(dial, stage: Stage) -> None:  # type: ignore[no-untyped-def]
    async with dial() as (reader, writer):
        writer.write(
            b"PUT /x HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        )
        await answer(reader)
    assert stage.asked[0].body == b"abcde"


async def test_a_head_request_has_the_length_and_no_body(dial, stage: Stage) -> None:  # type: ignore[no-untyped-def]
    stage.answer = lambda _: Response(200, {}, b"", 12345)
    async with dial() as (reader, writer):
        writer.write(b"HEAD /a HTTP/1.1\r\nHost: box\r\nConnection: close\r\n\r\n")
        assert b"Content-Length: 12345" in (said := await ended(reader))
        assert said.endswith(b"\r\n\r\n")


WRONG = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "no host": b"GET /a HTTP/1.1\r\n\r\n",
    "two lengths": b"PUT /a HTTP/1.1\r\nHost: b\r\n"
    b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a length of letters": b"PUT /a HTTP/1.1\r\nHost: b\r\nContent-Length: abc\r\n\r\n",
    "a negative length": b"PUT /a HTTP/1.1\r\nHost: b\r\nContent-Length: -1\r\n\r\n",
    "a body announced too long": b"PUT /a HTTP/1.1\r\nHost: b\r\nContent-Length: 65537\r\n\r\n"
    + b"x" * 65537,
    "a head without end": b"GET /a HTTP/1.1\r\nHost: b\r\nX: " + b"x" * 40_000,
    "a control character": b"GET /a\x01 HTTP/1.1\r\nHost: b\r\n\r\n",
    "an address nobody can read": b"GET http://[ HTTP/1.1\r\nHost: b\r\n\r\n",
    "a query of a thousand fields": b"GET /a?" + b"a=1&" * 1000 + b" HTTP/1.1\r\nHost: b\r\n\r\n",
}


@pytest.mark.parametrize("case", WRONG)
async def test_what_is_no_request_is_refused_and_never_handled(
    dial, stage: Stage, case: str, caplog: pytest.LogCaptureFixture
) -> None:  # type: ignore[no-untyped-def]
    async with dial() as (reader, writer):
        writer.write(WRONG[case])
        said = await ended(reader)
    assert said.startswith(b"HTTP/1.1 4"), said[:80]
    assert stage.asked == []
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR]


async def test_a_peer_that_speaks_no_tls_gets_nothing(dial, stage: Stage) -> None:  # type: ignore[no-untyped-def]
    async with dial(None) as (reader, writer):
        writer.write(GET)
        assert b"hello" not in await ended(reader)
    assert stage.asked == []


SILENT = {
    "no handshake": ("HANDSHAKE_S", None, b""),
    "half a handshake": ("HANDSHAKE_S", None, b"\x16\x03\x01\x02\x00\x01"),
    "nothing after the handshake": ("HEAD_S", True, b""),
    "half a head": ("HEAD_S", True, b"GET /a HTTP/1.1\r\nHost: b\r\n"),
    "half a body": ("BODY_S", True, b"PUT /a HTTP/1.1\r\nHost: b\r\nContent-Length: 9\r\n\r\nabc"),
    "an idle connection": ("IDLE_S", True, GET),
}


@pytest.mark.parametrize("case", SILENT)
async def test_silence_has_a_deadline(
    dial, server: tuple[Server, int], case: str, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    deadline, secure, said = SILENT[case]
    monkeypatch.setattr(http, deadline, 0.3)
    options = {} if secure else {"tls": None}
    async with dial(**options) as (reader, writer):
        writer.write(said)
        await ended(reader)
        await until(lambda: not server[0]._open, "the end of the connection")


async def test_a_head_that_drips_is_no_reason_to_wait(
    dial, server: tuple[Server, int], monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(http, "HEAD_S", 0.5)
    loop = asyncio.get_running_loop()
    async with dial() as (reader, writer):
        began = loop.time()
        with contextlib.suppress(ConnectionError):
            for byte in GET[:-1]:
                writer.write(bytes([byte]))
                await asyncio.sleep(0.05)
                if not server[0]._open:
                    break
        assert loop.time() - began < 1.5
        assert await ended(reader) == b""


async def test_a_reader_that_stops_reading_is_cut_off(
    dial, stage: Stage, server: tuple[Server, int], monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(http, "SEND_S", 0.5)
    closed = asyncio.Event()

    async def endless() -> AsyncGenerator[bytes]:
        try:
            while True:
                yield bytes(65536)
        finally:
            closed.set()

    stage.answer = lambda _: Response(200, {}, endless(), 1 << 40)
    async with dial(limit=1000) as (_, writer):
        writer.write(GET)
        async with asyncio.timeout(10):
            await closed.wait()
        await until(lambda: not server[0]._open, "the end of the connection")


async def test_a_slow_reader_that_goes_on_reading_gets_everything(
    dial, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    """A weak cellular link is no silence: the deadline is for the next byte, not the next block."""
    monkeypatch.setattr(http, "SEND_S", 0.2)
    blocks, block = 6, 4 << 20

    async def body() -> AsyncGenerator[bytes]:
        for _ in range(blocks):
            yield bytes(block)

    stage.answer = lambda _: Response(200, {}, body(), blocks * block)
    async with dial(limit=20_000) as (reader, writer):
        writer.write(GET)
        await reader.readuntil(b"\r\n\r\n")
        got = 0
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while got < blocks * block:
                got += len(await reader.readexactly(65_536))
                await asyncio.sleep(0.005)
        assert got == blocks * block


async def test_a_body_that_fails_never_looks_whole(dial, stage: Stage) -> None:  # type: ignore[no-untyped-def]
    async def body() -> AsyncGenerator[bytes]:
        yield b"x" * 10
        raise ConnectionAbortedError("the recording changed")

    stage.answer = lambda _: Response(200, {}, body(), 20)
    async with dial() as (reader, writer):
        writer.write(GET)
        said = await ended(reader)
    assert len(said.partition(b"\r\n\r\n")[2]) < 20


@pytest.mark.parametrize("parts", [[b"x" * 10], [b"x" * 30]])
async def test_a_body_of_another_length_than_promised_never_looks_whole(
    dial, stage: Stage, parts: list[bytes], server: tuple[Server, int]
) -> None:  # type: ignore[no-untyped-def]
    async def body() -> AsyncGenerator[bytes]:
        for part in parts:
            yield part

    stage.answer = lambda _: Response(200, {}, body(), 20)
    async with dial() as (reader, writer):
        writer.write(GET)
        said = await ended(reader)
        await until(lambda: not server[0]._open, "the end of the connection")
    assert len(said.partition(b"\r\n\r\n")[2]) != 20


async def test_one_address_gets_only_its_share_and_a_closed_connection_makes_room(
    dial, server: tuple[Server, int]
) -> None:  # type: ignore[no-untyped-def]
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(http.MAX_PER_ADDRESS):
            await stack.enter_async_context(dial(None))
        await until(lambda: len(server[0]._open) == http.MAX_PER_ADDRESS, "as many connections")
        with pytest.raises((OSError, ssl.SSLError, asyncio.IncompleteReadError)):
            async with dial() as (reader, writer):
                writer.write(GET)
                await answer(reader)
    await until(lambda: not server[0]._open, "the end of the connections")
    async with dial() as (reader, writer):
        writer.write(GET)
        assert await answer(reader) == (200, b"hello")


async def test_three_hundred_half_sent_requests_keep_nobody_out(
    dial, server: tuple[Server, int], monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(http, "HEAD_S", 0.5)
    monkeypatch.setattr(http, "HANDSHAKE_S", 0.5)
    loris = []
    for _ in range(300):
        _, writer = await asyncio.open_connection("127.0.0.1", server[1])
        writer.write(b"\x16\x03\x01")
        loris.append(writer)
    assert len(server[0]._open) <= http.MAX_PER_ADDRESS
    await until(lambda: not server[0]._open, "the end of the half-sent requests")
    async with dial() as (reader, writer):
        writer.write(GET)
        assert await answer(reader) == (200, b"hello")
    for writer in loris:
        writer.transport.abort()


async def test_a_hundred_handshakes_in_a_row_all_succeed(dial) -> None:  # type: ignore[no-untyped-def]
    """A first byte that arrives with the connection is not lost before TLS begins."""
    for _ in range(100):
        async with dial() as (reader, writer):
            writer.write(GET)
            async with asyncio.timeout(5):
                assert await answer(reader) == (200, b"hello")


async def test_the_end_of_the_server_ends_open_connections_at_once(
    stage: Stage, fleet: FleetCa, central: ClientFiles, tmp_path: Path
) -> None:
    identity = Identity(tmp_path / "identity")
    identity.install(fleet.bundle(identity.certificate_request(), identity.id))
    server = Server(stage, identity.server_context(), identity.accepts)

    async def endless() -> AsyncGenerator[bytes]:
        while True:
            yield bytes(1000)
            await asyncio.sleep(0.01)

    stage.answer = lambda _: Response(200, {}, endless(), 1 << 40)
    async with asyncio.timeout(5):
        async with server.listening("127.0.0.1", 0) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=central.context())
            writer.write(GET)
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(1000)
        await ended(reader)
        writer.transport.abort()
