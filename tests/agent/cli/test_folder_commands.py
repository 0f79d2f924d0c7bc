"""`recorders`, `check` and `init` as a technician runs them: words, exit statuses, files."""

import argparse
import datetime as dt
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from agent.kit import HandClock
from agent.trees import put

from layover_agent.cli import folder
from layover_agent.config import load
from layover_agent.manifest import opened
from layover_agent.scan import Scanner
from layover_agent.sources import registry

WRITTEN = dt.datetime(2026, 11, 21, 9, 0, 2, tzinfo=dt.UTC)


def run(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "layover_agent", *map(str, arguments)],
        capture_output=True, text=True, timeout=60, check=False, cwd=cwd,
        env={**os.environ, "TZ": "UTC"},
    )  # fmt: skip


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """Two cameras, three recordings each."""
    for camera in ("10 - Hallway", "driver"):
        for number in range(3):
            name = f"rec/{camera}/2026-11-21/10-{number}0-00.mp4"
            put(tmp_path, name, WRITTEN + dt.timedelta(minutes=10 * number))
    return tmp_path / "rec"


def test_check_says_what_is_there_in_80_columns(recordings: Path) -> None:
    done = run("check", "--folder", recordings)
    assert (done.returncode, done.stderr) == (0, "")
    assert 'recorder = "camera-date-time"' in done.stdout
    assert "10  Hallway" in done.stdout
    assert "2026-11-21 09:00  2026-11-21 09:20" in done.stdout
    paths = str(recordings.parent)
    assert all(len(line) <= 80 for line in done.stdout.splitlines() if paths not in line)


def test_check_by_a_relative_path(recordings: Path) -> None:
    done = run("check", "--folder", "rec", "--json", cwd=recordings.parent)
    assert json.loads(done.stdout)["source"]["folder"] == str(recordings)


def test_check_as_json(recordings: Path) -> None:
    done = run("check", "--folder", recordings, "--json", "--deletes-by", "unlink")
    said = json.loads(done.stdout)
    assert said["usable"] is True
    hallway = said["cameras"]["10 - Hallway"]
    assert (hallway["number"], hallway["called"], hallway["recordings"]) == (10, "Hallway", 3)
    assert hallway["first_start_ms"] == int(WRITTEN.timestamp() * 1000) - 2000
    assert (said["open"]["count"], said["damaged"]["count"], said["missing"]) == (0, 0, [])
    assert said["source"]["zone"] == "+01:00"
    assert said["holds"] in ("reflink", "link")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["check", "--folder", "empty"], 4, "let the recorder record"),
        (["check", "--folder", "nowhere"], 1, "nowhere: No such file or directory"),
        (["check", "--folder", "a-file"], 1, "a-file: Not a directory"),
        (["check"], 2, "--folder"),
        (["check", "--folder", "rec", "--recorder", "motoin"], 4, "did you mean motion"),
        (["check", "--folder", "rec", "--cameras", "drvr"], 4, "there are 10 - Hallway, driver"),
        (["init"], 2, "say --folder, or --from"),
        (["init", "--folder", "rec", "--from", "t.toml"], 2, "say --folder, or --from"),
        (["init", "--from", "t.toml"], 2, "--label"),
        (["init", "--from", "t.toml", "--label", "x", "--zone", "UTC"], 2, "leave out --zone"),
        (["init", "--from", "gone.toml", "--label", "x"], 1, "gone.toml: No such file"),
        (["init", "--from", "a-file", "--label", "x"], 2, "not TOML"),
        (["init", "--folder", "empty", "--out", "box.toml"], 1, "let the recorder record"),
        (["init", "--folder", "rec", "--out", "no/box.toml"], 1, "No such file or directory"),
    ],
)
def test_exit_statuses(recordings: Path, arguments: list[str], status: int, said: str) -> None:
    (recordings.parent / "empty").mkdir()
    (recordings.parent / "a-file").write_text("= nothing")
    done = run(*arguments, cwd=recordings.parent)
    assert done.returncode == status
    assert said in " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in done.stderr
    assert not (recordings.parent / "box.toml").exists()


def test_init_writes_what_check_showed_and_never_over_another(recordings: Path) -> None:
    place = recordings.parent / "box.toml"
    options = ("--folder", recordings, "--label", "bus-217", "--out", place)
    shown = run("check", "--folder", recordings).stdout
    done = run("init", *options)
    assert (done.returncode, done.stderr) == (0, "")
    config = load(place, {})
    assert config.label == "bus-217"
    lines = [line.strip() for line in shown.splitlines()]
    assert all(line in lines for line in place.read_text().splitlines() if "label" not in line)
    before = place.read_bytes()
    again = run("init", *options)
    assert again.returncode == 1
    assert "--replace" in again.stderr
    assert place.read_bytes() == before
    assert run("init", *options, "--replace").returncode == 0


def test_one_template_makes_many_boxes(recordings: Path) -> None:
    template = recordings.parent / "template.toml"
    assert run("init", "--folder", recordings, "--out", template).returncode == 0
    for label in ("bus-217", "bus-218"):
        place = recordings.parent / f"{label}.toml"
        done = run("init", "--from", template, "--label", label, "--out", place)
        assert done.returncode == 0, done.stderr
        assert place.read_text() == f'label = "{label}"\n{template.read_text()}'


async def test_cameras_that_are_not_shared_are_never_listed(recordings: Path) -> None:
    """R3: the local administrator chooses; a real look at the folder lists nothing else."""
    place = recordings.parent / "box.toml"
    assert run("init", "--folder", recordings, "--cameras", " 10 - Hallway", "--out", place
               ).returncode == 0  # fmt: skip
    config = load(place, {})
    assert config.sources["main"].cameras == ("10 - Hallway",)
    sources = [registry.made(name, one) for name, one in config.sources.items()]
    clock = HandClock(wall=int(dt.datetime(2026, 12, 1, tzinfo=dt.UTC).timestamp() * 1000))
    async with opened(recordings.parent / "manifest.db") as manifest:
        await Scanner(manifest, sources, clock).scan()
        rows = (await manifest.page("", 0, 1000)).rows
    assert [row.camera for row in rows] == ["10 - Hallway"] * 3


def test_a_count_is_shown_for_long_work_on_a_terminal_only(recordings: Path) -> None:
    film = next(recordings.rglob("*.mp4"))
    for number in range(700):
        os.link(
            film,
            recordings / "driver" / "2026-11-21" / f"11-{number // 60:02}-{number % 60:02}.mp4",
        )
    assert run("check", "--folder", recordings).stderr == ""
    ours, theirs = pty.openpty()
    process = subprocess.run(
        [sys.executable, "-m", "layover_agent", "check", "--folder", recordings],
        stdout=subprocess.DEVNULL, stderr=theirs, timeout=60, check=False,
    )  # fmt: skip
    os.close(theirs)
    said = os.read(ours, 65536).decode()
    os.close(ours)
    assert process.returncode == 0
    assert "500 of 706 files" in said
    assert said.endswith("\r\x1b[K"), "it leaves no trace"


def test_holds_lie_beside_the_folder_where_no_clearing_of_it_reaches(recordings: Path) -> None:
    place = recordings.parent / "box.toml"
    assert run("init", "--folder", recordings, "--out", place).returncode == 0
    assert load(place, {}).holds.folder == str(recordings.parent / ".layover")


@pytest.mark.skipif(not Path("/dev/shm").is_mount(), reason="needs a mount of its own")
def test_holds_lie_in_the_folder_where_it_is_a_mount(tmp_path: Path) -> None:
    arguments = argparse.Namespace(holds_folder=None, folder="/dev/shm")
    assert folder._holds_folder(arguments) == Path("/dev/shm/.layover")


def test_recorders_lists_templates_and_adapters() -> None:
    done = run("recorders", "--json")
    names = {one["name"] for one in json.loads(done.stdout)["recorders"]}
    assert {"motion", "mediamtx", "tesla", "frigate", "openpilot"} <= names
    assert "Frigate" in run("recorders").stdout or "frigate" in run("recorders").stdout
