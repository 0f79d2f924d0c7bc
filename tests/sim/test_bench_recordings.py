"""The made recordings: valid movies, each with bytes, clock and length of its own."""

import hashlib
from pathlib import Path

import av
import pytest

from layover_agent.core.containers import look
from layover_sim.bench.recordings import CAMERAS, LONGEST_MS, SEGMENT_MS, Folder, Mould
from layover_sim.recorder_settings import name_of

FIRST_MS = 1_795_000_000_000
COUNT = 3 * CAMERAS


@pytest.fixture
def made(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path, FIRST_MS)
    folder.write(COUNT)
    return folder


def files(folder: Folder) -> list[Path]:
    return sorted(folder.folder.rglob("*.mp4"))


def duration_ms(path: Path) -> int:
    with av.open(str(path)) as container:
        assert container.duration is not None
        return round(container.duration / 1000)


def test_every_recording_is_a_file_with_bytes_of_its_own(made: Folder) -> None:
    digests = {hashlib.sha256(path.read_bytes()).digest() for path in files(made)}
    assert len(digests) == COUNT


def test_all_cameras_record(made: Folder) -> None:
    assert len({path.parent.parent for path in files(made)}) == CAMERAS


def test_a_recording_plays_to_its_end(made: Folder) -> None:
    for path in files(made)[:5]:
        with av.open(str(path)) as container:
            assert len(list(container.decode(video=0))) == 5
        assert SEGMENT_MS <= duration_ms(path) <= LONGEST_MS


def test_the_agent_finds_it_complete_and_as_long_as_a_player_does(made: Folder) -> None:
    path = files(made)[7]
    data = path.read_bytes()
    found = look("mp4", lambda at, size: data[at : at + size], len(data))
    assert found is not None and found.complete and found.duration_ms is not None
    assert abs(found.duration_ms - duration_ms(path)) <= 1


def test_one_recording_of_a_camera_begins_where_the_one_before_ends(made: Folder) -> None:
    first, second, _ = files(made)[:3]
    (camera,) = {first.parent.parent.name, second.parent.parent.name}
    begin_ms = FIRST_MS + 1000 * int(camera.removeprefix("cam-"))
    assert first == made.folder / name_of(camera, begin_ms)
    end_ms = first.stat().st_mtime_ns // 1_000_000
    assert second == made.folder / name_of(camera, end_ms)


def test_it_costs_less_disk_than_it_is_long(made: Folder) -> None:
    facts = [path.stat() for path in files(made)]
    assert sum(one.st_blocks * 512 for one in facts) < sum(one.st_size for one in facts) / 2


def test_what_is_written_later_ends_later_than_all_before(made: Folder) -> None:
    before = set(files(made))
    last_end_ms = made.last_end_ms
    made.write(CAMERAS)
    later = [path for path in files(made) if path not in before]
    assert len(later) == CAMERAS
    assert all(path.stat().st_mtime_ns > last_end_ms * 1_000_000 for path in later)


def test_a_large_one_is_as_large_as_asked_and_has_no_hole(tmp_path: Path) -> None:
    path = Folder(tmp_path, FIRST_MS).write_large("long", FIRST_MS, 3 << 20)
    facts = path.stat()
    assert 3 << 20 <= facts.st_size < (3 << 20) + 20_000
    assert facts.st_blocks * 512 >= facts.st_size
    assert duration_ms(path) == SEGMENT_MS


def test_a_mould_is_not_changed_by_what_is_made_in_it() -> None:
    mould = Mould()
    one = mould.movie(FIRST_MS, 60_000, 10)
    mould.movie(FIRST_MS + 1, 70_000, 99)
    assert mould.movie(FIRST_MS, 60_000, 10) == one


def test_the_cache_is_emptied_without_a_change(made: Folder) -> None:
    before = {path: path.stat().st_mtime_ns for path in files(made)}
    made.out_of_cache()
    assert {path: path.stat().st_mtime_ns for path in files(made)} == before
