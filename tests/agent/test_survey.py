"""A survey of a folder: the recorder found, what is in it, what is missing, on real files."""

import dataclasses
import datetime as dt
import os
import sqlite3
import time
from pathlib import Path

import pytest
from agent.kit import HandClock
from agent.trees import planted, put

from layover_agent.recorders import known
from layover_agent.settings import SourceConfig
from layover_agent.survey import Survey, surveyed
from layover_agent.view.survey import survey as shown

WRITTEN = dt.datetime(2026, 11, 21, 9, 0, 2, tzinfo=dt.UTC)


NOW = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)


def look(folder: Path, **wish: object) -> Survey:
    """A survey on the first of December."""
    clock = HandClock(wall=int(NOW.timestamp() * 1000))
    source = SourceConfig(folder=str(folder), **wish)  # type: ignore[arg-type]
    return surveyed(source, folder.parent / "holds", clock, lambda done, total: None)


def files(root: Path, template: str, count: int = 6, **of: object) -> None:
    """Recordings of every ten minutes from 10:00 on, whose names are an hour east of UTC."""
    for number in range(count):
        when = dt.datetime(2026, 11, 21, 10, 10 * (number % 6), tzinfo=dt.UTC)
        put(root, when.strftime(template), WRITTEN + dt.timedelta(minutes=10 * number), **of)  # type: ignore[arg-type]


BESIDE = {
    "ffmpeg-list": {"list.csv": b""},
    "motioneye": {f"{example.path}.thumb": b"" for example in known()["motioneye"].examples},
}


@pytest.mark.parametrize("name", known())
def test_every_known_recorder_is_found_in_its_own_folder(name: str, tmp_path: Path) -> None:
    recorder = known()[name]
    planted(tmp_path / "rec", recorder, BESIDE.get(name, {}))
    found = look(tmp_path / "rec")
    assert found.source.recorder == name
    assert found.missing == []
    assert found.usable
    cameras = {example.camera for example in recorder.examples}
    cameras = {found.source.camera if one == "camera" else one for one in cameras}
    assert set(found.cameras) == cameras
    assert sum(camera.recordings for camera in found.cameras.values()) == len(recorder.examples)
    assert not found.open.count
    assert not found.unreadable.count


def test_numbers_and_names_of_cameras_come_through(tmp_path: Path) -> None:
    for camera in ("10 - Hallway", "2 Main Entrance Lobby"):
        files(tmp_path / "nvr" / camera, "%Y-%m-%d/%H-%M-%S.mp4")
    found = look(tmp_path / "nvr")
    said = {(one.number, one.called) for one in found.cameras.values()}
    assert said == {(10, "Hallway"), (2, "Main Entrance Lobby")}
    assert (found.source.zone, found.damaged.count) == ("+01:00", 0)
    first = found.cameras["10 - Hallway"].first_start_ms
    assert first == int(WRITTEN.timestamp() * 1000) - 2000


def test_a_folder_with_one_camera_gives_it_its_name(tmp_path: Path) -> None:
    files(tmp_path / "front door", "%Y-%m-%d_%H-%M-%S-000123.mp4")
    found = look(tmp_path / "front door")
    assert found.source.layout == "%Y-%m-%d_%H-%M-%S-%f.mp4"
    assert list(found.cameras) == ["front door"]
    assert "folder's name" in found.camera_from
    assert found.usable
    assert list(look(tmp_path / "front door", camera="hall").cameras) == ["hall"]


def test_frigate_is_proposed_with_its_database_and_its_own_folder(tmp_path: Path) -> None:
    files(tmp_path / "media" / "recordings", "%Y-%m-%d/%H/hall/%M.%S.mp4")
    (tmp_path / "media" / "config").mkdir()
    database = tmp_path / "media" / "config" / "frigate.db"
    with sqlite3.connect(database) as db:
        db.execute("CREATE TABLE recordings (path, camera, start_time, end_time, duration)")
    db.close()
    found = look(tmp_path / "media")
    assert (found.source.recorder, found.source.database) == ("frigate", str(database))
    assert found.source.folder == str(tmp_path / "media" / "recordings")
    assert found.cameras["hall"].recordings == 6


def test_frigate_without_its_database_is_proposed_and_says_so(tmp_path: Path) -> None:
    files(tmp_path / "rec", "%Y-%m-%d/%H/hall/%M.%S.mp4")
    found = look(tmp_path / "rec")
    assert found.source.recorder == "frigate"
    assert found.usable
    assert any("frigate.db" in text for text in found.to_know)


def test_openpilot_is_proposed_for_the_folder_of_its_segments(tmp_path: Path) -> None:
    for number in range(3):
        for name in ("fcamera.hevc", "qcamera.ts", "rlog.zst"):
            put(tmp_path / "0", f"realdata/0000001a--0123456789--{number}/{name}", WRITTEN)
    found = look(tmp_path / "0")
    assert found.source.recorder == "openpilot"
    assert found.source.folder == str(tmp_path / "0" / "realdata")
    assert set(found.cameras) == {"fcamera", "qcamera"}


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "rec").mkdir()
    found = look(tmp_path / "rec")
    assert not found.usable
    assert "empty" in found.missing[0]


def test_a_folder_that_nobody_knows(tmp_path: Path) -> None:
    put(tmp_path / "rec", "notes.txt", WRITTEN)
    put(tmp_path / "rec", "holiday.mp4", WRITTEN)
    found = look(tmp_path / "rec")
    assert not found.usable
    assert "no time" in found.missing[0]


def test_names_without_a_time_take_a_layout_and_the_files_own_times(tmp_path: Path) -> None:
    files(tmp_path / "rec", "DCIM/100GOPRO/GX0100%M.MP4")
    assert not look(tmp_path / "rec").usable
    found = look(tmp_path / "rec", layout="DCIM/{camera}/*.MP4", time="mtime")
    assert found.usable
    assert found.cameras["100GOPRO"].recordings == 6
    assert found.uncertain == 6


def test_chosen_cameras_are_the_only_ones_and_a_misspelt_one_is_said(tmp_path: Path) -> None:
    for camera in ("front", "driver"):
        files(tmp_path / "rec" / camera, "%Y-%m-%d/%H-%M-%S.mp4")
    assert list(look(tmp_path / "rec", cameras=("front",)).cameras) == ["front"]
    wrong = look(tmp_path / "rec", cameras=("frnt",))
    assert wrong.missing == ["No camera is called frnt; there are driver, front."]


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"zone": "Mars/Base"}, "Mars/Base"),
        ({"layout": "%Y"}, "needs"),
        ({"recorder": "camera-date-tme"}, "did you mean camera-date-time"),
        ({"recorder": "kerberos"}, "leave --recorder out"),
    ],
)
def test_a_wish_that_cannot_be(tmp_path: Path, wish: dict[str, str], said: str) -> None:
    files(tmp_path / "rec" / "front", "%Y-%m-%d/%H-%M-%S.mp4")
    found = look(tmp_path / "rec", **wish)
    assert not found.usable
    assert said in " ".join(found.missing)


def test_open_damaged_and_empty_files_are_counted_apart(tmp_path: Path) -> None:
    folder = tmp_path / "rec" / "front"
    files(folder, "%Y-%m-%d/%H-%M-%S.mp4", 3)
    film = (folder / "2026-11-21" / "10-00-00.mp4").read_bytes()
    put(folder, "2026-11-21/10-30-00.mp4", WRITTEN, film[: len(film) // 2])
    put(folder, "2026-11-21/10-40-00.mp4", NOW, film[:100])
    found = look(tmp_path / "rec", zone="+01:00")
    assert found.cameras["front"].recordings == 4
    assert found.damaged.samples == ["front/2026-11-21/10-30-00.mp4"]
    assert found.open.samples == ["front/2026-11-21/10-40-00.mp4"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user's eyes")
def test_parts_that_cannot_be_read_are_told_and_the_rest_is_looked_at(tmp_path: Path) -> None:
    for camera in ("front", "rear"):
        files(tmp_path / "rec" / camera, "%Y-%m-%d/%H-%M-%S.mp4", 3)
    (tmp_path / "rec" / "front" / "2026-11-21" / "10-00-00.mp4").chmod(0)
    (tmp_path / "rec" / "rear").chmod(0)
    for parent in (tmp_path, *tmp_path.parents[:3]):
        parent.chmod(parent.stat().st_mode | 0o055)
    look(tmp_path / "rec" / "front")
    os.seteuid(65534)
    try:
        found = look(tmp_path / "rec", zone="+01:00")
    finally:
        os.seteuid(0)
    assert found.usable
    assert found.cameras["front"].recordings == 2
    assert found.unreadable.samples == ["rear/", "front/2026-11-21/10-00-00.mp4"]
    assert "the right to read" in shown(found, "")


def test_hostile_names_break_no_line_and_no_json(tmp_path: Path) -> None:
    folder = tmp_path / "rec"
    for camera in ("a\nb", "\x1b[31mred\x1b]0;x\x07", "tab\t", "\udcff\udcfe", "٣"):
        files(folder / camera, "%Y-%m-%d/%H-%M-%S.mp4", 2)
    put(folder, "evil\x1b[2J\n.txt", WRITTEN)
    found = look(folder, zone="+01:00")
    assert len(found.cameras) == 5
    text = shown(found, "x")
    text.encode()
    assert all(line.isprintable() for line in text.splitlines())


def test_no_line_is_wider_than_a_terminal(tmp_path: Path) -> None:
    for camera in ("10 - " + "Hallway " * 20, "2 Main Entrance Lobby", "c" * 200):
        files(tmp_path / "rec" / camera, "%Y-%m-%d/%H-%M-%S.mp4")
    found = look(tmp_path / "rec")
    assert max(map(len, shown(found, "").splitlines())) <= 80


def test_holds_are_told_as_the_configuration_allows_them(tmp_path: Path) -> None:
    files(tmp_path / "rec" / "front", "%Y-%m-%d/%H-%M-%S.mp4")
    declared = look(tmp_path / "rec", deletes_by="unlink")
    assert declared.holds in ("reflink", "link")
    plain = look(tmp_path / "rec")
    if not plain.holds:
        assert "--deletes-by unlink" in shown(plain, "")
    planted(tmp_path / "mtx", known()["mediamtx"], {})
    assert look(tmp_path / "mtx").holds in ("reflink", "link"), "known to delete by unlinking"
    left = {path.name for path in tmp_path.rglob("*") if "layover" in path.name}
    assert not left, "the trial leaves nothing behind"


@pytest.mark.slow
def test_ten_thousand_files(tmp_path: Path) -> None:
    film = put(tmp_path, "film.mp4", WRITTEN)
    for number in range(10_000):
        when = dt.datetime(2026, 11, 1, tzinfo=dt.UTC) + dt.timedelta(minutes=number)
        file = tmp_path / "rec" / f"c{number % 4}" / when.strftime("%Y-%m-%d_%H-%M-%S.mp4")
        file.parent.mkdir(parents=True, exist_ok=True)
        os.link(film, file)
    steps: list[tuple[int, int]] = []
    began = time.monotonic()
    source = SourceConfig(folder=str(tmp_path / "rec"), zone="UTC")
    found = surveyed(
        source, tmp_path / "holds", HandClock(), lambda done, total: steps.append((done, total))
    )
    assert sum(camera.recordings for camera in found.cameras.values()) == 10_000
    assert steps[-1] == (10_000, 10_000)
    assert len(steps) == 20
    assert time.monotonic() - began < 60
    assert dataclasses.asdict(found)
