"""What a scan makes of files that vanish, move, change or cannot be read."""

import errno
import os
from pathlib import Path

import pytest
from agent.conftest import Box, Opened
from agent.kit import touch_at


async def test_what_vanished_is_gone_with_a_new_seq_and_stays_in_the_feed(box: Box) -> None:
    row = await box.listed(path := box.record())
    box.record(start="11-00-00", written_s_ago=60)
    path.unlink()
    await box.scanner.scan()
    gone = await box.manifest.get(row.id)
    assert gone is not None
    assert not gone.present
    assert gone.seq > row.seq
    assert gone.gone_ms == box.clock.wall


async def test_what_comes_back_is_present_again_under_its_id(box: Box) -> None:
    other = box.record(start="11-00-00", written_s_ago=60)
    row = await box.listed(path := box.record())
    aside = path.rename(box.folder / "aside.h264")
    await box.scanner.scan()
    aside.rename(path)
    back = await box.listed(path)
    assert back.id == row.id
    assert back.gone_ms == 0
    assert other.exists()


@pytest.mark.parametrize(("count", "becomes_gone"), [(1, True), (2, True), (3, False), (40, False)])
async def test_a_folder_that_is_suddenly_empty(box: Box, count: int, becomes_gone: bool) -> None:
    paths = [box.record(start=f"10-{n:02}-00") for n in range(count)]
    await box.scanner.scan()
    for path in paths:
        path.unlink()
    await box.scanner.scan()
    assert (len(await box.present()) == 0) is becomes_gone
    assert ("main" in box.scanner.faults) is not becomes_gone


async def test_a_vanished_root_is_a_fault_that_ends_when_it_is_back(box: Box) -> None:
    box.record()
    await box.scanner.scan()
    since_ms = box.clock.wall
    away = box.recordings.rename(box.folder / "unmounted")
    for _ in range(2):
        box.clock.pass_s(30)
        await box.scanner.scan()
    assert len(await box.present()) == 1
    assert box.scanner.faults["main"][0] == since_ms + 30_000
    away.rename(box.recordings)
    await box.scanner.scan()
    assert box.scanner.faults == {}


async def test_a_folder_below_that_cannot_be_read_loses_nothing(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bad sector in one folder is no proof that its recordings were deleted."""
    box.record(camera="front")
    box.record(camera="rear")
    await box.scanner.scan()
    scandir = os.scandir

    def broken(path: Path) -> object:
        if "rear" in str(path):
            raise OSError(errno.EIO, "Input/output error")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", broken)
    await box.scanner.scan()
    assert len(await box.present()) == 2


async def test_a_renamed_file_is_the_same_recording_at_its_new_place(box: Box) -> None:
    """A dashcam moves an event from one folder into another."""
    path = box.record()
    box.record(start="11-00-00", written_s_ago=60)
    row = await box.listed(path)
    new = path.with_suffix(".m2ts")
    path.rename(new)
    moved = await box.listed(new)
    assert moved.id == row.id


async def test_two_names_of_one_recording_do_not_churn_the_feed(box: Box) -> None:
    path = box.record()
    os.link(path, path.with_suffix(".copy"))
    await box.scanner.scan()
    head = await box.manifest.head()
    for _ in range(3):
        await box.scanner.scan()
    assert (await box.manifest.head()).seq == head.seq
    assert len(await box.rows()) == 1


async def test_a_file_written_over_in_place_is_another_recording(box: Box) -> None:
    path = box.record(data=b"a" * 9000)
    box.record(start="11-00-00", written_s_ago=60)
    old = await box.listed(path)
    path.write_bytes(b"b" * 9000)
    touch_at(path, box.clock.wall - 100_000)
    new = await box.listed(path)
    assert new.id != old.id
    gone = await box.manifest.get(old.id)
    assert gone is not None
    assert not gone.present


async def test_only_the_cameras_that_are_shared_are_listed(open_box: Opened) -> None:
    async with open_box(cameras=("front",)) as box:
        box.record(camera="front")
        box.record(camera="toilet")
        await box.scanner.scan()
        assert {row.camera for row in await box.rows()} == {"front"}


async def test_links_pipes_and_strange_names_are_harmless(box: Box) -> None:
    day = box.record().parent
    secret = box.folder / "secret.h264"
    secret.write_bytes(b"s" * 100)
    (day / "11-00-00.h264").symlink_to(secret)
    (day / "elsewhere").symlink_to(box.folder)
    os.mkfifo(day / "12-00-00.h264")
    (day / "notes.txt").write_text("no recording")
    (day / "13-00-00.h264").mkdir()
    await box.scanner.scan()
    assert sorted(await box.present()) == ["front/2026-11-21/10-00-00.h264"]


async def test_a_name_that_is_no_utf8_is_listed_and_its_bytes_are_found(box: Box) -> None:
    name = os.fsencode(box.recordings) + b"/b\xfcs/2026-11-21/10-00-00.h264"
    os.makedirs(os.path.dirname(name))
    with open(name, "wb") as file:
        file.write(b"x" * 5000)
    box.clock.wall = int(os.stat(name).st_mtime * 1000) + 60_000
    await box.scanner.scan()
    (row,) = (await box.present()).values()
    row.camera.encode()
    handle = box.files.open(row)
    os.close(handle)


async def test_cameras_whose_names_are_no_utf8_stay_apart(box: Box) -> None:
    for camera in (b"b\xfcs", b"b\xffs"):
        name = os.fsencode(box.recordings) + b"/" + camera + b"/2026-11-21/10-00-00.h264"
        os.makedirs(os.path.dirname(name))
        with open(name, "wb") as file:
            file.write(b"x" * 5000)
    box.clock.wall = int(os.stat(name).st_mtime * 1000) + 60_000
    await box.scanner.scan()
    assert len({row.camera for row in await box.rows()}) == 2


async def test_ids_survive_a_rebuilt_database(open_box: Opened, tmp_path: Path) -> None:
    async with open_box() as box:
        first = await box.listed(box.record())
    for stale in tmp_path.glob("manifest.db*"):
        stale.unlink()
    async with open_box() as box:
        await box.scanner.scan()
        (again,) = (await box.present()).values()
        assert again.id == first.id
        assert box.manifest.epoch != ""


async def test_the_second_scan_of_an_unchanged_folder_writes_no_rows(box: Box) -> None:
    for minute in range(5):
        box.record(start=f"10-0{minute}-00")
    await box.scanner.scan()
    before = await box.manifest.head()
    box.clock.pass_s(30)
    await box.scanner.scan()
    after = await box.manifest.head()
    assert after.seq == before.seq
    assert after.scanned_ms == before.scanned_ms + 30_000


async def test_time_in_the_manifest_stands_still_while_a_source_is_at_fault(box: Box) -> None:
    """How old the rows are is part of what they say."""
    for minute in range(5):
        box.record(start=f"10-0{minute}-00")
    await box.scanner.scan()
    good_ms = (await box.manifest.head()).scanned_ms
    box.recordings.rename(box.folder / "unmounted")
    box.clock.pass_s(300)
    await box.scanner.scan()
    assert (await box.manifest.head()).scanned_ms == good_ms


async def test_a_source_that_is_no_longer_configured_is_no_longer_offered(
    open_box: Opened,
) -> None:
    async with open_box(name="old") as box:
        row = await box.listed(box.record())
    async with open_box(name="new") as box:
        await box.scanner.scan()
        assert [one.source for one in (await box.present()).values()] == ["new"]
        gone = await box.manifest.get(row.id)
        assert gone is not None
        assert not gone.present


async def test_a_copy_is_listed_once_the_original_is_gone(box: Box) -> None:
    path = box.record()
    copy = path.with_suffix(".copy")
    os.link(path, copy)
    await box.scanner.scan()
    (row,) = await box.rows()
    (box.recordings / row.path).unlink()
    other = copy if row.path.endswith(".h264") else path
    moved = await box.listed(other)
    assert moved.id == row.id
    assert len(await box.rows()) == 1
