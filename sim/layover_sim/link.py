"""A link between a site and central: a TCP proxy that shapes, delays, cuts and stalls.

It knows nothing of what passes and changes no byte of it (unless told to flip one). What is in
flight when the link is cut is gone, as on the air.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable

from layover_sim.lane import Lane, Shaper
from layover_sim.meter import Meter
from layover_sim.pipe import Pipe

SOCKET_BUFFER_BYTES = 32 << 10
"""Small, so that a shaped rate is felt by the sender at once."""

_HOST = "127.0.0.1"


class Link:
    """One site's link, from central's side: a port that leads to the agent while it is up.

    A rate is per direction and shared by all connections. An outage is one of two kinds:
    ``down_now`` refuses and resets, ``stall`` says nothing at all, to old connections and new.
    """

    def __init__(
        self, target: Callable[[], tuple[str, int]], *, delay_s: float = 0.0, port: int = 0
    ) -> None:
        """``target`` is asked for the agent's address at every connection; OSError: refused.

        The link is down at first. Its ``port`` (0: a free one) is its own until ``close``.
        ``delay_s`` is one way.
        """
        self._target = target
        now_s = asyncio.get_running_loop().time
        self.from_site = Lane(now_s, delay_s)
        self.to_site = Lane(now_s, delay_s)
        self.connected = asyncio.Event()
        """Set once a connection has reached the agent."""
        self._connections: set[asyncio.Task[None]] = set()
        self._accepting: asyncio.Task[None] | None = None
        # Bound but never listening: keeps the port ours, and refused, while the link is down.
        self._claim = _socket()
        self._claim.bind((_HOST, port))
        self.port = int(self._claim.getsockname()[1])

    @property
    def down(self) -> Shaper:
        """Shapes what the site sends."""
        return self.from_site.shaper

    @property
    def meter(self) -> Meter:
        """Counts what the site sent and central received."""
        return self.from_site.meter

    @property
    def depot_meter(self) -> Meter | None:
        """Counts the same for a whole depot, where several links share one meter."""
        return self.from_site.depot_meter

    @depot_meter.setter
    def depot_meter(self, meter: Meter | None) -> None:
        self.from_site.depot_meter = meter

    def set_rate(self, rate_bps: int | None) -> None:
        """The rate of each direction from now on; None: unlimited."""
        self.from_site.shaper.rate_bps = rate_bps
        self.to_site.shaper.rate_bps = rate_bps

    def set_delay(self, delay_s: float) -> None:
        """The delay each way, for what is read from now on."""
        self.from_site.delay_s = delay_s
        self.to_site.delay_s = delay_s

    async def up(self) -> None:
        """The site is in reach."""
        self.flow()
        if self._accepting is None:
            listener = _socket()
            listener.bind((_HOST, self.port))
            listener.listen()
            self._accepting = asyncio.get_running_loop().create_task(self._accept(listener))

    async def down_now(self) -> None:
        """The site drives off: nothing answers any more, and everything open is reset."""
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.gather(self._accepting, return_exceptions=True)
            self._accepting = None
        await self.cut()

    async def cut(self) -> None:
        """Resets everything that is open; new connections are let through again."""
        await self._reset_all()

    def cut_after(self, size_bytes: int) -> None:
        """Resets everything once so many more bytes (at least 1) have come from the site."""
        if size_bytes < 1:
            raise ValueError("a cut after no bytes is cut()")
        self.from_site.cut_at_bytes = self.meter.total_bytes + size_bytes

    def flip_after(self, size_bytes: int) -> None:
        """Flips one bit of the byte that comes after so many more bytes from the site."""
        self.from_site.flip_at_bytes = self.meter.total_bytes + size_bytes

    def stall(self) -> None:
        """Nothing passes, and nobody is told."""
        self.from_site.flowing.clear()
        self.to_site.flowing.clear()

    def flow(self) -> None:
        """Ends a stall: what waited goes on."""
        self.from_site.flowing.set()
        self.to_site.flowing.set()

    async def close(self) -> None:
        """Down, and the port is given back."""
        await self.down_now()
        self._claim.close()

    def _reset_all(self) -> asyncio.Future[list[BaseException | None]]:
        """Begins to reset every connection; done once all are gone."""
        self.from_site.cut_at_bytes = None
        self.from_site.cutting = self.to_site.cutting = True
        for connection in self._connections:
            connection.cancel()
        gone = asyncio.gather(*self._connections, return_exceptions=True)
        gone.add_done_callback(self._all_reset)
        return gone

    def _all_reset(self, _: object) -> None:
        self.from_site.cutting = self.to_site.cutting = False

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with listener:
            while True:
                near, _ = await loop.sock_accept(listener)
                connection = loop.create_task(self._carry(near))
                self._connections.add(connection)
                connection.add_done_callback(self._connections.discard)

    async def _carry(self, near: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        orderly = False
        with near, _socket() as far:
            try:
                await loop.sock_connect(far, self._target())
                self.connected.set()
                async with asyncio.TaskGroup() as ways:
                    ways.create_task(Pipe(near, far, self.to_site, self._reset_all).run())
                    ways.create_task(Pipe(far, near, self.from_site, self._reset_all).run())
                orderly = True
            except* OSError:
                pass  # one end's trouble reaches the other as a reset
            finally:
                if not orderly:
                    _reset_at_close(near, far)


def _socket() -> socket.socket:
    sock = socket.socket()
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER_BYTES)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER_BYTES)
    return sock


def _reset_at_close(*sockets: socket.socket) -> None:
    """Makes closing a reset: what is in flight is lost."""
    for sock in sockets:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
