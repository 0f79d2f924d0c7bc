"""Every container as ffmpeg writes it: whole, cut at ten places, and killed while recording."""

import signal
import subprocess
import time
from pathlib import Path

import av
import pytest
from agent.core.containers.memory import seen
from agent.core.containers.recorded import CODECS, SOURCES, decoded_ms, ffmpeg

pytestmark = pytest.mark.slow

FRAME_MS = 40
FRAGMENTS = ["-movflags", "frag_keyframe+empty_moov+default_base_moof"]
FORMATS: dict[str, tuple[str, list[str]]] = {
    "mp4": ("mp4", []),
    "mp4 index first": ("mp4", ["-movflags", "faststart"]),
    "mp4 index first, frames out of order": (
        "mp4",
        ["-movflags", "faststart", "-preset", "veryfast", "-bf", "3"],
    ),
    "mp4 in fragments": ("mp4", FRAGMENTS),
    "mp4 in fragments, first in the index": ("mp4", ["-movflags", "frag_keyframe"]),
    "mp4 in fragments, with index": ("mp4", ["-movflags", "frag_keyframe+empty_moov+global_sidx"]),
    "mp4 in fragments of each track": (
        "mp4",
        ["-movflags", "frag_keyframe+empty_moov+separate_moof"],
    ),
    "mov": ("mov", []),
    "ts": ("ts", ["-muxdelay", "0"]),
    "ts, frames out of order": ("ts", ["-preset", "veryfast", "-bf", "3"]),
    "m2ts": ("m2ts", ["-mpegts_m2ts_mode", "1"]),
    "mkv": ("mkv", []),
    "mkv, frames out of order": ("mkv", ["-preset", "veryfast", "-bf", "3"]),
    "mkv with late times": ("mkv", ["-output_ts_offset", "3600"]),
    "webm": (
        "webm",
        ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus"],
    ),
    "avi": ("avi", []),
}
UNTIMED = ("avi",)
"""What was cut of it can only be timed by a decoder."""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("recorded")
    return {
        name: ffmpeg(folder / f"{number}.{kind}", 8, *options)
        for number, (name, (kind, options)) in enumerate(FORMATS.items())
    }


@pytest.mark.parametrize("name", FORMATS)
def test_a_whole_file(recorded: dict[str, Path], name: str) -> None:
    path = recorded[name]
    found = seen(FORMATS[name][0], path.read_bytes())
    assert (found.complete, found.why, found.playable) == (True, "", True)
    assert found.duration_ms == pytest.approx(decoded_ms(path), abs=2 * FRAME_MS)


@pytest.mark.parametrize("tenths", range(1, 10))
@pytest.mark.parametrize("name", FORMATS)
def test_a_cut_file(recorded: dict[str, Path], tmp_path: Path, name: str, tenths: int) -> None:
    kind = FORMATS[name][0]
    whole = recorded[name].read_bytes()
    path = tmp_path / f"cut.{kind}"
    path.write_bytes(whole[: len(whole) * tenths // 10 - 3])
    found = seen(kind, path.read_bytes())
    assert not found.complete
    assert found.why
    _timed_as_decoded(found.duration_ms, path, FORMATS[name])


@pytest.mark.parametrize("name", ["mp4", "mp4 index first", "mov", "mkv", "webm", "avi"])
def test_no_part_of_an_indexed_file_is_whole(recorded: dict[str, Path], name: str) -> None:
    whole = recorded[name].read_bytes()
    for length in {*range(0, len(whole), 4096), *range(len(whole) - 200, len(whole))}:
        assert not seen(FORMATS[name][0], whole[:length]).complete, length


@pytest.mark.parametrize("name", FORMATS)
def test_a_recorder_killed_while_it_records(tmp_path: Path, name: str) -> None:
    kind, options = FORMATS[name]
    path = tmp_path / f"killed.{kind}"
    run = ["ffmpeg", "-v", "error", "-y", *SOURCES, "-t", "36000", *CODECS, *options]
    recorder = subprocess.Popen([*run, str(path)])
    deadline = time.monotonic() + 60
    while not path.exists() or path.stat().st_size < 700_000:
        assert time.monotonic() < deadline
        assert recorder.poll() is None
        time.sleep(0.02)
    recorder.send_signal(signal.SIGKILL)
    recorder.wait()
    found = seen(kind, path.read_bytes())
    # Only where whole packets are left by chance, nothing tells it from a closed one.
    assert not found.complete or path.stat().st_size % {"ts": 188, "m2ts": 192}[kind] == 0
    _timed_as_decoded(found.duration_ms, path, FORMATS[name])


def _timed_as_decoded(duration_ms: int | None, path: Path, made: tuple[str, list[str]]) -> None:
    kind, options = made
    try:
        truth_ms = decoded_ms(path)
    except (av.error.FFmpegError, AssertionError, IndexError):
        assert duration_ms is None
        return
    if kind in UNTIMED:
        assert duration_ms is None
    elif duration_ms is None:
        assert truth_ms <= 1000  # nothing but the beginning of a fragment
    else:
        # A fragment that is not whole is not counted; they are a second long.
        slack_ms = 1000 if any("frag" in option for option in options) else 2 * FRAME_MS
        slack_ms += 3 * FRAME_MS if "-bf" in options else 0
        assert truth_ms - slack_ms <= duration_ms <= truth_ms + 3 * FRAME_MS


@pytest.mark.parametrize("closed", [True, False])
def test_hybrid_fragments(tmp_path: Path, recorded: dict[str, Path], closed: bool) -> None:
    """Fragments until the file is closed, then an index over all (ffmpeg 7.1 and later)."""
    path = tmp_path / "hybrid.mp4"
    options = {"movflags": "hybrid_fragmented+frag_keyframe+empty_moov"}
    with av.open(str(recorded["mp4"])) as source:
        target = av.open(str(path), "w", options=options)
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
        left = path.read_bytes()
        target.close()
    found = seen("mp4", path.read_bytes() if closed else left[:-1])
    assert found.complete == closed
    assert found.duration_ms is not None
    assert found.duration_ms > 3000


@pytest.mark.parametrize("kind", ["mp4", "mkv", "ts"])
def test_segments_on_the_clock_of_their_stream(tmp_path: Path, kind: str) -> None:
    """ffprobe calls the third of them three times as long as it is."""
    ffmpeg(tmp_path / f"%d.{kind}", 9, "-f", "segment", "-segment_time", "3")
    for path in sorted(tmp_path.glob(f"?.{kind}")):
        found = seen(kind, path.read_bytes())
        assert found.complete
        assert found.duration_ms == pytest.approx(3000, abs=2 * FRAME_MS)
