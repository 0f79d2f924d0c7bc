"""The disk of the agent's own folder is full: it goes on telling and serving what there is."""

import hashlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from agent.kit import eventually
from agent.process import Agent
from agent.serving import reason
from faults.kit import (
    Disk,
    agent_on,
    disk_at,
    fault,
    hold,
    listed,
    no_fault,
    present,
    served,
    watched,
)

from layover_agent.wire.codec import decode, encode
from layover_agent.wire.problem import Problem, Reason
from layover_agent.wire.types import HoldWish

pytestmark = pytest.mark.slow
COUNT = 5000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """The data folder's own small disk."""
    (tmp_path / "box").mkdir()
    with disk_at(tmp_path / "small", tmp_path / "small.img") as made:
        yield made


@pytest.fixture
def agent(tmp_path: Path, disk: Disk) -> Agent:
    return agent_on(disk.point, tmp_path / "box")


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


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
async def test_full_at_start(agent: Agent, disk: Disk, end: int) -> None:
    """After a kill the manifest's log is hot: SQLite has to put the two together."""
    data = os.urandom(300_000)
    path = agent.record("10-00-00.h264", data)
    async with watched(agent) as running:
        (recording,) = await listed(running, 1)
        digests = await running.client.get(f"/recordings/{recording.id}/digests")
        assert (await hold(running, recording)).state == "held"
        before = (await running.status()).manifest
        await running.stop(end)
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


async def test_full_during_the_first_scan(agent: Agent, disk: Disk) -> None:
    folder = agent.record("00-00-00.h264", b"first").parent
    for nth in range(1, COUNT):
        name = f"{nth // 3600:02}-{nth // 60 % 60:02}-{nth % 60:02}.h264"
        (folder / name).write_bytes(b"%d" % nth)
    disk.fill(leaving_bytes=3 << 19)
    async with watched(agent) as running:
        await fault(running, "data-folder-full", timeout_s=30)
        some = await present(running)
        assert some
        assert await served(running, some[0])
        disk.make_room()

        async def all_there() -> bool:
            return [one.recordings for one in (await running.status()).cameras] == [COUNT]

        await eventually(all_there, "the rest of the list", 60)


async def test_a_new_hold_is_refused_plainly(agent: Agent, disk: Disk) -> None:
    async with watched(agent) as running:
        path = agent.record("10-00-00.h264", os.urandom(50_000))
        (recording,) = await listed(running, 1)
        disk.fill()
        answer = await running.client.put(
            f"/holds/{recording.id}", content=encode(HoldWish(lease_s=3600))
        )
        assert reason(answer) == Reason.STORAGE
        problem = decode(Problem, answer.content)
        assert "full" in problem.detail
        assert "data folder" in problem.hint
        (still,) = await present(running)
        assert not still.held
        assert path.stat().st_nlink == 1, "what is not promised is not kept"
        disk.make_room()
        assert (await hold(running, recording)).state == "held"


async def test_digests_are_told_although_they_cannot_be_written(agent: Agent, disk: Disk) -> None:
    """Central fetches on in spans: the file is hashed once, and not for each of them."""
    data = os.urandom(3 << 20)
    async with watched(agent) as running:
        agent.record("10-00-00.h264", data)
        (recording,) = await listed(running, 1)
        disk.fill()
        first = await running.client.get(f"/recordings/{recording.id}/digests")
        again = await running.client.get(f"/recordings/{recording.id}/digests")
        assert first.status_code == 200
        assert again.content == first.content
        assert await served(running, recording) == hashlib.sha256(data).hexdigest()
