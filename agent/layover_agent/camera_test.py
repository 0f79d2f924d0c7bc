"""Looks at the newest closed recording of every camera and says what is wrong with it."""

import asyncio
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from layover_agent.clock import Clock, SystemClock
from layover_agent.core.fault_kinds import CRITICAL, NOTICE, SEVERITIES, WARNING
from layover_agent.core.faults import EXIT_CRITICAL, EXIT_WARNING
from layover_agent.core.timing import wrong_time
from layover_agent.core.units import spoken_time
from layover_agent.manifest import Manifest, opened
from layover_agent.picture import Picture, picture
from layover_agent.rows import Row
from layover_agent.settings import Config
from layover_agent.sources.registry import made
from layover_agent.sources.source import Source
from layover_agent.wire.types import Camera

AT_ONCE = 2
_CATALOGUE = {
    "missing": (CRITICAL, "Check its power, cable and view, and that the recorder knows it."),
    "late": (CRITICAL, "Check its power, cable and view, and that the recorder knows it."),
    "file-gone": (NOTICE, "Ask again in a moment: the recorder deleted it just now."),
    "unreadable": (CRITICAL, "Check the rights of the agent's user and the disk."),
    "empty": (CRITICAL, "Check the disk's free space and the recorder's log."),
    "damaged": (WARNING, "Usual once after a power cut; if it comes again, check disk and power."),
    "wrong-time": (WARNING, "Check the box's clock, and the zone set for this source."),
    "no-picture": (CRITICAL, "Check the camera's stream: open the recording in a player."),
    "black": (CRITICAL, "Check the lens cover, the light and the cable."),
    "flat": (CRITICAL, "Check the cable: recorders paint one colour where there is no signal."),
    "frozen": (WARNING, "Move in front of it and test again; if it stays so, restart it."),
}
"""Severity and remedy of each thing that can be wrong."""
_LOOKS = {
    "none": ("no-picture", "no picture can be decoded"),
    "black": ("black", "the picture is black"),
    "flat": ("flat", "the picture is of one colour"),
    "frozen": ("frozen", "the picture does not change: it is frozen, or nothing moves"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    code: str
    text: str

    @property
    def severity(self) -> str:
        return _CATALOGUE[self.code][0]

    @property
    def remedy(self) -> str:
        return _CATALOGUE[self.code][1]


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraTest:
    """One camera and its newest closed recording."""

    source: str
    camera: str
    path: str = ""
    """Of the recording, relative to the source's folder; empty: there is none."""
    start_ms: int = 0
    end_ms: int = 0
    size_bytes: int = 0
    looks: str = ""
    """moving, frozen, black, flat, unclear or none; empty: the picture was not looked at."""
    not_looked: str = ""
    """Why it was not."""
    sound: bool | None = None
    """Whether there is a sound track; None: not known."""
    still: str = ""
    """Where its last picture was saved; empty: it was not."""
    troubles: list[Trouble] = field(default_factory=list)
    """Worst first."""


async def cameras_tested(
    config: Config,
    clock: Clock | None = None,
    *,
    late: Iterable[Camera] = (),
    save: Path | None = None,
) -> list[CameraTest]:
    """Tests every shared camera, the worst first.

    ``late``: cameras as a running agent's status has them, which tells the late ones. ``save``:
    folder that receives a still of each camera. sqlite3.Error or OSError where there is no
    manifest; nothing is written but those stills.
    """
    clock = clock or SystemClock()
    sources = {name: made(name, one) for name, one in config.sources.items()}
    known = {(one.source, one.name): one for one in late}
    async with opened(config.data_folder / "manifest.db", read_only=True) as manifest:
        cameras = {(one.source, one.name): one for one in await manifest.cameras()}
        rows = {
            key: row
            for key in cameras
            if key[0] in sources and (row := await _newest(manifest, *key)) is not None
        }
    wanted = [key for key in {**cameras, **known} if key[0] in sources]
    wanted += [(name, camera) for name, one in config.sources.items() for camera in one.cameras
               if (name, camera) not in wanted]  # fmt: skip
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(key: tuple[str, str]) -> CameraTest:
        async with turns:
            return await asyncio.to_thread(
                _tested, sources[key[0]], key[1], rows.get(key), known.get(key), clock.wall_ms(),
                save,
            )  # fmt: skip

    tests = await asyncio.gather(*(one(key) for key in wanted))
    return sorted(tests, key=lambda test: (_badness(test.troubles), test.source, test.camera))


def exit_status(tests: Iterable[CameraTest]) -> int:
    """5 where something critical is wrong, 4 for a warning, else 0."""
    worst = min((_badness(test.troubles) for test in tests), default=len(SEVERITIES))
    return {0: EXIT_CRITICAL, 1: EXIT_WARNING}.get(worst, 0)


def still_name(source: str, camera: str) -> str:
    """A file's name for a camera's still, whatever the camera's name holds; never a path."""
    plain = re.sub(r"[^\w .-]", "_", f"{source} {camera}", flags=re.ASCII).strip(" .")
    return f"{plain[:100] or 'camera'}.jpg"


async def _newest(manifest: Manifest, source: str, camera: str) -> Row | None:
    found = await manifest._read(
        "SELECT id FROM recordings WHERE source = ? AND camera = ? AND path_there = 1"
        " ORDER BY start_ms DESC LIMIT 1",
        (source, camera),
    )
    return await manifest.get(found[0][0]) if found else None


def _tested(
    source: Source, camera: str, row: Row | None, told: Camera | None, now_ms: int,
    save: Path | None,
) -> CameraTest:  # fmt: skip
    troubles: list[Trouble] = []
    if told is not None and told.lateness == "late":
        text = f"its next recording was expected by {spoken_time(told.expected_close_ms)}"
        troubles.append(Trouble(code="late", text=text))
    if row is None:
        if not troubles:
            troubles.append(Trouble(code="missing", text="there is no recording of it"))
        return CameraTest(source=source.name, camera=camera, troubles=troubles)
    troubles += _of_file(source, row)
    why = wrong_time(row.start_ms, row.end_ms, row.mtime_ns // 1_000_000, now_ms)
    if why:
        troubles.append(Trouble(code="wrong-time", text=why))
    seen = Picture()
    if not any(one.code in ("file-gone", "unreadable", "empty") for one in troubles):
        seen = _seen(source, row, still=save is not None)
        if seen.looks in _LOOKS:
            code, text = _LOOKS[seen.looks]
            reason = f" ({seen.why})" if seen.why else ""
            troubles.append(Trouble(code=code, text=f"{text}{reason}"))
    still = ""
    if save is not None and seen.still:
        path = save / still_name(source.name, camera)
        path.write_bytes(seen.still)
        still = str(path)
    return CameraTest(
        source=source.name,
        camera=camera,
        path=row.path,
        start_ms=row.start_ms,
        end_ms=row.end_ms,
        size_bytes=row.size_bytes,
        looks=seen.looks,
        not_looked="" if seen.looks else seen.why,
        sound=seen.sound,
        still=still,
        troubles=sorted(troubles, key=lambda one: SEVERITIES.index(one.severity)),
    )


def _of_file(source: Source, row: Row) -> list[Trouble]:
    """What its file says now, whatever the manifest had of it."""
    entry = source.entry(row.path)
    if entry is None:
        return [Trouble(code="file-gone", text="its newest recording is no longer there")]
    if not entry.size_bytes:
        return [Trouble(code="empty", text="its newest recording is empty")]
    named = source.named(entry)
    try:
        found = source.examine(entry, named) if named is not None else None
    except OSError as error:
        return [Trouble(code="unreadable", text=f"it cannot be read: {error.strerror}")]
    container = found.container if found is not None else None
    if container is not None and not container.complete:
        return [Trouble(code="damaged", text=container.why or "it was never closed")]
    if row.damaged:
        return [Trouble(code="damaged", text="it was found damaged when it was listed")]
    return []


def _seen(source: Source, row: Row, *, still: bool) -> Picture:
    try:
        handle = source.open(row.path)
    except (OSError, ValueError) as error:
        return Picture(why=str(error))
    try:
        kind = row.path.rpartition(".")[2].lower()
        return picture(handle, kind, still=still)
    finally:
        os.close(handle)


def _badness(troubles: Iterable[Trouble]) -> int:
    return min((SEVERITIES.index(one.severity) for one in troubles), default=len(SEVERITIES))


def plain(test: CameraTest) -> Mapping[str, object]:
    """A test for JSON; what a file system calls text is spelt so that any JSON can hold it."""
    return {
        "source": test.source,
        "camera": test.camera.encode(errors="backslashreplace").decode(),
        "path": test.path.encode(errors="backslashreplace").decode(),
        "start_ms": test.start_ms,
        "end_ms": test.end_ms,
        "size_bytes": test.size_bytes,
        "looks": test.looks,
        "not_looked": test.not_looked,
        "sound": test.sound,
        "still": test.still,
        "troubles": [
            {"code": t.code, "severity": t.severity, "text": t.text, "remedy": t.remedy}
            for t in test.troubles
        ],
    }
