"""The wall clock is set by fifty years, or begins in 1970: promises and lists stay as they are."""

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from agent.kit import NOW_MS, FleetCa, HandClock, eventually, until, write_at

from layover_agent import app, config
from layover_agent.identity import Identity
from layover_agent.wire.codec import decode, encode
from layover_agent.wire.pages import unpacked
from layover_agent.wire.types import Hold, HoldWish, Recording, Status

YEARS_50_MS = 50 * 365 * 86_400_000
HOUR_MS = 3_600_000
CONFIG = """
data_folder = "{data}"
[listen]
address = "127.0.0.1"
port = 0
port_file = "{folder}/port"
[advertise]
enabled = false
[sources.main]
folder = "{recordings}"
layout = "{{camera}}/%Y-%m-%d/%H-%M-%S.*"
zone = "{zone}"
deletes_by = "unlink"
[rescan]
every_s = 1
full_s = 1
"""


@dataclass
class Box:
    """The whole agent in this process, by a clock worked by hand."""

    folder: Path
    zone: str = "+00:00"

    def __post_init__(self) -> None:
        self.clock = HandClock()
        self.recordings = self.folder / "recordings"
        self.recordings.mkdir()
        (self.folder / "central").mkdir()
        fleet = FleetCa()
        identity = Identity(self.folder / "data" / "identity")
        identity.install(fleet.bundle(identity.certificate_request(), identity.id))
        self.central = fleet.client_files(self.folder / "central").context()
        self.config = self.folder / "box.toml"
        said = CONFIG.format(
            data=self.folder / "data",
            folder=self.folder,
            recordings=self.recordings,
            zone=self.zone,
        )
        self.config.write_text(said)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Box"]:
        port = self.folder / "port"
        port.unlink(missing_ok=True)
        task = asyncio.create_task(app.run(config.load(self.config), self.clock))
        try:
            await until(lambda: port.exists() or task.done(), "start")
            base = f"https://127.0.0.1:{port.read_text()}/v1"
            async with httpx.AsyncClient(
                base_url=base, verify=self.central, trust_env=False
            ) as client:
                self.client = client
                yield self
            assert not task.done(), task
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def record(self, name: str, written_ms: int, data: bytes = b"x" * 9000) -> Path:
        return write_at(self.recordings / "front" / name, data, written_ms)

    async def rows(self) -> list[Recording]:
        page = unpacked((await self.client.get("/manifest")).content)
        return [row for row in page.rows if row.state == "present"]

    async def status(self) -> Status:
        return decode(Status, (await self.client.get("/status")).content)

    async def listed(self, count: int) -> list[Recording]:
        async def there() -> bool:
            return len(await self.rows()) == count

        await eventually(there, f"{count} recordings")
        return await self.rows()

    async def noticed(self, steps: int) -> Status:
        async def told() -> bool:
            # Whatever happens in the folder makes the agent look, and first of all at the clock.
            (self.recordings / "front" / "stirred").touch()
            return (await self.status()).clock.steps == steps

        await eventually(told, f"{steps} steps of the clock")
        return await self.status()


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    async with Box(tmp_path).running() as made:
        yield made


STEPS = {"fifty years on": YEARS_50_MS, "fifty years back": -YEARS_50_MS}


@pytest.mark.parametrize("shift_ms", STEPS.values(), ids=STEPS.keys())
async def test_a_step_changes_no_promise_and_no_list(box: Box, shift_ms: int) -> None:
    data = os.urandom(50_000)
    path = box.record("2026-11-21/10-00-00.h264", NOW_MS - HOUR_MS, data)
    (before,) = await box.listed(1)
    digests = (await box.client.get(f"/recordings/{before.id}/digests")).content
    answer = await box.client.put(f"/holds/{before.id}", content=encode(HoldWish(lease_s=7200)))
    assert decode(Hold, answer.content).state == "held"
    head = (await box.status()).manifest

    box.clock.wall += shift_ms
    status = await box.noticed(1)
    assert status.clock.stepped_by_ms == shift_ms
    assert (status.manifest.epoch, status.manifest.seq) >= (head.epoch, head.seq)
    (after,) = await box.rows()
    assert (after.id, after.start_ms, after.end_ms) == (before.id, before.start_ms, before.end_ms)
    assert after.held
    assert (await box.client.get(f"/recordings/{before.id}/digests")).content == digests
    path.unlink()
    sent = await box.client.get(f"/recordings/{before.id}")
    assert hashlib.sha256(sent.content).digest() == hashlib.sha256(data).digest()
    assert all(0 <= fault.uptime_s < 60 for fault in status.faults)


@pytest.mark.parametrize("shift_ms", STEPS.values(), ids=STEPS.keys())
async def test_recordings_close_although_the_clock_jumps(box: Box, shift_ms: int) -> None:
    """A file written before the step looks as if it were of the far future, or of long ago."""
    box.record("2026-11-21/10-00-00.h264", box.clock.wall)
    box.clock.wall += shift_ms
    await box.noticed(1)
    box.clock.pass_s(10)
    await box.listed(1)
    name = "1976-11-30/10-01-00.h264" if shift_ms < 0 else "2076-11-08/10-01-00.h264"
    box.record(name, box.clock.wall)
    box.clock.pass_s(10)
    rows = await box.listed(2)
    assert len({row.id for row in rows}) == 2
    assert all(row.end_ms >= row.start_ms for row in rows)


async def test_there_and_back_again_are_two_steps(box: Box) -> None:
    box.record("2026-11-21/10-00-00.h264", NOW_MS - HOUR_MS)
    await box.listed(1)
    box.clock.wall += YEARS_50_MS
    await box.noticed(1)
    box.clock.wall -= YEARS_50_MS
    status = await box.noticed(2)
    assert status.clock.stepped_by_ms == -YEARS_50_MS
    (row,) = await box.rows()
    assert row.start_ms == NOW_MS - HOUR_MS
    assert status.cameras[0].last_end_ms < NOW_MS + HOUR_MS


async def test_a_boot_in_1970_is_said_and_healed(tmp_path: Path) -> None:
    """Then the time source answers: what was recorded meanwhile keeps its name's time, and the
    box says since when its clock is right."""
    box = Box(tmp_path)
    box.clock.wall, box.clock.in_sync = 5_000, False
    async with box.running():
        box.record("1970-01-01/00-00-02.h264", 4_000)
        box.clock.pass_s(10)
        (row,) = await box.listed(1)
        assert row.start_ms == 2_000
        status = await box.status()
        assert status.clock.was_set is False
        assert "clock-unset" in {fault.code for fault in status.faults} | {
            more.code for fault in status.faults for more in fault.consequences
        }
        answer = await box.client.get(f"/recordings/{row.id}/digests")
        assert answer.status_code == 200
        box.clock.wall, box.clock.in_sync = NOW_MS, True
        status = await box.noticed(1)
        assert status.clock.was_set
        assert "clock-unset" not in {fault.code for fault in status.faults}
        assert [row.start_ms for row in await box.rows()] == [2_000]


async def test_a_boot_in_1970_after_a_good_one(tmp_path: Path) -> None:
    """A lease counts the agent's own uptime: it ends neither at once nor never."""
    box = Box(tmp_path)
    async with box.running():
        path = box.record("2026-11-21/10-00-00.h264", NOW_MS - HOUR_MS)
        (row,) = await box.listed(1)
        await box.client.put(f"/holds/{row.id}", content=encode(HoldWish(lease_s=600)))
        epoch = (await box.status()).manifest.epoch
    path.unlink()
    box.clock.boot_id = "99999999-2222-3333-4444-555555555555"
    box.clock.wall, box.clock.mono, box.clock.in_sync = 20_000, 20_000, False
    async with box.running():
        (row,) = await box.rows()
        assert row.held
        status = await box.status()
        assert status.manifest.epoch == epoch
        assert status.clock.was_set is False
        assert status.holds.count == 1
        assert (await box.client.get(f"/recordings/{row.id}")).status_code == 200


async def test_names_of_the_hour_that_comes_twice(tmp_path: Path) -> None:
    """Clocks go back at 2026-10-25 03:00 in Berlin: one name, two recordings. Where nothing tells
    how long the second one lasts, its hour is a guess, and is said to be one."""
    box = Box(tmp_path, zone="Europe/Berlin")
    first_ms = 1_792_888_200_000  # 02:30 summer time: 00:30 UTC
    box.clock.wall = first_ms
    async with box.running():
        path = box.record("2026-10-25/02-30-00.h264", first_ms + 60_000, b"summer" * 1000)
        box.clock.pass_s(90)
        (summer,) = await box.listed(1)
        box.clock.pass_s(3600)
        later_ms = first_ms + HOUR_MS + 60_000
        write_at(tmp_path / "written", b"winter" * 1000, later_ms).rename(path)
        box.clock.pass_s(90)

        async def winter() -> bool:
            return [row.id for row in await box.rows()] not in ([], [summer.id])

        await eventually(winter, "the second recording of that name")
        (row,) = await box.rows()
        assert (summer.start_ms, summer.confidence) == (first_ms, "guessed")
        assert row.start_ms == first_ms + HOUR_MS or row.confidence == "guessed"
        assert (await box.status()).clock.steps == 0


async def test_leases_end_by_uptime_alone(box: Box) -> None:
    box.record("2026-11-21/10-00-00.h264", NOW_MS - HOUR_MS)
    (row,) = await box.listed(1)
    await box.client.put(f"/holds/{row.id}", content=encode(HoldWish(lease_s=3600)))
    box.clock.wall += YEARS_50_MS
    await box.noticed(1)
    again = await box.client.put(f"/holds/{row.id}", content=encode(HoldWish(lease_s=3600)))
    assert decode(Hold, again.content).lease_s == 3600
    assert (await box.status()).holds.count == 1
