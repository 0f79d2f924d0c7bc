"""Settings of the recorder, and its file names in the agent's own language."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layover_agent.core.layout import Layout
from layover_agent.core.zones import EARLIEST_MS
from layover_sim.recorder_settings import LAYOUT, ZONE, BadSettings, RecorderSettings, name_of

GOOD: dict[str, Any] = {"folder": Path("/recordings"), "cameras": ("front", "rear")}


@given(
    camera=st.sampled_from(["front", "cam-0", "%H", "a.b"]),
    start_ms=st.integers(EARLIEST_MS, 4_102_444_800_000),
)
def test_the_agent_reads_the_start_and_the_camera_back(camera: str, start_ms: int) -> None:
    named = Layout.parse(LAYOUT, ZONE).match(name_of(camera, start_ms))
    assert named is not None
    assert (named.camera, named.start_ms, named.sure) == (camera, start_ms, True)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    settings = RecorderSettings(**GOOD, segment_s=0.5, ring_bytes=7)
    settings.save(tmp_path / "recorder.json")
    assert RecorderSettings.load(tmp_path / "recorder.json") == settings


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ({"cameras": ()}, "at least one"),
        ({"cameras": ("a", "a")}, "each once"),
        ({"cameras": ("../a",)}, "folder's name"),
        ({"cameras": ("..",)}, "folder's name"),
        ({"segment_s": 0.4}, "segment_s"),
        ({"width": 321}, "even"),
        ({"fps": 0}, "fps"),
        ({"ring_bytes": -1}, "ring_bytes"),
    ],
    ids=lambda case: str(case) if isinstance(case, dict) else None,
)
def test_settings_no_recorder_can_follow_are_refused(bad: dict[str, Any], named: str) -> None:
    with pytest.raises(BadSettings, match=named):
        RecorderSettings(**GOOD | bad)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"folder": "/r"}', '{"folder": 1, "cameras": ["a"]}', "\N{SNOWMAN}"],
)
def test_a_file_that_is_no_recorder_is_refused_by_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "recorder.json"
    file.write_text(text)
    with pytest.raises(BadSettings, match=r"recorder\.json"):
        RecorderSettings.load(file)


def test_an_unknown_setting_is_named(tmp_path: Path) -> None:
    file = tmp_path / "recorder.json"
    file.write_text(json.dumps({"folder": "/r", "cameras": ["a"], "bitrate": 5}))
    with pytest.raises(BadSettings, match="bitrate"):
        RecorderSettings.load(file)
