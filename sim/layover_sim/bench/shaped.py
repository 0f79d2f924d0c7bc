"""A shaped link in a process of its own, so that it takes no time from those it connects.

``python -m layover_sim.bench.shaped --to PORT`` says its own port as JSON, and at every line it
reads how much has passed. It ends with its input.
"""

import argparse
import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from layover_sim.link import Link


@dataclass(frozen=True, slots=True)
class Shape:
    """What a link is like, in each direction."""

    rate_bps: int | None = None
    delay_ms: int = 0

    @property
    def round_trip_s(self) -> float:
        return 2 * self.delay_ms / 1000


class ShapedLink:
    """This side of the process: a port that leads through the link."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.port = port

    async def passed_bytes(self) -> int:
        """What has passed so far, both ways together: TCP's payload, with TLS if there is any."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        said = await _said(self._process)
        return int(said["from_site_bytes"]) + int(said["to_site_bytes"])


@contextlib.asynccontextmanager
async def shaped(port: int, shape: Shape) -> AsyncIterator[ShapedLink]:
    """A link to a port of this machine."""
    rate = () if shape.rate_bps is None else ("--rate-bps", str(shape.rate_bps))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __spec__.name, "--to", str(port)),
        *("--delay-ms", str(shape.delay_ms), *rate),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield ShapedLink(process, int((await _said(process))["port"]))
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(10):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _said(process: asyncio.subprocess.Process) -> dict[str, Any]:
    assert process.stdout is not None
    said: dict[str, Any] = json.loads(await process.stdout.readline())
    return said


async def _carry(port: int, shape: Shape) -> None:
    link = Link(lambda: ("127.0.0.1", port), delay_s=shape.delay_ms / 1000)
    link.set_rate(shape.rate_bps)
    await link.up()
    print(json.dumps({"port": link.port}), flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        passed = {
            "from_site_bytes": link.from_site.meter.total_bytes,
            "to_site_bytes": link.to_site.meter.total_bytes,
        }
        print(json.dumps(passed), flush=True)
    await link.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=int, required=True, help="port of what is behind the link")
    parser.add_argument("--rate-bps", type=int, help="of each direction; left out: unlimited")
    parser.add_argument("--delay-ms", type=int, default=0, help="each way")
    arguments = parser.parse_args()
    asyncio.run(_carry(arguments.to, Shape(arguments.rate_bps, arguments.delay_ms)))


if __name__ == "__main__":
    main()
