"""The disk of the agent's own folder is full: it goes on telling and serving what there is."""

import asyncio
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from agent.kit import eventually
from agent.process import Agent
from faults.kit import Disk, disk_at, enrolled, fault, hold, listed, no_fault, served, watched

from layover_agent.wire.codec import decode, encode
from layover_agent.wire.types import HoldWish

pytestmark = pytest.mark.slow


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """The data folder's own small disk."""
    (tmp_path / "box").mkdir()
    with disk_at(tmp_path / "small", tmp_path / "small.img") as made:
        yield made


@pytest.fixture
def agent(tmp_path: Path, disk: Disk) -> Agent:
    made = Agent(tmp_path / "box")
    text = made.config.read_text().replace(str(made.data), str(disk.point))
    made.config.write_text(text)
    made.data.rmdir()
    made.data = disk.point
    made.enrol()
    return made


async def test_full_while_running(agent: Agent, disk: Disk) -> None:
    async with watched(agent) as running:
        data = os.urandom(300_000)
        agent.record("10-00-00.h264", data)
        (recording,) = await listed(running, 1)
        assert (await hold(running, recording)).state == "held"
        digests = await running.client.get(f"/recordings/{recording.id}/digests")
        disk.fill()
        agent.record("10-01-00.h264", b"late" * 2000)
        found = await fault(running, "data-folder-full")
        assert found.severity == "critical"
        assert await served(running, recording) == hashlib.sha256(data).hexdigest()
        again = await running.client.get(f"/recordings/{recording.id}/digests")
        assert again.content == digests.content
        (still,) = await listed(running, 1)
        assert still.held
        disk.make_room()
        await no_fault(running, "data-folder-full")
        assert len(await listed(running, 2, timeout_s=60)) == 2


async def test_full_at_start(agent: Agent, disk: Disk) -> None:
    data = os.urandom(300_000)
    path = agent.record("10-00-00.h264", data)
    async with watched(agent) as running:
        (recording,) = await listed(running, 1)
        digests = await running.client.get(f"/recordings/{recording.id}/digests")
        assert (await hold(running, recording)).state == "held"
        before = (await running.status()).manifest
        assert await running.stop() == 0
    disk.fill()
    path.unlink()
    async with watched(agent) as running:
        await fault(running, "data-folder-full")
        status = await running.status()
        assert status.manifest.epoch == before.epoch
        (still,) = await listed(running, 1)
        assert still.held
        assert await served(running, recording) == hashlib.sha256(data).hexdigest()
        again = await running.client.get(f"/recordings/{recording.id}/digests")
        assert again.content == digests.content
        disk.make_room()
        agent.record("10-01-00.h264", b"late" * 2000)
        await no_fault(running, "data-folder-full")
        await listed(running, 2, timeout_s=60)
        assert await running.stop() == 0


async def test_full_before_the_first_start(agent: Agent, disk: Disk) -> None:
    agent.record("10-00-00.h264", b"x" * 5000)
    disk.fill()
    async with watched(agent) as running:
        await fault(running, "data-folder-full")
        disk.make_room()
        await listed(running, 1, timeout_s=60)
