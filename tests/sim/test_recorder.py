"""The recorder: its frames by a clock of the test's own, and as the real process it is."""

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import av
import psutil
import pytest
from sim.kit import eventually

from layover_sim.recorder import CameraRecorder
from layover_sim.recorder_settings import RecorderSettings, name_of
from layover_sim.ring import Ring

NOON_MS = 1_784_030_400_000


def durations_s(folder: Path) -> dict[str, float | None]:
    """Every recording's duration; None: it cannot be played."""
    found: dict[str, float | None] = {}
    for file in sorted(folder.glob("*/*/*.mp4")):
        try:
            with av.open(str(file)) as container:
                found[str(file.relative_to(folder))] = container.duration / av.time_base
        except av.error.InvalidDataError:
            found[str(file.relative_to(folder))] = None
    return found


def camera(folder: Path, ring_bytes: int = 0) -> CameraRecorder:
    settings = RecorderSettings(
        folder=folder, cameras=("front",), segment_s=1.0, fps=4, ring_bytes=ring_bytes
    )
    return CameraRecorder(settings, "front", Ring(folder, ring_bytes), NOON_MS)


def test_segments_follow_each_other_without_a_gap(tmp_path: Path) -> None:
    recorder = camera(tmp_path)
    for _ in range(10):
        recorder.capture(recorder.due_ms)
    recorder.close()
    assert durations_s(tmp_path) == {
        name_of("front", NOON_MS): 1.0,
        name_of("front", NOON_MS + 1000): 1.0,
        name_of("front", NOON_MS + 2000): 0.5,
    }


def test_a_recorder_held_up_skips_time_rather_than_lagging(tmp_path: Path) -> None:
    recorder = camera(tmp_path)
    recorder.capture(NOON_MS)
    recorder.capture(NOON_MS + 5100)
    assert recorder.due_ms == NOON_MS + 5250
    recorder.close()
    assert durations_s(tmp_path) == {
        name_of("front", NOON_MS): 0.25,
        name_of("front", NOON_MS + 5000): 0.25,
    }


@contextlib.asynccontextmanager
async def recording(
    folder: Path, cameras: int = 2, ring_bytes: int = 0, segment_s: float = 0.5
) -> AsyncIterator[asyncio.subprocess.Process]:
    settings = RecorderSettings(
        folder=folder / "recordings",
        cameras=tuple(f"cam-{number}" for number in range(cameras)),
        segment_s=segment_s,
        ring_bytes=ring_bytes,
    )
    settings.save(folder / "recorder.json")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "layover_sim.recorder"),
        *("--config", str(folder / "recorder.json")),
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def count(folder: Path) -> int:
    return len(list(folder.glob("recordings/*/*/*.mp4")))


async def test_a_stopped_recorder_leaves_only_whole_files(tmp_path: Path) -> None:
    async with recording(tmp_path) as process:
        await eventually(lambda: count(tmp_path) >= 6)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 5) == 0
    found = durations_s(tmp_path / "recordings")
    assert None not in found.values()
    whole = [
        file
        for camera in (tmp_path / "recordings").iterdir()
        for file in sorted(camera.glob("*/*.mp4"))[:-1]
    ]
    assert len(whole) >= 4
    for file in whole:
        assert found[str(file.relative_to(tmp_path / "recordings"))] == pytest.approx(0.5, abs=0.2)
        assert file.stat().st_size == pytest.approx(62_500, rel=0.3)


async def test_a_killed_recorder_leaves_one_unfinished_file_per_camera(tmp_path: Path) -> None:
    async with recording(tmp_path) as process:
        await eventually(lambda: count(tmp_path) >= 6)
        process.kill()
        await process.wait()
    found = durations_s(tmp_path / "recordings")
    for camera in ("cam-0", "cam-1"):
        *whole, last = (found[name] for name in sorted(found) if name.startswith(camera))
        assert last is None
        assert whole
        assert None not in whole


@pytest.mark.slow
async def test_the_ring_holds_all_the_time(tmp_path: Path) -> None:
    ring_bytes, open_bytes = 400_000, 2 * 85_000
    worst_bytes = 0

    def used_bytes() -> int:
        sizes = []
        for file in tmp_path.glob("recordings/*/*/*.mp4"):
            with contextlib.suppress(FileNotFoundError):
                sizes.append(file.stat().st_size)
        return sum(sizes)

    def gone_round() -> bool:
        nonlocal worst_bytes
        worst_bytes = max(worst_bytes, used_bytes())
        return not first.exists()

    async with recording(tmp_path, ring_bytes=ring_bytes):
        await eventually(lambda: count(tmp_path) > 0)
        first = next(tmp_path.glob("recordings/*/*/*.mp4"))
        await eventually(gone_round, 15)
        first = max(tmp_path.glob("recordings/cam-0/*/*.mp4"))
        await eventually(gone_round, 15)
    assert ring_bytes * 0.7 < worst_bytes <= ring_bytes + open_bytes


@pytest.mark.slow
async def test_ten_cameras_take_a_third_of_a_core_at_most(tmp_path: Path) -> None:
    async with recording(tmp_path, cameras=10, segment_s=2.0) as process:
        await eventually(lambda: count(tmp_path) >= 10)
        watched = psutil.Process(process.pid)
        before, began_s = watched.cpu_times(), time.monotonic()
        await eventually(lambda: count(tmp_path) >= 30)
        after, took_s = watched.cpu_times(), time.monotonic() - began_s
    assert after.user + after.system - before.user - before.system < 0.35 * took_s


async def test_unusable_settings_are_said_plainly(tmp_path: Path) -> None:
    file = tmp_path / "recorder.json"
    file.write_text('{"folder": "/r", "cameras": []}')
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "layover_sim.recorder", "--config", str(file)),
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert b"at least one" in errors
    assert b"Traceback" not in errors
