"""One connection in one direction: read at the lane's rate, delivered after its delay."""

import asyncio
import fcntl
import socket
import struct
import termios
from collections.abc import Callable

from layover_sim.lane import Lane

_EMPTY_WITHIN_S = 1.0
_POLL_S = 0.002


class Pipe:
    """Carries until the source ends, then ends the sink; an OSError of either is raised."""

    def __init__(
        self, source: socket.socket, sink: socket.socket, lane: Lane, cut: Callable[[], object]
    ) -> None:
        """``cut`` is called when the lane's time to be cut has come; it cancels ``run``."""
        self._source = source
        self._sink = sink
        self._lane = lane
        self._cut = cut
        self._loop = asyncio.get_running_loop()
        self._line: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        self._held_bytes = 0
        self._room = asyncio.Event()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as ends:
            ends.create_task(self._take())
            ends.create_task(self._give())

    async def _take(self) -> None:
        data = b"-"
        while data:
            while self._held_bytes >= self._lane.capacity_bytes():
                self._room.clear()
                await self._room.wait()
            data = await self._loop.sock_recv(self._source, self._lane.grain_bytes())
            now_s = self._loop.time()
            ready_s = self._lane.reserve(len(data), now_s)
            self._held_bytes += len(data)
            self._line.put_nowait((max(ready_s, now_s) + self._lane.delay_s, data))
            # Nothing is read ahead of the rate, so the sender feels it.
            await self._sleep_until(ready_s)

    async def _give(self) -> None:
        while True:
            due_s, data = await self._line.get()
            await self._sleep_until(due_s)
            if not data:
                await self._lane.flowing.wait()
                self._sink.shutdown(socket.SHUT_WR)
                return
            await self._deliver(memoryview(data))
            self._held_bytes -= len(data)
            self._room.set()

    async def _deliver(self, data: memoryview) -> None:
        while data:
            await self._lane.flowing.wait()
            block = self._lane.passing(data)
            if not block:
                await asyncio.sleep(_POLL_S)
                continue
            try:
                size_bytes = self._sink.send(block)
            except BlockingIOError:
                await self._writable()
                continue
            data = data[size_bytes:]
            if self._lane.delivered(size_bytes):
                await self._emptied()
                self._cut()

    async def _sleep_until(self, time_s: float) -> None:
        wait_s = time_s - self._loop.time()
        if wait_s > 0:
            await asyncio.sleep(wait_s)

    async def _writable(self) -> None:
        ready = asyncio.Event()
        self._loop.add_writer(self._sink, ready.set)
        try:
            await ready.wait()
        finally:
            self._loop.remove_writer(self._sink)

    async def _emptied(self) -> None:
        """Waits, within reason, until the receiving kernel has all: a reset would discard it."""
        until_s = self._loop.time() + _EMPTY_WITHIN_S
        while self._loop.time() < until_s:
            (left,) = struct.unpack("i", fcntl.ioctl(self._sink, termios.TIOCOUTQ, bytes(4)))
            if left == 0:
                return
            await asyncio.sleep(_POLL_S)
