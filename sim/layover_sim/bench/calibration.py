"""How true a shaped link is: its rate and its delay, measured with plain sockets."""

import asyncio
import statistics
import time
from dataclasses import dataclass

from layover_sim.bench.shaped import Shape, shaped

_SIZE_BYTES = 4_000_000
_ECHOES = 20


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a link is like in truth."""

    rate_bps: float
    round_trip_s: float


async def calibrated(shape: Shape) -> Calibration:
    """The rate of 4 MB from the site, and the median round trip of single bytes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(_ECHOES):
            writer.write(await reader.readexactly(1))
        await reader.readexactly(1)
        writer.write(bytes(_SIZE_BYTES))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with shaped(port, shape) as link:
            reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
            trips = []
            for _ in range(_ECHOES):
                began_s = time.perf_counter()
                writer.write(b"-")
                await reader.readexactly(1)
                trips.append(time.perf_counter() - began_s)
            writer.write(b"-")
            await reader.readexactly(1)
            began_s = time.perf_counter()
            left = await reader.read(-1)
            rate_bps = 8 * len(left) / (time.perf_counter() - began_s)
            writer.close()
            await writer.wait_closed()
    return Calibration(rate_bps, statistics.median(trips))
