"""The known recorders: every file is read, every example means what it says."""

import datetime as dt
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from layover_agent import recorders
from layover_agent.core.layout import BadLayout, Layout, first_match
from layover_agent.core.recognise import recognise
from layover_agent.core.template import compiled
from layover_agent.recorders import BadRecorder, Example, Recorder, known, read

EXAMPLES = [
    pytest.param(recorder, example, id=f"{recorder.name}: {example.path}")
    for recorder in known().values()
    for example in recorder.examples
]
COUNTER_EXAMPLES = [
    pytest.param(recorder, path, id=f"{recorder.name}: {path}")
    for recorder in known().values()
    for path in recorder.counter_examples
]
EVERY = pytest.mark.parametrize("recorder", known().values(), ids=known().keys())


def layouts(recorder: Recorder) -> tuple[Layout, ...]:
    return recorder.parsed("" if recorder.zone else "UTC")


@pytest.mark.parametrize(("recorder", "example"), EXAMPLES)
def test_an_example_means_what_it_says(recorder: Recorder, example: Example) -> None:
    named = first_match(layouts(recorder), example.path)
    assert named is not None
    assert named.sure
    start_ms = None
    if example.start is not None:
        start_ms = round(dt.datetime.fromisoformat(example.start).timestamp() * 1000)
    said = (named.camera, named.start_ms, named.duration_ms, named.kind, named.seq, named.event)
    assert said == (
        example.camera, start_ms, example.duration_ms, example.kind, example.seq, example.event
    )  # fmt: skip
    assert named.locked == example.locked


@pytest.mark.parametrize(("recorder", "path"), COUNTER_EXAMPLES)
def test_a_counter_example_is_no_recording(recorder: Recorder, path: str) -> None:
    assert first_match(layouts(recorder), path) is None


@EVERY
def test_every_recorder_has_examples_of_either_kind(recorder: Recorder) -> None:
    assert recorder.title
    assert recorder.examples
    assert recorder.counter_examples


@EVERY
def test_an_open_or_accompanying_file_is_no_recording(recorder: Recorder) -> None:
    foreign = [compiled(text) for text in (*recorder.companions, *recorder.segment_lists)]
    for example in recorder.examples:
        assert not any(template.fields(example.path) for template in foreign)
    for layout in recorder.parsed_incomplete("UTC"):
        assert all(layout.match(example.path) is None for example in recorder.examples)


@EVERY
def test_a_zone_is_asked_for_exactly_where_it_is_needed(recorder: Recorder) -> None:
    needed = any(layout.needs_zone for layout in layouts(recorder))
    assert recorder.asks_zone == (needed and not recorder.zone)
    if recorder.asks_zone and recorder.time_from == "name":
        with pytest.raises(BadLayout, match="zone"):
            recorder.parsed()


@EVERY
def test_locked_kinds_are_kinds_it_has(recorder: Recorder) -> None:
    assert set(recorder.retention.locked_kinds) <= set(recorder.kinds.values())


@EVERY
def test_facts_are_of_the_closed_sets(recorder: Recorder) -> None:
    assert recorder.time_from in ("name", "container", "mtime")
    assert recorder.closes in ("close", "rename", "segment-list", "newer")
    assert recorder.deletes_by in ("unlink", "overwrite", "unknown")
    assert recorder.retention.age_from in ("", "start", "end", "mtime")
    assert recorder.retention.ring_per in ("source", "kind")
    assert recorder.longest_s > 0


def test_an_unfinished_file_that_was_cut_off_has_a_camera_and_a_start() -> None:
    (layout,) = known()["kerberos"].parsed_incomplete()
    named = layout.match("1795258800_1-7_front_door_0-0-0-0_0_0_.mp4")
    assert named is not None
    assert (named.camera, named.start_ms, named.duration_ms) == ("front_door", 1795258800007, None)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("cam@%Y%m%d%H%M%S%z.mp4", ""),
        ("hall_%Y%m%d_%H%M%S.mkv", "America/St_Johns"),
        ("yard/%Y-%m-%d_%H-%M-%S.ts", "Asia/Kathmandu"),
    ],
)
def test_what_ffmpeg_really_writes(tmp_path: Path, name: str, zone: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=64x64:rate=5:duration=2",
         "-f", "segment", "-segment_time", "10", "-strftime", "1",
         "-segment_list", "list.csv", name],
        cwd=tmp_path, env={**os.environ, "TZ": zone or "Asia/Tokyo"}, check=True, timeout=60,
    )  # fmt: skip
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    paths = [str(file.relative_to(tmp_path)) for file in files]
    written = [file.stat().st_mtime_ns // 1_000_000 for file in files]
    guess = recognise(paths, known().values(), written, zone=zone)[0]
    assert (guess.recorder, guess.matched, guess.missing) == ("ffmpeg-list", 1, ())
    (camera,) = guess.cameras
    assert camera.name in ("cam", "hall", "yard")
    assert camera.first_ms is not None
    assert 0 <= max(written) - camera.first_ms < 60_000


def test_they_are_read_once() -> None:
    assert known() is known()


def test_one_like_another_has_its_facts() -> None:
    plain, listed = known()["ffmpeg"], known()["ffmpeg-list"]
    assert listed.layouts == plain.layouts
    assert (plain.closes, listed.closes) == ("close", "segment-list")


@pytest.mark.parametrize(
    "text",
    ["not toml", 'title = "x"', 'title = "x"\nlayouts = []\nlayuots = []', 'like = "nothing"'],
)
def test_a_file_that_cannot_be_used_is_named(text: str) -> None:
    with pytest.raises(BadRecorder, match="recorder mine:"):
        read("mine", text)


def test_nothing_but_recorders_lies_in_the_folder() -> None:
    assert {"mediamtx", "ffmpeg", "motion", "tesla"} <= recorders.known().keys()
