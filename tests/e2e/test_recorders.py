"""Real recorders with a real agent beside them: ffmpeg in every container, killed and started
again; its ring; Debian's motion; the night on which clocks go back."""

import asyncio
import contextlib
import dataclasses
import datetime as dt
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from agent.kit import eventually, until
from agent.process import Agent
from e2e.recorders.following import BERLIN, Following, figures, local_ms
from e2e.recorders.programs import Ffmpeg, Motion, duration_ms, stream
from e2e.recorders.witness import Witness

from layover_agent import setup
from layover_agent.settings import SourceConfig
from layover_agent.wire.pages import unpacked
from layover_agent.wire.types import Recording, RecordingState

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
    "avi": ("avi", ("-reset_timestamps", "1")),  # else each begins with empty frames
}
CASES = [f"{kind}{how}" for kind in CONTAINERS for how in ("", " listed")]
SEGMENTS = 1
FRAME_MS = 100
HALF_BYTES = 500_000
"""More than a second of the stream, and less than a segment."""
PATTERN = "%Y-%m-%d_%H-%M-%S"
TWICE_S = 1_792_888_200
"""2026-10-25 00:30:00 UTC: 02:30 in Berlin, for the first time."""
FALSE_TIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
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
    return Ffmpeg(
        day.stream, day.root / case / case, f"{PATTERN}.{ending}", muxer + (CSV if listed else ())
    )


def sources(root: Path) -> dict[str, SourceConfig]:
    made = {
        case: SourceConfig(
            folder=str(root / case),
            recorder="ffmpeg-list" if "listed" in case else "ffmpeg",
            zone="Europe/Berlin",
            settle_s=1,
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
        film = stream(folder / "stream.ts", 10)
        day = Day(root, film, witness, Following(witness, file_of(root)))
        asyncio.run(_lived(agent, day))
        yield day
        cut_off = {killed.path for killed in day.killed.values()}
        late = {path: ms for path, ms in day.following.late_ms.items() if path not in cut_off}
        print(f"\nclose to manifest: {figures(late)}")
        for ending in sorted({path.suffix for path in late}):
            some = {path: ms for path, ms in late.items() if path.suffix == ending}
            print(f"  {ending[1:]}: {figures(some)}")


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
    recorder = Ffmpeg(
        day.stream, day.root / RING / RING, "%03d.ts", ("-segment_wrap", "3"), segment_s=1
    )
    recorder.start(5.5)
    await asyncio.to_thread(recorder.wait)
    day.logs[RING] = recorder.log


async def _motion(day: Day) -> None:
    if shutil.which("motion") is None:
        return
    recorders = [
        Motion(day.stream, day.root / MOTION_MKV),
        Motion(
            day.stream,
            day.root / MOTION_MP4,
            "mp4",
            "camera_id 2\nmovie_filename %t-%v-%Y%m%d%H%M%S",
        ),
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


@pytest.mark.parametrize("case", CASES)
def test_each_segment_is_listed_once_it_is_closed(day: Day, case: str) -> None:
    killed = day.killed[case]
    closed = {path for path in _segments(day, day.root / case / case) if path.stat().st_size}
    listed = [day.following.find(row) for row in day.following.present(case)]
    assert len(listed) >= SEGMENTS + 3, day.logs[case]
    assert set(listed) == closed
    assert len(listed) == len(closed)
    # The last one ends with the recorder, perhaps after one picture.
    for row in day.following.present(case)[:-1]:
        if day.following.find(row) != killed.path:
            assert (row.damaged, row.confidence) == (False, "sure"), row
            assert row.end_ms - row.start_ms <= 3000 + FRAME_MS


def test_the_open_one_is_never_offered(day: Day) -> None:
    assert day.following.offered_open == []


@pytest.mark.parametrize("case", CASES)
def test_the_one_that_was_cut_off_is_marked_and_as_long_as_what_is_there(
    day: Day, case: str
) -> None:
    killed = day.killed[case]
    row = killed.row
    assert row is not None, "not listed"
    assert row.damaged
    assert row.confidence in ("derived", "guessed")
    lasts_ms = row.end_ms - row.start_ms
    if killed.there_ms is None:
        assert case.startswith("mp4"), "only a plain MP4 is lost without its index"
        assert (row.end_source, row.end_ms) == ("mtime", killed.written_ms)
    elif case.startswith("fmp4"):
        # A fragment that was cut is not counted: a second at most.
        assert killed.there_ms - 1000 - FRAME_MS <= lasts_ms <= killed.there_ms
    elif row.end_source != "mtime":  # AVI where no decoder is installed
        assert abs(lasts_ms - killed.there_ms) <= FRAME_MS


def test_close_to_manifest_takes_a_second_at_most(day: Day) -> None:
    whole = dict(day.following.late_ms)
    for killed in day.killed.values():
        whole.pop(killed.path, None)
    late = sorted(whole.values())
    assert late[int(len(late) * 0.95)] <= 1000, figures(whole)


def test_a_ring_of_names_is_five_recordings(day: Day) -> None:
    rows = [row for row in day.following.changes if row.camera == RING]
    ids = list(dict.fromkeys(row.id for row in rows))
    folder = day.root / RING / RING
    turns = sum(len(times) for path, times in day.witness.closed.items() if path.parent == folder)
    assert len(ids) == turns >= 5
    present = day.following.present(RING)
    assert [row.id for row in present] == ids[-3:], "the names hold the last three"
    starts = [row.start_ms for row in present]
    assert starts == sorted(starts)
    assert all(not row.damaged for row in rows)


@pytest.mark.skipif(shutil.which("motion") is None, reason="apt-get install motion")
@pytest.mark.parametrize(("camera", "name"), [("hall", MOTION_MKV), ("2", MOTION_MP4)])
def test_motion(day: Day, camera: str, name: str) -> None:
    """Its own default name (%v-...), and Debian's (%t-%v-...): event 1, several movies."""
    lengths = {path: duration_ms(path) for path in sorted((day.root / name).iterdir())}
    movies = {path: ms for path, ms in lengths.items() if ms is not None and ms > 2 * FRAME_MS}
    rows = {row.start_ms: row for row in day.following.present(camera)}
    assert len(movies) >= 3
    for path, there_ms in movies.items():
        began = dt.datetime.strptime(path.stem[-14:], "%Y%m%d%H%M%S").replace(tzinfo=BERLIN)
        row = rows[int(began.timestamp() * 1000)]
        assert not row.damaged
        assert abs((row.end_ms - row.start_ms) - there_ms) <= 2 * FRAME_MS


@pytest.mark.skipif(not FALSE_TIME, reason="apt-get install faketime")
async def test_the_night_on_which_an_hour_comes_twice(tmp_path: Path) -> None:
    """The same names an hour later: ffmpeg writes over its files, the agent has two recordings.

    The recorder lives in a false time; its files get the time at which they were written in it.
    """
    agent = Agent(tmp_path)
    folder = agent.recordings / "front"
    folder.mkdir()
    source = SourceConfig(folder=str(agent.recordings), recorder="ffmpeg", zone="Europe/Berlin")
    configured(agent, {"main": source})
    agent.enrol()
    first = await _hour(agent, folder, TWICE_S, "testsrc2")
    second = await _hour(agent, folder, TWICE_S + 3600, "testsrc")
    for row in first.values():
        assert TWICE_S * 1000 <= row.start_ms < TWICE_S * 1000 + 60_000
        assert row.confidence == "sure"
    gone, new = first.keys() - second.keys(), second.keys() - first.keys()
    assert gone, "no name came twice"
    assert len(new) >= len(gone)
    for row in (second[one] for one in new):
        later = row.start_ms >= (TWICE_S + 3600) * 1000
        assert later or row.confidence == "guessed", "an hour too early, and sure of it"


async def _hour(agent: Agent, folder: Path, begins_s: int, pattern: str) -> dict[str, Recording]:
    """What the manifest has, by id, after some seconds of recording from ``begins_s`` on."""
    film = await asyncio.to_thread(stream, agent.folder / f"{pattern}.ts", 10, pattern)
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    offset_s = begins_s - int(time.time())
    false = ("env", f"LD_PRELOAD={FALSE_TIME}", f"FAKETIME={offset_s:+d}s")
    recorder = Ffmpeg(film, folder, f"{PATTERN}.ts", segment_s=1, prefix=false)
    recorder.start(3)
    await asyncio.to_thread(recorder.wait)
    for path in folder.iterdir():
        written_ns = path.stat().st_mtime_ns
        if before.get(path) != written_ns:
            written_ns += offset_s * 10**9
            os.utime(path, ns=(written_ns, written_ns))
    names = {path.name for path in folder.iterdir()}
    assert len(names) >= 2, recorder.log
    hour: dict[str, Recording] = {}
    begins_ms = time.time_ns() // 1_000_000
    async with agent.running() as running:

        async def all_listed() -> bool:
            page = unpacked((await running.client.get("/manifest")).content)
            rows = [row for row in page.rows if row.state == RecordingState.PRESENT]
            hour.clear()
            hour.update({row.id: row for row in rows})
            return page.as_of_ms >= begins_ms and len(rows) == len(names)

        await eventually(all_listed, "all of the hour", timeout_s=15)
    return hour
