"""The promise of 64 MB: with a hundred thousand recordings, with downloads, and after long work."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from agent.kit import eventually
from agent.process import Agent, Running
from faults.kit import listed, present, watched

from layover_agent.wire.codec import encode
from layover_agent.wire.pages import unpacked
from layover_agent.wire.types import HoldWish
from layover_sim.bench.recordings import Folder
from layover_sim.recorder_settings import LAYOUT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
PROMISED_BYTES = 64 << 20
RECORDINGS = 100_000
DOWNLOADS = 4
LEAK_BYTES = 3 << 20
"""What the heap of a process may be larger after work than before without anything being kept."""


@contextlib.asynccontextmanager
async def highest(running: Running) -> AsyncIterator[list[int]]:
    """The most memory that the agent has while the block runs, looked at every 50 ms."""
    most = [running.rss_bytes]

    async def look() -> None:
        while True:
            most[0] = max(most[0], running.rss_bytes)
            await asyncio.sleep(0.05)

    task = asyncio.create_task(look())
    try:
        yield most
    finally:
        task.cancel()


async def fetched(running: Running, recording_id: str) -> int:
    """The bytes of a whole recording, none of them kept."""
    async with running.client.stream("GET", f"/recordings/{recording_id}") as answer:
        assert answer.status_code == 200
        return sum([len(part) async for part in answer.aiter_raw()])


async def test_a_hundred_thousand_recordings_and_four_downloads(tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    text = agent.config.read_text().replace("{camera}/%Y-%m-%d/%H-%M-%S.*", LAYOUT)
    agent.config.write_text(text)
    agent.enrol()
    first_ms = time.time_ns() // 1_000_000 - 10 * 86_400_000
    made = Folder(agent.recordings, first_ms)
    await asyncio.to_thread(made.write, RECORDINGS - DOWNLOADS)
    for nth in range(DOWNLOADS):
        made.write_large("large", first_ms + nth * 60_000, 48 << 20)
    async with watched(agent) as running, highest(running) as most:

        async def all_listed() -> bool:
            return (await running.status()).manifest.seq >= RECORDINGS

        await eventually(all_listed, "the whole list", 200)
        large = await large_ones(running)
        assert len(large) == DOWNLOADS
        sizes = await asyncio.gather(*(fetched(running, one) for one in large))
        assert min(sizes) >= 48 << 20
        assert most[0] <= PROMISED_BYTES, f"{most[0] / (1 << 20):.1f} MB"
        print(f"\nhighest: {most[0] / (1 << 20):.1f} MB")
        assert await running.stop() == 0


async def large_ones(running: Running) -> list[str]:
    """The whole list is read for it, as a central does that knows nothing yet."""
    found, query = [], {"epoch": "", "after": 0}
    while True:
        page = unpacked((await running.client.get("/manifest", params=query)).content)
        found += [row.id for row in page.rows if row.camera == "large"]
        if not page.rows or page.rows[-1].seq >= page.head_seq:
            return found
        query = {"epoch": page.epoch, "after": page.rows[-1].seq}


async def test_work_that_goes_on_for_long_keeps_nothing(tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    agent.enrol()
    for nth in range(200):
        agent.record(f"10-{nth // 60:02}-{nth % 60:02}.h264", os.urandom(3000))
    async with watched(agent) as running:
        rows = await listed(running, 200, timeout_s=60)

        async def work(times: int) -> None:
            for _ in range(times):
                for _ in range(20):
                    await running.client.get("/status")
                for _ in range(5):
                    await present(running)
                for row in rows[:2]:
                    body = encode(HoldWish(lease_s=3600))
                    assert (await running.client.put(f"/holds/{row.id}", content=body)).is_success
                    assert (await running.client.delete(f"/holds/{row.id}")).is_success
                    await fetched(running, row.id)

        await work(25)
        before = running.rss_bytes
        descriptors = open_files(running)
        await work(100)
        grown = running.rss_bytes - before
        print(f"\n2,000 status, 500 lists, 200 holds: {grown / 1024:+.0f} KiB")
        assert grown <= LEAK_BYTES
        assert open_files(running) <= descriptors
        assert await running.stop() == 0


def open_files(running: Running) -> int:
    return len(os.listdir(f"/proc/{running.process.pid}/fd"))


async def test_peers_that_come_and_go_leave_nothing_behind(tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    agent.enrol()
    context = agent.central.context()
    async with watched(agent) as running:

        async def visit(times: int) -> None:
            for _ in range(times):
                _, writer = await asyncio.open_connection("127.0.0.1", running.port, ssl=context)
                writer.write(b"GET /v1/status HTTP/1.1\r\nHost: box\r\n")
                await writer.drain()
                writer.transport.abort()

        await visit(50)
        before, descriptors = running.rss_bytes, open_files(running)
        await visit(400)

        async def calm() -> bool:
            return open_files(running) <= descriptors

        await eventually(calm, "the end of all connections")
        assert running.rss_bytes - before <= LEAK_BYTES
        assert await running.stop() == 0
