"""The server against peers that are slow, silent or greedy, and its own end."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from agent.kit import ClientFiles, FleetCa, until
from agent.serving import GET, Stage, answer, ended

from layover_agent import http
from layover_agent.http import Response, Server
from layover_agent.identity import Identity

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
