"""A site's and central's ends of a real link."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
from sim.kit import Ends

from layover_sim.link import Link


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    loop = asyncio.get_running_loop()
    accepted: asyncio.Queue[socket.socket] = asyncio.Queue()
    sockets: list[socket.socket] = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)

        async def accept() -> None:
            while True:
                sock, _ = await loop.sock_accept(listener)
                sockets.append(sock)
                accepted.put_nowait(sock)

        accepting = loop.create_task(accept())
        link = Link(lambda: listener.getsockname())
        await link.up()
        yield Ends(link, accepted, sockets)
        await link.close()
        accepting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await accepting
    for sock in sockets:
        sock.close()
