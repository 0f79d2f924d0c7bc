"""A link between a site and central: a TCP proxy that shapes, delays, cuts and stalls.

It knows nothing of what passes and changes no byte of it (unless told to flip one). What is in
flight when the link is cut is gone, as on the air.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable

from layover_sim.meter import Meter

BLOCK_BYTES = 8 << 10
SOCKET_BUFFER_BYTES = 32 << 10
_TICK_S = 0.02


class Shaper:
    """A rate shared by everything that asks it; the burst is one tick's worth."""

    def __init__(self, rate_bps: int | None = None) -> None:
        self.rate_bps = rate_bps
        self._free_at_s = 0.0

    async def wait(self, size_bytes: int) -> None:
        if self.rate_bps is None:
            return
        now_s = asyncio.get_running_loop().time()
        self._free_at_s = max(self._free_at_s, now_s - _TICK_S) + size_bytes * 8 / self.rate_bps
        if self._free_at_s > now_s:
            await asyncio.sleep(self._free_at_s - now_s)


class Link:
    """One site's link, from central's side: a port that leads to the agent while it is up."""

    def __init__(self, target: Callable[[], tuple[str, int]], *, delay_s: float = 0.0) -> None:
        self._target = target
        self._delay_s = delay_s
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._cut_at_bytes: int | None = None
        self._flip_at_bytes: int | None = None
        self.port = _free_port()
        self.down = Shaper()
        """Shapes what the site sends."""
        self.meter = Meter(asyncio.get_running_loop().time)
        """Counts what the site sent and central received."""
        self.depot_meter: Meter | None = None
        self.connected = asyncio.Event()

    async def up(self) -> None:
        """The site is in reach."""
        if self._server is None:
            self._server = await asyncio.start_server(
                self._accept, "127.0.0.1", self.port, limit=BLOCK_BYTES
            )

    async def down_now(self) -> None:
        """The site drives off: nothing answers any more, and everything open is reset."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self.cut()

    async def cut(self) -> None:
        """Resets everything that is open; new connections are let through again."""
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def cut_after(self, size_bytes: int) -> None:
        """Resets everything once so many more bytes have come from the site."""
        self._cut_at_bytes = self.meter.total_bytes + size_bytes

    def flip_after(self, size_bytes: int) -> None:
        """Flips one bit of the byte that comes after so many more bytes from the site."""
        self._flip_at_bytes = self.meter.total_bytes + size_bytes

    def stall(self) -> None:
        """Nothing passes, and nobody is told."""
        self._flowing.clear()

    def flow(self) -> None:
        self._flowing.set()

    async def close(self) -> None:
        await self.down_now()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._carry(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _carry(
        self, near_reader: asyncio.StreamReader, near_writer: asyncio.StreamWriter
    ) -> None:
        far_writer: asyncio.StreamWriter | None = None
        try:
            sock = _small_socket()
            await asyncio.get_running_loop().sock_connect(sock, self._target())
            far_reader, far_writer = await asyncio.open_connection(sock=sock, limit=BLOCK_BYTES)
            self.connected.set()
            for writer in (near_writer, far_writer):
                writer.transport.set_write_buffer_limits(high=BLOCK_BYTES)
            ways = {
                asyncio.ensure_future(self._pump(near_reader, far_writer, from_site=False)),
                asyncio.ensure_future(self._pump(far_reader, near_writer, from_site=True)),
            }
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except OSError:
            pass
        finally:
            _reset(near_writer)
            if far_writer is not None:
                _reset(far_writer)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, from_site: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(BLOCK_BYTES):
                await self._flowing.wait()
                if from_site:
                    await self.down.wait(len(data))
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                if from_site:
                    data = self._pass(data)
                writer.write(data)
                await writer.drain()
                if from_site and self._cut_at_bytes == self.meter.total_bytes:
                    self._cut_at_bytes = None
                    asyncio.get_running_loop().call_soon(
                        lambda: [task.cancel() for task in self._connections]
                    )
                    return
            # An orderly end is passed on once everything before it has been.
            await asyncio.sleep(0)

    def _pass(self, data: bytes) -> bytes:
        """What of a block gets through, counted, with one bit flipped if that was asked."""
        if self._cut_at_bytes is not None:
            data = data[: self._cut_at_bytes - self.meter.total_bytes]
        if self._flip_at_bytes is not None:
            at = self._flip_at_bytes - self.meter.total_bytes
            if at < len(data):
                self._flip_at_bytes = None
                data = data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]
        self.meter.count(len(data))
        if self.depot_meter is not None:
            self.depot_meter.count(len(data))
        return data


def _small_socket() -> socket.socket:
    """A socket whose buffers are small, so that a shaped rate is felt by the sender at once."""
    sock = socket.socket()
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER_BYTES)
    return sock


def _reset(writer: asyncio.StreamWriter) -> None:
    """Ends a connection with a reset: what was in flight is lost."""
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.transport.abort()


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
