"""A central and a box as real processes, with recordings that the test itself wrote."""

import asyncio
import contextlib
import datetime as dt
import random
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from layover_sim.fleet import SimulatedSite
from layover_sim.headquarters import Headquarters
from layover_sim.link import Link
from layover_sim.picture import Picture
from layover_sim.recorder_settings import RecorderSettings, name_of
from layover_sim.segment import Segment

TERMINAL = {"complete", "partial", "lost", "not-recorded", "stopped"}
SEGMENT_S = 2


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def sample(folder: Path) -> bytes:
    """A real H.264 MP4 of two seconds."""
    path = folder / "sample.mp4"
    picture = Picture("front", 320, 180)
    segment = Segment(path, 320, 180, 8, 400_000)
    for number in range(SEGMENT_S * 8):
        segment.write(picture.at(number, number * 125), number)
    segment.close()
    return path.read_bytes()


def padded(video: bytes, size_bytes: int, seed: int) -> bytes:
    """The video with a free box of noise behind it: as large as wanted, and still playable."""
    pad = size_bytes - len(video)
    return video + struct.pack(">I4s", pad, b"free") + random.Random(seed).randbytes(pad - 8)


async def until(condition: Callable[[], Awaitable[bool]], what: str, timeout_s: float = 30) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            while not await condition():
                await asyncio.sleep(0.03)
    except TimeoutError:
        raise AssertionError(f"{what} did not happen within {timeout_s} s") from None


@dataclass
class Box:
    """One box behind a link, enrolled, with recordings of the camera ``front``."""

    hq: Headquarters
    site: SimulatedSite
    link: Link
    first_ms: int
    recordings: list[Path] = field(default_factory=list)

    @property
    def label(self) -> str:
        return self.site.label

    def record(self, video: bytes, count: int, size_bytes: int) -> None:
        """Adds recordings, each two seconds, one after another, as a recorder names them."""
        for _ in range(count):
            number = len(self.recordings)
            start_ms = self.first_ms + number * SEGMENT_S * 1000
            path = self.site.recordings / name_of("front", start_ms)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(padded(video, size_bytes, number))
            self.recordings.append(path)

    async def seen(self, count: int) -> None:
        """Until central's mirror has so many recordings of the box."""

        async def mirrored() -> bool:
            cameras = (await self.hq.site(self.label))["cameras"]
            return sum(camera["recordings"] for camera in cameras) >= count

        await until(mirrored, f"{count} recordings of {self.label} in the mirror")

    async def ask(self, first: int, count: int, *more: str) -> Any:
        """Asks for so many recordings by their span; the request as central acknowledged it."""
        begin = moment(self.first_ms + first * SEGMENT_S * 1000)
        end = moment(self.first_ms + (first + count) * SEGMENT_S * 1000)
        return await self.hq.run(
            "request", self.label, "--camera", "front", "--from", begin, "--to", end, *more
        )

    def archived(self) -> list[Path]:
        return sorted((self.hq.data / "archive").glob("*/*/*/*"))

    def wrong_files(self) -> list[str]:
        """Archived files whose bytes are not exactly those of one recording."""
        sources = {path.read_bytes() for path in self.recordings if path.exists()}
        return [str(path) for path in self.archived() if path.read_bytes() not in sources]


def moment(ms: int) -> str:
    return dt.datetime.fromtimestamp(ms / 1000, dt.UTC).isoformat(timespec="milliseconds")


@contextlib.asynccontextmanager
async def central(folder: Path, **environment: str) -> AsyncIterator[Headquarters]:
    """A central of its own, ended with the block."""
    hq = Headquarters(folder / "central", free_port(), environment)
    try:
        await hq.start()
        yield hq
    finally:
        await hq.stop()


@contextlib.asynccontextmanager
async def box(
    hq: Headquarters, folder: Path, label: str, *, cap: str = "unlimited", ring_bytes: int = 0
) -> AsyncIterator[Box]:
    """An enrolled box in a depot of its own; its link is up."""
    settings = RecorderSettings(
        folder=folder / label / "recordings", cameras=("front",), ring_bytes=ring_bytes
    )
    site = SimulatedSite(label, folder / label, settings)
    link = Link(site.target)
    try:
        await hq.run("depot", "add", f"depot of {label}", "--cap", cap)
        await hq.run("site", "add", label, "--depot", f"depot of {label}")
        await site.certificate_request()
        await hq.enrol(label, site.folder / "box.csr", site.folder / "bundle.pem")
        await site.enrol((site.folder / "bundle.pem").read_text())
        await hq.run("site", "set", label, "--address", f"127.0.0.1:{link.port}")
        first = dt.datetime.now(dt.UTC).replace(microsecond=0) - dt.timedelta(hours=1)
        yield Box(hq, site, link, int(first.timestamp() * 1000))
    finally:
        await link.close()
        await site.stop()
