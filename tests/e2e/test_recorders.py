"""Real recorders with a real agent beside them: ffmpeg in every container, killed and started
again; its ring; Debian's motion; the night on which clocks go back."""

import asyncio
import contextlib
import dataclasses
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from agent.kit import until
from agent.process import Agent, Running
from e2e.recorders.following import Following, figures, local_ms
from e2e.recorders.programs import Ffmpeg, Motion, duration_ms, stream
from e2e.recorders.witness import Witness

from layover_agent import setup
from layover_agent.settings import SourceConfig
from layover_agent.wire.types import Recording

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="apt-get install ffmpeg"),
]

FRAGMENTS = "movflags=+frag_keyframe+empty_moov+default_base_moof"
CSV = ("-segment_list", "list.csv", "-segment_list_type", "csv")
CONTAINERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "mp4": ("mp4", ()),
    "fmp4": ("mp4", ("-segment_format_options", FRAGMENTS)),
    "ts": ("ts", ()),
    "mkv": ("mkv", ()),
    "avi": ("avi", ()),
}
CASES = [f"{kind}{how}" for kind in CONTAINERS for how in ("", " listed")]
SEGMENTS = 2
FRAME_MS = 100
HALF_BYTES = 500_000
"""More than a second of the stream, and less than a segment."""
PATTERN = "%Y-%m-%d_%H-%M-%S"
RING = "ring"
MOTION_MKV, MOTION_MP4 = "motion", "motion with cameras"


@dataclasses.dataclass
class Killed:
    """A recording that a power cut ended, and what the manifest said of it in the end."""

    path: Path
    there_ms: int | None
    """What ffprobe finds in it."""
    written_ms: int
    row: Recording | None = None


@dataclasses.dataclass
class Day:
    """What all recorders did and what the manifest made of it."""

    root: Path
    """Of the recordings."""
    stream: Path
    witness: Witness
    following: Following
    killed: dict[str, Killed] = dataclasses.field(default_factory=dict)
    logs: dict[str, str] = dataclasses.field(default_factory=dict)
    motion: bool = False


def configured(agent: Agent, sources: dict[str, SourceConfig]) -> None:
    """The agent's configuration, as ``layover-agent init`` would write it."""
    text = setup.written(agent.data, agent.folder / "holds", sources)
    agent.config.write_text(
        f'{text}\n[listen]\naddress = "127.0.0.1"\nport = 0\nport_file = "{agent.data}/port"\n'
        "[advertise]\nenabled = false\n"
    )


def ffmpeg_of(day: Day, case: str) -> Ffmpeg:
    kind, _, listed = case.partition(" ")
    ending, muxer = CONTAINERS[kind]
    return Ffmpeg(day.stream, day.root / case / case, f"{PATTERN}.{ending}", muxer + (CSV if listed else ()))


def sources(root: Path) -> dict[str, SourceConfig]:
    made = {
        case: SourceConfig(
            folder=str(root / case),
            recorder="ffmpeg-list" if "listed" in case else "ffmpeg",
            zone="Europe/Berlin",
        )
        for case in CASES
    }
    made[RING] = SourceConfig(
        folder=str(root / RING), layout="{camera}/{seq:[0-9]{3}}.ts", time="mtime"
    )
    for name in (MOTION_MKV, MOTION_MP4):
        made[name] = SourceConfig(
            folder=str(root / name), recorder="motion", camera="hall", zone="Europe/Berlin"
        )
    return made


def file_of(root: Path) -> Callable[[Recording], Path | None]:
    """Finds the file of a row by its camera and start, as ffmpeg's names tell them."""
    known: dict[tuple[str, int], Path] = {}

    def find(row: Recording) -> Path | None:
        if row.camera not in CASES:
            return None
        if (row.camera, row.start_ms) not in known:
            for path in (root / row.camera / row.camera).iterdir():
                if path.suffix != ".csv":
                    known[row.camera, local_ms(path, PATTERN + path.suffix)] = path
        return known.get((row.camera, row.start_ms))

    return find


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """Everything at once under one agent, because a cut-off file is told after a minute only."""
    folder = tmp_path_factory.mktemp("day")
    agent = Agent(folder)
    root = agent.recordings
    folders = [root / case / case for case in (*CASES, RING)]
    folders += [root / MOTION_MKV, root / MOTION_MP4]
    for one in folders:
        one.mkdir(parents=True)
    configured(agent, sources(root))
    agent.enrol()
    with Witness(folders) as witness:
        film = stream(folder / "stream.mkv", 10)
        day = Day(root, film, witness, Following(witness, file_of(root)))
        asyncio.run(_lived(agent, day))
        yield day
        for name in ("ffmpeg", "motion"):
            late = {
                path: ms
                for path, ms in day.following.late_ms.items()
                if name in path.relative_to(root).parts[0] or name == "ffmpeg"
            }
            print(f"\n{name}: close to manifest: {figures(late)}")


async def _lived(agent: Agent, day: Day) -> None:
    async with agent.running() as running:
        following = asyncio.create_task(day.following.run(running))
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_ring(day))
                group.create_task(_motion(day))
                for case in CASES:
                    group.create_task(_cut_off(case, day))
            await _told(day)
        finally:
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following


async def _told(day: Day) -> None:
    """Waits until the manifest has a row of everything that was cut off, or should have."""
    deadline = time.monotonic() + 70
    while time.monotonic() < deadline:
        for case, killed in day.killed.items():
            rows = day.following.present(case)
            killed.row = next((r for r in rows if day.following.find(r) == killed.path), None)
        if all(killed.row for killed in day.killed.values()):
            return
        await asyncio.sleep(0.2)


async def _cut_off(case: str, day: Day) -> None:
    """Records, is killed in the middle of a segment, records again, ends well."""
    recorder = ffmpeg_of(day, case)
    folder = recorder.folder
    recorder.start()
    try:
        await until(lambda: len(_segments(day, folder)) >= SEGMENTS, f"{case}: segments", 40)
        await until(lambda: _half_written(day, folder), f"{case}: half a segment", 20)
        path = _open_segment(day, folder)
    finally:
        recorder.end(signal.SIGKILL)
    assert path is not None, recorder.log
    there_ms = await asyncio.to_thread(duration_ms, path)
    day.killed[case] = Killed(path, there_ms, path.stat().st_mtime_ns // 1_000_000)
    recorder.start()
    try:
        count = len(_segments(day, folder))
        await until(lambda: len(_segments(day, folder)) >= count + 2, f"{case}: again", 40)
    finally:
        recorder.end()
        day.logs[case] = recorder.log


def _segments(day: Day, folder: Path) -> list[Path]:
    return [path for path in day.witness.closed_of(folder) if path.suffix != ".csv"]


def _open_segment(day: Day, folder: Path) -> Path | None:
    opened = list(day.witness.opened)
    return next((p for p in opened if p.parent == folder and p.suffix != ".csv"), None)


def _half_written(day: Day, folder: Path) -> bool:
    path = _open_segment(day, folder)
    return path is not None and path.stat().st_size > HALF_BYTES


async def _ring(day: Day) -> None:
    """Five segments in three names."""
    recorder = Ffmpeg(day.stream, day.root / RING / RING, "%03d.ts", ("-segment_wrap", "3"), segment_s=1)
    recorder.start(5.5)

    await asyncio.to_thread(recorder.wait)
    day.logs[RING] = recorder.log


async def _motion(day: Day) -> None:
    if shutil.which("motion") is None:
        return
    day.motion = True
    recorders = [
        Motion(day.stream, day.root / MOTION_MKV),
        Motion(day.stream, day.root / MOTION_MP4, "mp4", "camera_id 2\nmovie_filename %t-%v-%Y%m%d%H%M%S"),
    ]
    for recorder in recorders:
        recorder.start()
    try:
        for recorder in recorders:
            await until(
                lambda r=recorder: len(day.witness.closed_of(r.folder)) >= 3,  # type: ignore[misc]
                "motion's movies", 40,
            )  # fmt: skip
    finally:
        for recorder in recorders:
            await asyncio.to_thread(recorder.end)


def test_figures(day: Day) -> None:
    for case, killed in day.killed.items():
        print(case, killed.path.name, killed.path.stat().st_size, killed.there_ms, killed.row)
    for camera in (RING, "hall", "2"):
        for row in day.following.changes:
            if row.camera == camera: print(row)
    print(day.following.offered_open, day.logs)
    for p, ms in day.following.late_ms.items(): print(p, ms)
