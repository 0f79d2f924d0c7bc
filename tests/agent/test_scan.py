from agent.conftest import Box, Opened
from agent.kit import touch_at


async def test_a_whole_mp4_has_its_end_from_the_container(box: Box, mp4: bytes) -> None:
    row = await box.listed(box.record(data=mp4, ext="mp4"))
    assert (row.end_ms - row.start_ms, row.end_source, row.confidence) == (
        2000,
        "container",
        "sure",
    )
    assert (row.camera, row.container, row.damaged) == ("front", "mp4", False)


async def test_a_file_being_written_is_not_listed(box: Box) -> None:
    box.record(written_s_ago=0)
    await box.scanner.scan()
    assert await box.present() == {}


async def test_a_growing_file_never_settles_and_a_quiet_one_does(open_box: Opened) -> None:
    # Its times lie in the future, so that only the monotonic clock can tell.
    async with open_box() as box:
        path = box.record(written_s_ago=-3600)
        for second in range(8):
            with path.open("ab") as file:
                file.write(b"more")
            touch_at(path, box.clock.wall + 3_600_000 + second)
            assert await box.scanner.scan() is not None, "it says when to look again"
            assert await box.present() == {}
            box.clock.pass_s(1)
        box.clock.pass_s(5)
        await box.scanner.scan()
        assert len(await box.present()) == 1


async def test_a_close_that_was_seen_lists_at_once(box: Box, mp4: bytes) -> None:
    path = box.record(data=mp4, ext="mp4", written_s_ago=0)
    await box.scanner.scan([str(path)])
    (row,) = (await box.present()).values()
    assert row.closed_mono_ms == box.clock.mono
    assert row.boot_id == box.clock.boot_id


async def test_a_newer_recording_of_the_same_camera_closes_the_older(box: Box) -> None:
    old = box.record(start="10-00-00", written_s_ago=3)
    box.record(start="10-01-00", written_s_ago=0)
    row = await box.listed(old)
    assert (row.end_source, row.confidence) == ("next-recording", "derived")
    assert row.end_ms - row.start_ms == 60_000
    assert len(await box.present()) == 1


async def test_a_newer_recording_of_another_camera_says_nothing(box: Box) -> None:
    box.record(camera="front", start="10-00-00", written_s_ago=0)
    box.record(camera="rear", start="10-01-00", written_s_ago=0)
    await box.scanner.scan()
    assert await box.present() == {}


async def test_a_file_still_written_is_open_though_files_of_the_future_lie_beside_it(
    box: Box,
) -> None:
    """The box's clock was set back: what was recorded before bears later names."""
    box.record(start="23-00-00", written_s_ago=900)
    box.record(start="10-00-00", written_s_ago=0)
    await box.scanner.scan()
    assert sorted(await box.present()) == ["front/2026-11-21/23-00-00.h264"]


async def test_a_night_without_recording_is_not_part_of_the_recording_before(box: Box) -> None:
    path = box.record(start="10-00-00")
    written_ms = box.clock.wall - 3_600_000 + 30_000  # 10:00:30
    touch_at(path, written_ms)
    box.record(start="10-50-00")
    row = await box.listed(path)
    assert (row.end_ms, row.end_source, row.confidence) == (written_ms, "mtime", "guessed")


async def test_an_mp4_cut_short_is_damaged_only_when_it_is_old(box: Box, mp4: bytes) -> None:
    path = box.record(data=mp4[:-100], ext="mp4", written_s_ago=30)
    await box.scanner.scan()
    assert await box.present() == {}
    box.clock.pass_s(31)
    row = await box.listed(path)
    assert row.damaged
    assert row.end_source != "container"


async def test_an_mp4_still_open_is_not_listed_because_a_newer_one_began(
    box: Box, mp4: bytes
) -> None:
    box.record(data=mp4[:-100], ext="mp4", start="10-00-00", written_s_ago=1)
    box.record(data=mp4[:100], ext="mp4", start="10-01-00", written_s_ago=0)
    await box.scanner.scan()
    assert await box.present() == {}


async def test_an_empty_file_is_no_recording(box: Box) -> None:
    box.record(data=b"")
    await box.scanner.scan()
    assert await box.present() == {}
