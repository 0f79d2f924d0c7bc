import asyncio
import os
from pathlib import Path

import pytest
from agent.conftest import Box, Opened
from agent.kit import eventually, touch_at

from layover_agent.errors import AgentError
from layover_agent.files import Files
from layover_agent.holds import MAX_LEASE_S, Holds
from layover_agent.wire.problem import Reason
from layover_agent.wire.types import HoldState

DATA = bytes(range(256)) * 40


async def method_here(box: Box) -> str:
    """What the disk of the tests allows: reflink on XFS and btrfs, else a link."""
    return (await box.holds.usage()).method


async def read(box: Box, recording_id: str) -> bytes:
    row = await box.manifest.get(recording_id)
    assert row is not None
    with os.fdopen(box.files.open(row), "rb") as file:
        return file.read()


async def test_a_held_recording_outlives_the_recorders_deletion(box: Box) -> None:
    row = await box.listed(path := box.record(data=DATA))
    hold = await box.holds.place(row, 60)
    assert (hold.state, hold.method, hold.lease_s) == (HoldState.HELD, await method_here(box), 60)
    path.unlink()
    await box.scanner.scan()
    held = await box.manifest.get(row.id)
    assert held is not None
    assert held.present
    assert held.held
    assert await read(box, row.id) == DATA


async def test_a_released_recording_whose_file_is_missing_is_gone(box: Box) -> None:
    row = await box.listed(path := box.record())
    await box.holds.place(row, 60)
    path.unlink()
    await box.scanner.scan()
    await box.holds.release(row.id)
    assert not box.files.held_path(row.id).exists()
    gone = await box.manifest.get(row.id)
    assert gone is not None
    assert not gone.present


async def test_a_released_recording_whose_file_is_there_is_untouched(box: Box) -> None:
    row = await box.listed(path := box.record(data=DATA))
    await box.holds.place(row, 60)
    await box.holds.release(row.id)
    assert path.read_bytes() == DATA
    assert path.stat().st_nlink == 1
    assert await read(box, row.id) == DATA


async def test_placing_again_prolongs_and_releasing_again_does_nothing(box: Box) -> None:
    row = await box.listed(path := box.record())
    await box.holds.place(row, 60)
    box.clock.pass_s(50)
    again = await box.manifest.get(row.id)
    assert again is not None
    assert (await box.holds.place(again, 100)).lease_s == 100
    (hold,) = await box.manifest.holds()
    assert hold.until_uptime_s == box.holds.uptime_s() + 100
    assert path.stat().st_nlink == 2
    for _ in range(2):
        await box.holds.release(row.id)
    await box.holds.release("f" * 32)
    assert path.stat().st_nlink == 1


async def test_a_hold_is_prolonged_after_the_recorder_deleted_its_file(box: Box) -> None:
    row = await box.listed(path := box.record())
    await box.holds.place(row, 60)
    path.unlink()
    await box.scanner.scan()
    held = await box.manifest.get(row.id)
    assert held is not None
    assert (await box.holds.place(held, 600)).state is HoldState.HELD


async def test_a_lease_counts_uptime_over_restarts_and_never_the_wall_clock(
    open_box: Opened,
) -> None:
    async with open_box() as box:
        row = await box.listed(box.record())
        await box.holds.place(row, 100)
        box.clock.pass_s(40)
        await box.holds.save()
    async with open_box() as box:
        box.clock.wall += 10 * 365 * 86_400_000
        assert box.holds.uptime_s() == 40
        box.clock.mono += 59_000
        (hold,) = await box.manifest.holds()
        assert hold.until_uptime_s - box.holds.uptime_s() == 1


async def test_an_expired_lease_is_released(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("layover_agent.holds.holds.ROUND_S", 0.01)
    row = await box.listed(box.record())
    await box.holds.place(row, 100)
    janitor = asyncio.create_task(box.holds.run())
    try:
        box.clock.pass_s(99)
        await eventually(lambda: saved(box, 99), "the janitor's round")
        assert len(await box.manifest.holds()) == 1
        box.clock.pass_s(1)

        async def ended() -> bool:
            return await box.manifest.holds() == []

        await eventually(ended, "the end of the lease")
    finally:
        janitor.cancel()
        await asyncio.gather(janitor, return_exceptions=True)
    assert not box.files.held_path(row.id).exists()


async def saved(box: Box, uptime_s: int) -> bool:
    return int(await box.manifest.note("uptime_s") or 0) >= uptime_s


@pytest.mark.parametrize("lease_s", [0, -1, MAX_LEASE_S + 1])
async def test_a_lease_has_bounds(box: Box, lease_s: int) -> None:
    row = await box.listed(box.record())
    with pytest.raises(AgentError) as refusal:
        await box.holds.place(row, lease_s)
    assert refusal.value.reason is Reason.BAD_REQUEST


async def test_no_hold_where_the_recorder_may_write_over_its_files(open_box: Opened) -> None:
    async with open_box(deletes_by="") as box:
        row = await box.listed(path := box.record())
        hold = await box.holds.place(row, 60)
        assert (hold.state, hold.method) == (HoldState.NOT_POSSIBLE, "none")
        assert "deletes_by" in hold.reason
        assert path.stat().st_nlink == 1
        assert not (await box.holds.usage()).possible


async def test_no_hold_across_file_systems_and_it_says_so(box: Box) -> None:
    elsewhere = Path("/dev/shm") / f"layover-holds-{os.getpid()}"
    if not elsewhere.parent.is_dir() or elsewhere.parent.stat().st_dev == box.folder.stat().st_dev:
        pytest.skip("no second file system here")
    files = Files(box.sources, elsewhere)
    holds = await Holds.restored(box.manifest, files, box.clock)
    try:
        row = await box.listed(path := box.record())
        hold = await holds.place(row, 60)
        assert hold.state is HoldState.NOT_POSSIBLE
        assert "different file systems" in hold.reason
        assert "holds.reserve_bytes" in hold.reason
        assert await box.manifest.holds() == []
        assert path.stat().st_nlink == 1
    finally:
        assert not elsewhere.exists()


async def test_usage_recovers_when_holds_work_again(box: Box) -> None:
    row = await box.listed(box.record())
    (box.folder / "holds").write_text("a file where the folder should be")
    refused = await box.holds.place(row, 60)
    assert refused.state is HoldState.NOT_POSSIBLE
    assert "the holds folder is no folder" in refused.reason
    (box.folder / "holds").unlink()
    box.clock.pass_s(61)
    assert (await box.holds.place(row, 60)).state is HoldState.HELD
    usage = await box.holds.usage()
    assert (usage.possible, usage.method, usage.count, usage.size_bytes, usage.cost_bytes) == (
        True, await method_here(box), 1, row.size_bytes, 0,
    )  # fmt: skip


async def test_a_held_file_that_was_written_over_is_broken(box: Box) -> None:
    row = await box.listed(path := box.record(data=b"a" * 9000))
    await box.holds.place(row, 60)
    with path.open("r+b") as file:
        file.write(b"other")
    touch_at(path, box.clock.wall)
    held = await box.manifest.get(row.id)
    assert held is not None
    hold = await box.holds.place(held, 60)
    assert (hold.state, hold.lease_s) == (HoldState.BROKEN, 0)
    with pytest.raises(AgentError) as refusal:
        box.files.open(held)
    assert refusal.value.reason is Reason.CHANGED


async def test_a_file_replaced_since_it_was_listed_is_not_held(box: Box) -> None:
    row = await box.listed(path := box.record(data=b"a" * 9000))
    path.unlink()
    path.write_bytes(b"b" * 9000)
    with pytest.raises(AgentError) as refusal:
        await box.holds.place(row, 60)
    assert refusal.value.reason is Reason.CHANGED
    assert not box.files.held_path(row.id).exists()
    assert await box.manifest.holds() == []


async def test_a_file_deleted_since_it_was_listed_is_no_hold_and_not_yet_gone(box: Box) -> None:
    row = await box.listed(path := box.record())
    path.unlink()
    with pytest.raises(AgentError) as refusal:
        await box.holds.place(row, 60)
    assert refusal.value.reason is Reason.STORAGE
    assert await box.manifest.holds() == []


async def test_a_link_without_its_row_does_not_fill_the_disk_for_ever(open_box: Opened) -> None:
    """A power cut between the link and its row: the recorder deletes, and nobody else would."""
    async with open_box() as box:
        row = await box.listed(path := box.record())
        target = box.files.held_path(row.id)
        target.parent.mkdir(exist_ok=True)
        os.link(path, target)
    async with open_box() as box:
        (hold,) = await box.manifest.holds()
        assert hold.recording_id == row.id
        assert 0 < hold.until_uptime_s - box.holds.uptime_s() <= MAX_LEASE_S
        assert target.exists()


async def test_a_hold_survives_a_restart(open_box: Opened) -> None:
    async with open_box() as box:
        row = await box.listed(path := box.record(data=DATA))
        await box.holds.place(row, 600)
    path.unlink()
    async with open_box() as box:
        await box.scanner.scan()
        assert await read(box, row.id) == DATA


async def test_holds_survive_a_corrupt_manifest(open_box: Opened, tmp_path: Path) -> None:
    """The promise outlives the database: what was held before is held after."""
    async with open_box() as box:
        row = await box.listed(path := box.record(data=DATA))
        await box.holds.place(row, 600)
    (tmp_path / "manifest.db").write_bytes(b"junk" * 1000)
    async with open_box() as box:
        assert (await box.listed(path)).held
        path.unlink()
        await box.scanner.scan()
        assert await read(box, row.id) == DATA
