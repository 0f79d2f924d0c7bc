"""Disks that take no writes, read no more, vanish and come back: told, served around, healed."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
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

from layover_agent.wire.codec import decode
from layover_agent.wire.problem import Problem, Reason

pytestmark = pytest.mark.slow
DATA = os.urandom(300_000)
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def box(tmp_path: Path) -> Path:
    folder = tmp_path / "box"
    folder.mkdir()
    return folder


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Disk]:
    """The data folder's disk."""
    with disk_at(tmp_path / "own", tmp_path / "own.img") as made:
        yield made


@pytest.fixture
def card(tmp_path: Path) -> Iterator[Disk]:
    """The recordings' disk."""
    with disk_at(tmp_path / "card", tmp_path / "card.img") as made:
        yield made


@pytest.fixture
def agent(box: Path, own: Disk) -> Agent:
    return agent_on(own.point, box)


@pytest.fixture
def carded(box: Path, card: Disk) -> Agent:
    """Its recordings are on a card, its data folder is elsewhere."""
    data = box.with_name("data")
    data.mkdir()
    made = agent_on(data, box)
    text = made.config.read_text().replace(f'"{made.recordings}"', f'"{card.point}"')
    made.config.write_text(text.replace("every_s = 30", "every_s = 2\nfull_s = 3"))
    made.recordings = card.point
    return made


async def test_the_data_folder_becomes_read_only(agent: Agent, own: Disk) -> None:
    """As the kernel does it after an error in the file system."""
    async with watched(agent) as running:
        agent.record("10-00-00.h264", DATA)
        (recording,) = await listed(running, 1)
        own.break_off()
        found = await fault(running, "data-folder-full")
        assert "writes" in found.text
        assert await served(running, recording) == SHA256
        agent.record("10-01-00.h264", b"late" * 2000)
        assert [row.id for row in await present(running)] == [recording.id]


@pytest.mark.parametrize("log_left", [False, True], ids=["put away", "cut off"])
async def test_the_data_folder_is_read_only_at_the_start(
    agent: Agent, own: Disk, log_left: bool
) -> None:
    async with watched(agent) as running:
        agent.record("10-00-00.h264", DATA)
        (recording,) = await listed(running, 1)
        await served(running, recording)
        before = (await running.status()).manifest.epoch
        await running.stop(9 if log_left else 15)
    own.remount("ro")
    async with watched(agent) as running:
        await fault(running, "data-folder-full")
        assert (await running.status()).manifest.epoch == before
        assert [row.id for row in await present(running)] == [recording.id]
        assert await served(running, recording) == SHA256
        own.remount("rw")
        agent.record("10-01-00.h264", b"late" * 2000)
        await listed(running, 2, timeout_s=60)
        assert (await running.status()).manifest.epoch == before
        assert await running.stop() == 0


async def test_the_data_folder_is_lost_while_the_agent_runs(agent: Agent, own: Disk) -> None:
    """Every call on it fails from one moment to the next, as the kernel does it."""
    async with watched(agent) as running:
        agent.record("10-00-00.h264", DATA)
        (recording,) = await listed(running, 1)
        await served(running, recording)
        own.die()
        agent.record("10-01-00.h264", b"late" * 2000)

        answer = await running.client.get("/status")
        if answer.status_code != 200:
            assert reason(answer) == Reason.STORAGE
            assert "faults" in decode(Problem, answer.content).hint


async def test_recordings_that_are_mounted_read_only(carded: Agent, card: Disk) -> None:
    carded.record("10-00-00.h264", DATA)
    card.remount("ro")
    async with watched(carded) as running:
        (recording,) = await listed(running, 1)
        await fault(running, "disk-read-only")
        assert await served(running, recording) == SHA256
        refused = await hold(running, recording)
        assert refused.state == "not-possible"
        assert refused.reason
        card.remount("rw")
        await no_fault(running, "disk-read-only")


async def test_recordings_on_a_disk_that_died(carded: Agent, card: Disk) -> None:
    carded.record("10-00-00.h264", DATA)
    async with watched(carded) as running:
        (recording,) = await listed(running, 1)
        card.die()
        answer = await running.client.get(f"/recordings/{recording.id}")
        assert answer.status_code >= 400
        found = await fault(running, "disk-read-only", timeout_s=60)
        assert found.severity == "critical"
        assert [row.id for row in await present(running)] == [recording.id]


async def test_bad_sectors_under_one_recording(carded: Agent, card: Disk) -> None:
    """The disk reads some blocks no more: that recording is refused, the others are served."""
    paths = [carded.record(f"10-0{nth}-00.h264", DATA[nth:]) for nth in range(2)]
    os.sync()
    good, bad = sorted(paths, key=card.place)
    async with watched(carded) as running:
        rows = {row.size_bytes: row for row in await listed(running, 2)}
        card.spoil(bad)
        try:
            answer = await running.client.get(f"/recordings/{rows[bad.stat().st_size].id}")
        except httpx.RemoteProtocolError:
            pass  # it was hashed before it was spoilt: what cannot be read breaks off
        else:
            assert reason(answer) == Reason.STORAGE
        sent = await served(running, rows[good.stat().st_size])
        assert sent == hashlib.sha256(good.read_bytes()).hexdigest()
        assert len(await present(running)) == 2


async def test_the_card_is_pulled_and_comes_back(carded: Agent, card: Disk) -> None:
    carded.record("10-00-00.h264", DATA)
    async with watched(carded) as running:
        (recording,) = await listed(running, 1)
        before = (await running.status()).manifest
        card.pull()
        await fault(running, "source-unreadable", timeout_s=60)
        assert [row.id for row in await present(running)] == [recording.id]
        card.mount()
        await no_fault(running, "source-unreadable", timeout_s=60)
        assert await served(running, recording) == SHA256
        carded.record("10-01-00.h264", b"late" * 2000)
        await listed(running, 2, timeout_s=60)
        assert (await running.status()).manifest.epoch == before.epoch


async def test_another_card_in_its_place(carded: Agent, card: Disk, tmp_path: Path) -> None:
    carded.record("10-00-00.h264", DATA)
    async with watched(carded) as running:
        (former,) = await listed(running, 1)
        card.pull()
        with disk_at(card.point, tmp_path / "another.img"):
            carded.record("11-00-00.h264", DATA[::-1])

            async def new_there() -> bool:
                return any(row.start_ms > former.start_ms for row in await present(running))

            await eventually(new_there, "the recording of the new card", 60)
            (new,) = [r for r in await present(running) if r.start_ms > former.start_ms]
            assert await served(running, new) == hashlib.sha256(DATA[::-1]).hexdigest()
            answer = await running.client.get(f"/recordings/{former.id}")
            assert answer.status_code >= 400
