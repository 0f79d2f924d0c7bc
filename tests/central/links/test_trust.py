"""Who answers: central says nothing to anybody but the site it means."""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from central.links.hostile import Answer, Box, Caller, Hostile, StillClock, always, reply, told

from layover_agent.wire.identity import identity_of_certificate
from layover_central.errors import Kind
from layover_central.links.agent_client import AgentClient
from layover_central.trust.authority import Authority


async def test_the_pin_is_checked_before_a_byte_is_said(hostile: Hostile) -> None:
    """Another box of the same fleet, with a certificate that TLS believes."""
    wrong, right = hostile.client(identity="cd" * 32), hostile.client()
    for _ in range(3):
        with told(Kind.REFUSED):
            await wrong.status()
    assert hostile.heard == b""
    assert wrong.certificate == b""
    with told(Kind.MALFORMED):
        await right.status()
    assert hostile.heard.count(b"GET /v1/status HTTP/1.1") == 1
    assert identity_of_certificate(right.certificate) == hostile.box.identity
    await wrong.close()
    await right.close()


async def test_a_site_of_another_fleet_hears_nothing(
    box: Box, other_fleet: Authority, tmp_path: Path
) -> None:
    foreign = Hostile(Box(other_fleet, tmp_path / "foreign"))
    async with foreign.serving(foreign.box.context()):
        client = Hostile(box, port=foreign.port).client(identity=foreign.box.identity)
        with told(Kind.REFUSED):
            await client.status()
        await client.close()
    assert foreign.heard == b""


@contextlib.contextmanager
def plain_tls(context: ssl.SSLContext) -> Iterator[int]:
    """One handshake by a blocking server, which says with an alert why it refuses; its port."""

    def shake() -> None:
        raw, _ = listener.accept()
        with context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False) as tls:
            with contextlib.suppress(ssl.SSLError):
                tls.do_handshake()
            socket.socket.shutdown(tls, socket.SHUT_WR)
            while socket.socket.recv(tls, 4096):
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=shake)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)


async def test_a_site_that_does_not_trust_central_refuses(box: Box, other_fleet: Authority) -> None:
    with plain_tls(box.context(trusted=other_fleet.ca_pem)) as port:
        client = Hostile(box, port=port).client()
        with told(Kind.REFUSED):
            await client.status()
        await client.close()


async def plain_http(caller: Caller) -> None:
    await caller.reader.read(1)
    await caller.send(reply("400 Bad Request"))


async def at_once_gone(caller: Caller) -> None:
    pass


async def gone_after_hello(caller: Caller) -> None:
    await caller.reader.read(1)


async def noise(caller: Caller) -> None:
    await caller.reader.read(1)
    await caller.send(bytes(range(256)) * 40)


HANDSHAKES = {
    "hangs up at once": (at_once_gone, Kind.UNREACHABLE),
    "hangs up within the handshake": (gone_after_hello, Kind.UNREACHABLE),
    "speaks plain HTTP": (plain_http, Kind.REFUSED),
    "speaks noise": (noise, Kind.REFUSED),
}


@pytest.mark.parametrize(("answer", "kind"), HANDSHAKES.values(), ids=HANDSHAKES.keys())
async def test_a_handshake_that_fails(box: Box, answer: Answer, kind: Kind) -> None:
    hostile = Hostile(box, answer=answer)
    async with hostile.serving(None):
        client = hostile.client()
        with told(kind):
            await client.status()
        await client.close()


async def test_nobody_listens(box: Box) -> None:
    client = Hostile(box, port=1).client()
    with told(Kind.UNREACHABLE):
        await client.status()
    await client.close()


async def silent(caller: Caller) -> None:
    await caller.gone()


async def test_a_handshake_that_never_ends_is_given_up(box: Box) -> None:
    hostile = Hostile(box, answer=silent)
    async with hostile.serving(None):
        client = hostile.client(timeout_s=0.2)
        with told(Kind.UNREACHABLE):
            await client.status()
        await client.close()
        await hostile.left()


async def test_a_call_that_is_cancelled_in_the_handshake_hangs_up(box: Box) -> None:
    hostile = Hostile(box, answer=silent)
    async with hostile.serving(None):
        client = hostile.client(timeout_s=60)
        call = asyncio.create_task(client.status())
        async with asyncio.timeout(5):
            while not hostile.heard:
                await asyncio.sleep(0.01)
        call.cancel()
        await asyncio.wait([call])
        await hostile.left()
        await client.close()


async def test_a_bit_that_flips_on_the_way_is_a_broken_link_and_no_distrust(box: Box) -> None:
    """TLS notices; the site is not to blame, and the next try may do."""
    hostile = Hostile(box, answer=always(reply(body=b"x" * 5000)))
    async with hostile.serving(box.context()):

        async def flipping(caller: Caller) -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", hostile.port)
            upstream = Caller(reader, writer)

            async def up() -> None:
                while data := await caller.reader.read(65536):
                    await upstream.send(data)

            async def down() -> None:
                while data := await reader.read(65536):
                    if len(data) > 4000:
                        data = data[:3000] + bytes([data[3000] ^ 1]) + data[3001:]
                    await caller.send(data)

            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(up())
                    group.create_task(down())
            except* ConnectionError:
                pass
            finally:
                writer.transport.abort()

        link = Hostile(box, answer=flipping)
        async with link.serving(None):
            client = link.client()
            with told(Kind.UNREACHABLE):
                await client.status()
            await client.close()


ODD_ADDRESSES = [
    "[fe80::1%25lo]:1",
    "[fe80::1%1]:1",
    "[::1]:1",
    "no.such.name.invalid:1",
    "under_score:1",
    f"{'a' * 64}.example:1",
    "127.0.0.1:99999",
    "127.0.0.1:x",
    "a b:1",
    "",
]


@pytest.mark.parametrize("address", ODD_ADDRESSES)
async def test_an_address_that_cannot_be_dialled_is_out_of_reach(box: Box, address: str) -> None:
    """Announced addresses come from anybody on the network."""
    client = AgentClient(box.authority, StillClock(), address, box.identity, 2.0)
    with told(Kind.UNREACHABLE):
        await client.status()
    await client.close()
