"""Plain sockets as the two ends of a simulated link, and a way to wait for what must happen."""

import asyncio
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from layover_sim.link import Link


async def eventually(condition: Callable[[], bool], within_s: float = 10.0) -> None:
    """Waits for a condition, and fails where it does not come true in time."""
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, "did not happen in time"
        await asyncio.sleep(0.01)


@dataclass
class Received:
    """What arrived at one end until the connection ended, and how it ended."""

    data: bytearray = field(default_factory=bytearray)
    reset: bool = False


@dataclass
class Ends:
    """A site behind a link that is up: ``accepted`` are its ends of the connections."""

    link: Link
    accepted: asyncio.Queue[socket.socket]
    sockets: list[socket.socket]

    async def connect(self) -> tuple[socket.socket, socket.socket]:
        """A connection through the link: central's end and the site's."""
        loop = asyncio.get_running_loop()
        central = socket.socket()
        central.setblocking(False)
        self.sockets.append(central)
        await loop.sock_connect(central, ("127.0.0.1", self.link.port))
        return central, await asyncio.wait_for(self.accepted.get(), 5)


async def receive(sock: socket.socket) -> Received:
    """Reads to the end, be it orderly or a reset."""
    found = Received()
    loop = asyncio.get_running_loop()
    try:
        while block := await asyncio.wait_for(loop.sock_recv(sock, 65_536), 30):
            found.data += block
    except ConnectionResetError:
        found.reset = True
    return found


async def send_and_end(sock: socket.socket, data: bytes) -> None:
    """Sends everything and says so."""
    await asyncio.get_running_loop().sock_sendall(sock, data)
    sock.shutdown(socket.SHUT_WR)
