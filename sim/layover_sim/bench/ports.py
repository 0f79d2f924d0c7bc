"""Local servers of others: a free port for them, and when they answer on it."""

import asyncio
import contextlib
import socket
import time

from layover_sim.fleet import NotReady, Program

_READY_S = 10.0


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


async def answering(program: Program, port: int) -> None:
    """Waits until a server accepts connections. NotReady where it ends or takes too long."""
    deadline_s = time.monotonic() + _READY_S
    while program.running and time.monotonic() < deadline_s:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            await writer.wait_closed()
            return
        await asyncio.sleep(0.02)
    raise NotReady(f"{program.name} does not answer: {program.tail().strip()}")
