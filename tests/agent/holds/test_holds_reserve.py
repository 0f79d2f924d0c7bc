"""The reserve keeps the recorder's free space true; copies come out of it, and stop in time."""

import asyncio
import os
from pathlib import Path

import pytest
from agent.holds.conftest import OpenDen, den_at
from agent.holds.disks import fill, mounted
from agent.kit import until

from layover_agent.core.holding import Terms
from layover_agent.holds.reserve import Reserve
from layover_agent.wire.types import HoldState

MB = 1 << 20
TERMS = Terms(reserve_bytes=8 * MB, max_percent=90, copy_rate_bps=10**9)


def free(disk: Path) -> int:
    facts = os.statvfs(disk)
    return facts.f_bavail * facts.f_frsize


async def test_what_only_a_hold_keeps_comes_out_of_the_reserve_and_goes_back(
    tmp_path: Path,
) -> None:
    with mounted("ext4", tmp_path) as disk:
        async with den_at(tmp_path, disk, terms=TERMS) as den:
            reserve = disk / "holds" / "reserve"
            assert reserve.stat().st_size == 8 * MB
            assert reserve.stat().st_blocks * 512 >= 8 * MB
            row = await den.listed(path := den.record(data=os.urandom(3 * MB)))
            await den.holds.place(row, 600)
            before = free(disk)
            assert reserve.stat().st_size == 8 * MB
            path.unlink()
            await den.scanner.scan()
            usage = await den.holds.usage()
            assert (usage.cost_bytes, usage.reserve_free_bytes) == (3 * MB, 5 * MB)
            # The recorder deleted three megabytes, and has three megabytes more.
            assert free(disk) - before == pytest.approx(3 * MB, abs=64 << 10)
            await den.holds.release(row.id)
            assert reserve.stat().st_size == 8 * MB
            assert free(disk) - before == pytest.approx(3 * MB, abs=64 << 10)


async def test_a_full_disk_gets_no_reserve_until_there_is_room(tmp_path: Path) -> None:
    with mounted("ext4", tmp_path) as disk:
        (disk / "holds").mkdir()
        fill(disk)
        reserve = Reserve(disk / "holds", TERMS)
        reserve.fit(0)
        assert reserve.size_bytes == 0
        assert "full" in reserve.trouble
        (disk / "fill").unlink()
        os.sync()
        reserve.fit(0)
        assert (reserve.size_bytes, reserve.trouble) == (8 * MB, "")


def test_a_reserve_is_never_more_than_its_share_of_the_disk(tmp_path: Path) -> None:
    with mounted("ext4", tmp_path) as disk:
        Reserve(disk, Terms(reserve_bytes=1 << 40, max_percent=10)).fit(0)
        size = os.statvfs(disk)
        assert (disk / "reserve").stat().st_size == size.f_blocks * size.f_frsize // 10


def test_a_reserve_that_is_no_longer_granted_goes(tmp_path: Path) -> None:
    Reserve(tmp_path, Terms(reserve_bytes=MB, max_percent=90)).fit(0)
    assert (tmp_path / "reserve").stat().st_size == MB
    Reserve(tmp_path, Terms()).fit(0)
    assert (tmp_path / "reserve").stat().st_size == 0


def test_without_a_reserve_nothing_is_made(tmp_path: Path) -> None:
    Reserve(tmp_path, Terms()).fit(0)
    assert list(tmp_path.iterdir()) == []


COPYING = {"deletes_by": "", "terms": TERMS}
SLOWLY = {
    "deletes_by": "",
    "terms": Terms(reserve_bytes=8 * MB, max_percent=90, copy_rate_bps=10**6),
}


async def test_a_copy_is_paid_for_at_once_and_only_with_room(open_den: OpenDen) -> None:
    async with open_den(**SLOWLY) as den:
        skip_where_reflinks_work(await den.holds.usage())
        first = await den.listed(den.record("10-00-00", b"a" * 6 * MB))
        second = await den.listed(den.record("10-10-00", b"b" * 3 * MB))
        assert (await den.holds.place(first, 600)).state is HoldState.PENDING
        refused = await den.holds.place(second, 600)
        assert refused.state is HoldState.NOT_POSSIBLE
        assert "no room left" in refused.reason
        assert (await den.holds.usage()).reserve_free_bytes == 2 * MB
        assert (await den.holds.place(first, 600)).state is HoldState.PENDING


async def test_a_copy_that_is_released_stops_and_leaves_nothing(open_den: OpenDen) -> None:
    async with open_den(**SLOWLY) as den:
        skip_where_reflinks_work(await den.holds.usage())
        row = await den.listed(den.record(data=b"a" * 2 * MB))
        running = asyncio.create_task(den.holds.run())
        try:
            await den.holds.place(row, 600)
            await until(lambda: f"{row.id}.part" in den.left(), "the copy's begin")
            await den.holds.release(row.id)
            await until(lambda: den.left() == set(), "the copy's end")
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        assert await den.held_ids() == []
        assert (await den.holds.usage()).reserve_free_bytes == 8 * MB


async def test_an_original_that_changes_while_it_is_copied_is_not_held(open_den: OpenDen) -> None:
    async with open_den(**SLOWLY) as den:
        skip_where_reflinks_work(await den.holds.usage())
        row = await den.listed(path := den.record(data=b"a" * MB))
        running = asyncio.create_task(den.holds.run())
        try:
            await den.holds.place(row, 600)
            await until(lambda: f"{row.id}.part" in den.left(), "the copy's begin")
            with path.open("ab") as file:
                file.write(b"more")
            path.unlink()
            await until(lambda: not len(den.holds._copies), "the copy's end", 30)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        assert (await den.held_ids(), den.left()) == ([], set())


async def test_a_copy_that_a_crash_cut_off_is_cleared_away(open_den: OpenDen) -> None:
    async with open_den(**COPYING) as den:
        row = await den.listed(den.record())
        den.folder.mkdir(exist_ok=True)
        (den.folder / f"{row.id}.part").write_bytes(b"half")
        (den.folder / f"{row.id}.json").write_bytes(b'{"half')
    async with open_den(**COPYING) as den:
        assert (await den.held_ids(), den.left()) == ([], set())


def skip_where_reflinks_work(usage: object) -> None:
    if getattr(usage, "method", "") == "reflink":
        pytest.skip("this disk has reflinks: nothing is copied")


async def test_a_disk_that_is_not_mounted_does_not_make_the_boxs_own_fill_up(
    tmp_path: Path,
) -> None:
    with mounted("ext4", tmp_path) as disk:
        async with den_at(tmp_path, disk, terms=TERMS) as den:
            await den.holds.place(await den.listed(den.record()), 600)
    async with den_at(tmp_path, disk, terms=TERMS) as den:
        usage = await den.holds.usage()
        assert "another disk" in usage.reason
        assert not (disk / "holds" / "reserve").exists()
        (held,) = await den.held_ids()
        await den.holds.release(held)
        assert "another disk" not in (await den.holds.usage()).reason
