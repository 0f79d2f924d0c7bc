import os
import time
from pathlib import Path

import pytest
from agent.kit import write_at

from layover_agent.core.openpilot import SEGMENT_MS
from layover_agent.settings import SourceConfig
from layover_agent.sources.openpilot import OpenpilotSource
from layover_agent.sources.source import Entry

START_MS = 1_795_258_800_000
ROUTE = "000001a3--c20ba54385"
FILES = ("fcamera.hevc", "ecamera.hevc", "dcamera.hevc", "qcamera.ts", "rlog.zst", "qlog.zst")


class Device:
    """openpilot's folder of drives."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def segment(
        self, number: int, route: str = ROUTE, written_ms: int | None = None, lasts_ms: int = 60_000
    ) -> Path:
        """A closed segment of a drive that began at START_MS."""
        folder = self.folder / f"{route}--{number}"
        if written_ms is None:
            written_ms = START_MS + number * SEGMENT_MS + lasts_ms
        for file in FILES:
            write_at(folder / file, f"{route} {number} {file}".encode(), written_ms)
        return folder

    def mark(self, number: int, route: str = ROUTE, value: bytes = b"1") -> None:
        """As a bookmark of the driver's does."""
        os.setxattr(self.folder / f"{route}--{number}", "user.preserve", value)

    def source(self, **settings: object) -> OpenpilotSource:
        config = SourceConfig(folder=str(self.folder), recorder="openpilot", **settings)  # type: ignore[arg-type]
        return OpenpilotSource("device", config)


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path)


def entry(source: OpenpilotSource, path: str) -> Entry:
    found = source.entry(path)
    assert found is not None
    return found


def start_ms(source: OpenpilotSource, number: int, route: str = ROUTE) -> int | None:
    named = source.named(entry(source, f"{route}--{number}/fcamera.hevc"))
    assert named is not None
    return named.start_ms


def locked(source: OpenpilotSource) -> set[str]:
    return {
        f"{named.event[-1]}{named.seq}"
        for one in source.entries([])
        if (named := source.named(one)) and named.locked
    }


def test_its_cameras_are_shared_and_its_logs_are_not(device: Device) -> None:
    device.segment(0)
    source = device.source()
    named = [one for e in source.entries([]) if (one := source.named(e))]
    assert {one.camera for one in named} == {"fcamera", "ecamera", "dcamera", "qcamera"}
    assert {(one.event, one.seq, one.sure) for one in named} == {(ROUTE, 0, False)}


def test_logs_are_shared_where_they_are_asked_for(device: Device) -> None:
    device.segment(0)
    source = device.source(cameras=("fcamera", "rlog"))
    named = {one.camera for e in source.entries([]) if (one := source.named(e))}
    assert named == {"fcamera", "rlog"}


@pytest.mark.parametrize(
    "path",
    [
        "boot/000001a3--c20ba54385",
        "crash/fcamera.hevc",
        f"{ROUTE}--0/rlog.lock",
        f"{ROUTE}--0/fcamera.hevc.lock",
        f"{ROUTE}--0/fcamera.jpg",
        f"{ROUTE}--0/deep/fcamera.hevc",
        f"{ROUTE}--00/fcamera.hevc",
        "fcamera.hevc",
    ],
)
def test_other_files_are_no_recordings(device: Device, path: str) -> None:
    write_at(device.folder / path, b"x", START_MS)
    source = device.source()
    assert [source.named(one) for one in source.entries([])] == [None]


def test_a_drive_s_segments_follow_each_other_by_a_minute(device: Device) -> None:
    for number in range(40):
        device.segment(number, lasts_ms=60_000 + number % 7)
    source = device.source()
    for number in range(40):
        found = start_ms(source, number)
        assert found is not None
        assert 0 <= found - (START_MS + number * SEGMENT_MS) <= 7


def test_the_last_and_short_segment_follows_too(device: Device) -> None:
    for number in range(4):
        device.segment(number)
    device.segment(4, lasts_ms=9_000)
    assert start_ms(device.source(), 4) == START_MS + 4 * SEGMENT_MS


def test_a_file_that_was_touched_later_does_not_move_the_drive(device: Device) -> None:
    for number in range(9):
        device.segment(number)
    device.segment(3, written_ms=START_MS + 10**10)
    source = device.source()
    assert [start_ms(source, n) for n in range(9)] == [START_MS + n * SEGMENT_MS for n in range(9)]


def test_a_drive_whose_first_segments_are_deleted(device: Device) -> None:
    for number in range(300, 310):
        device.segment(number)
    assert start_ms(device.source(), 305) == START_MS + 305 * SEGMENT_MS


def test_a_clock_that_is_set_during_a_drive_is_noticed_by_the_next_segment(
    device: Device,
) -> None:
    source = device.source()
    device.segment(0, written_ms=60_000)
    assert start_ms(source, 0) == 0
    for number in range(1, 4):
        device.segment(number)
        start_ms(source, number)
    assert start_ms(source, 3) == START_MS + 3 * SEGMENT_MS


def test_an_old_name_gives_the_second_and_the_files_its_zone(device: Device) -> None:
    route = "2026-11-21--06-00-00"
    for number in range(3):
        device.segment(number, route, lasts_ms=60_000 + 2_345)
    source = device.source()
    named = source.named(entry(source, f"{route}--2/fcamera.hevc"))
    assert named is not None
    assert (named.start_ms, named.sure) == (START_MS + 2 * SEGMENT_MS, True)


def test_an_old_name_that_the_files_contradict_does_not_count(device: Device) -> None:
    route = "2019-01-01--06-00-00"
    device.segment(0, route)
    source = device.source()
    named = source.named(entry(source, f"{route}--0/fcamera.hevc"))
    assert named is not None
    assert (named.start_ms, named.sure) == (START_MS, False)


def test_where_the_time_comes_from_is_said(device: Device) -> None:
    device.segment(1)
    old = "2026-11-21--06-00-00"
    device.segment(1, old)
    source = device.source()
    said = {}
    for route in (ROUTE, old):
        one = entry(source, f"{route}--1/fcamera.hevc")
        named = source.named(one)
        assert named is not None
        examined = source.examine(one, named)
        assert examined.container is None
        said[route] = (examined.start_ms - START_MS, examined.start_source, examined.start_sure)
    assert said == {ROUTE: (SEGMENT_MS, "mtime", False), old: (SEGMENT_MS, "name", True)}


def test_an_id_does_not_depend_on_what_the_clock_was_thought_to_be(device: Device) -> None:
    device.segment(0)
    ids = []
    for later_ms in (0, 10_000):
        for number in range(1, 6):
            device.segment(number, lasts_ms=60_000 + later_ms)
        source = device.source()
        one = entry(source, f"{ROUTE}--0/fcamera.hevc")
        named = source.named(one)
        assert named is not None
        ids.append((named.start_ms, source.examine(one, named).id))
    assert ids[0][0] != ids[1][0]
    assert ids[0][1] == ids[1][1]


def test_a_segment_is_open_while_any_lock_lies_in_it(device: Device) -> None:
    now_ms = time.time_ns() // 1_000_000
    folder = device.segment(0, written_ms=now_ms)
    locks = [folder / "rlog.lock", folder / "fcamera.hevc.lock"]
    for lock in locks:
        lock.touch()
    source = device.source()
    one = entry(source, f"{ROUTE}--0/fcamera.hevc")
    assert source.closed(one) is False
    locks[0].unlink()
    assert source.closed(one) is False
    locks[1].unlink()
    assert source.closed(one) is True


def test_a_lock_before_a_newer_segment_says_nothing(device: Device) -> None:
    now_ms = time.time_ns() // 1_000_000
    (device.segment(0, written_ms=now_ms) / "rlog.lock").touch()
    device.segment(1, written_ms=now_ms)
    source = device.source()
    assert source.closed(entry(source, f"{ROUTE}--0/fcamera.hevc")) is None


def test_a_lock_that_a_power_cut_left_says_nothing(device: Device) -> None:
    (device.segment(0) / "rlog.lock").touch()
    source = device.source()
    assert source.closed(entry(source, f"{ROUTE}--0/fcamera.hevc")) is None


def test_bookmarked_segments_are_locked_each_with_the_one_before(device: Device) -> None:
    for number in range(10):
        device.segment(number)
    device.mark(4)
    device.mark(9, value=b"0")
    assert locked(device.source()) == {"53", "54"}


def test_only_the_newest_five_bookmarks_are_locked(device: Device) -> None:
    routes = ["2023-01-01--10-00-00", "00000009--aaaaaaaaa9", "0000000a--aaaaaaaaaa"]
    for route in routes:
        for number in (1, 2, 11):
            device.segment(number, route)
            device.mark(number, route)
    assert locked(device.source()) == {"a1", "a2", "a11", "92", "911", "91"}


def test_a_bookmark_of_the_drive_under_way_is_seen(device: Device) -> None:
    device.segment(0)
    source = device.source()
    assert locked(source) == set()
    device.segment(1)
    device.mark(1)
    device.segment(2)
    named = source.named(entry(source, f"{ROUTE}--1/fcamera.hevc"))
    assert named is not None
    assert named.locked


def test_thousands_of_drives_take_no_memory(device: Device) -> None:
    for count in range(300):
        device.segment(0, f"{count:08x}--c20ba54385")
    source = device.source()
    assert sum(source.named(one) is not None for one in source.entries([])) == 1200
    assert len(source._routes) <= 64


def test_a_folder_that_is_gone_is_an_error(device: Device) -> None:
    source = OpenpilotSource("device", SourceConfig(folder=str(device.folder / "none")))
    with pytest.raises(FileNotFoundError):
        list(source.entries([]))
