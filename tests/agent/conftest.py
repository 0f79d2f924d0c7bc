"""A box with a real folder of recordings, taken apart: no network unless a test asks for it."""

import asyncio
import contextlib
import io
import os
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import av
import httpx
import numpy as np
import pytest
from agent.kit import ClientFiles, FleetCa, HandClock, write_at
from agent.serving import DATA, Stage, Stream

from layover_agent.api import Api
from layover_agent.digests import Hasher
from layover_agent.files import Files
from layover_agent.health import Health
from layover_agent.holds import Holds
from layover_agent.http import Server
from layover_agent.identity import Identity
from layover_agent.manifest import Manifest, opened
from layover_agent.rows import Row
from layover_agent.scan import Scanner
from layover_agent.settings import SourceConfig
from layover_agent.sources.template import TemplateSource

LAYOUT = "{camera}/%Y-%m-%d/%H-%M-%S.*"


def encoded(seconds: float, options: dict[str, str], noise: int = 0) -> bytes:
    """A real H.264 MP4 of so many seconds."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4", options=options) as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.options = {"preset": "ultrafast", "g": "10"}
        random = np.random.default_rng(1)
        for _ in range(round(seconds * 10)):
            picture = random.integers(0, 40 + noise, (48, 64, 3), dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


@pytest.fixture(scope="session")
def mp4() -> bytes:
    """Two seconds, index at the end: what most recorders write."""
    return encoded(2, {})


@pytest.fixture(scope="session")
def fragmented_mp4() -> bytes:
    """Two seconds in fragments, of which each one is whole by itself."""
    return encoded(2, {"movflags": "frag_keyframe+empty_moov+default_base_moof"})


@dataclass
class Box:
    """The agent's parts on one folder."""

    folder: Path
    recordings: Path
    clock: HandClock
    identity: Identity
    manifest: Manifest
    sources: dict[str, TemplateSource]
    files: Files
    holds: Holds
    hasher: Hasher
    scanner: Scanner
    health: Health
    api: Api

    @property
    def source(self) -> TemplateSource:
        (source,) = self.sources.values()
        return source

    def record(
        self, camera: str = "front", start: str = "10-00-00", data: bytes = b"x" * 9000,
        ext: str = "h264", written_s_ago: float = 600,
    ) -> Path:  # fmt: skip
        """A closed recording of 2026-11-21 as the recorder leaves it."""
        path = self.recordings / camera / "2026-11-21" / f"{start}.{ext}"
        return write_at(path, data, self.clock.wall - int(written_s_ago * 1000))

    async def rows(self) -> list[Row]:
        """All of up to 500, in the order of their last change."""
        page = await self.manifest.page("", 0, 500)
        found = await self.manifest.of_ids([row.id for row in page.rows])
        return [found[row.id] for row in page.rows]

    async def present(self) -> dict[str, Row]:
        return {row.path: row for row in await self.rows() if row.present}

    async def listed(self, path: Path) -> Row:
        """Scans, and gives the row of a file that must be listed then."""
        await self.scanner.scan()
        return (await self.present())[str(path.relative_to(self.recordings))]


Opened = Callable[..., contextlib.AbstractAsyncContextManager[Box]]


@pytest.fixture
def open_box(tmp_path: Path) -> Opened:
    """Opens the box in ``tmp_path``; again after it was closed is a restart."""

    @contextlib.asynccontextmanager
    async def opener(
        clock: HandClock | None = None, name: str = "main", **settings: object
    ) -> AsyncIterator[Box]:
        clock = clock or HandClock()
        recordings = tmp_path / "recordings"
        recordings.mkdir(exist_ok=True)
        values: dict[str, object] = {
            "folder": str(recordings),
            "layout": LAYOUT,
            "zone": "+00:00",
            "deletes_by": "unlink",
            **settings,
        }
        source = TemplateSource(name, SourceConfig(**values))  # type: ignore[arg-type]
        sources = {name: source}
        identity = Identity(tmp_path / "identity")
        async with opened(tmp_path / "manifest.db") as manifest:
            files = Files(sources, tmp_path / "holds")
            holds = await Holds.restored(manifest, files, clock)
            hasher = Hasher(manifest, files, clock, identity.key, identity.id)
            scanner = Scanner(manifest, sources.values(), clock, [holds.changed])
            health = Health(identity.id, manifest, sources, scanner, holds, clock)
            api = Api(manifest, files, hasher, holds, health)
            yield Box(
                tmp_path, recordings, clock, identity, manifest, sources, files, holds, hasher,
                scanner, health, api,
            )  # fmt: skip

    return opener


@pytest.fixture
async def box(open_box: Opened) -> AsyncIterator[Box]:
    async with open_box() as opened_box:
        yield opened_box


@pytest.fixture
def fleet() -> FleetCa:
    return FleetCa()


@pytest.fixture
def central(fleet: FleetCa, tmp_path: Path) -> ClientFiles:
    """Central's own client certificate."""
    folder = tmp_path / "central"
    folder.mkdir()
    return fleet.client_files(folder)


@pytest.fixture
async def port(box: Box, fleet: FleetCa) -> AsyncIterator[int]:
    """The box enrolled in the fleet and listening."""
    box.identity.install(fleet.bundle(box.identity.certificate_request(), box.identity.id))
    server = Server(box.api, box.identity.server_context(), box.identity.accepts)
    async with server.listening("127.0.0.1", 0) as number:
        yield number


@pytest.fixture
async def client(port: int, central: ClientFiles) -> AsyncIterator[httpx.AsyncClient]:
    """Central, calling the box over real TLS."""
    async with httpx.AsyncClient(
        base_url=f"https://127.0.0.1:{port}/v1", verify=central.context(), trust_env=False
    ) as made:
        yield made


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
async def server(stage: Stage, fleet: FleetCa, tmp_path: Path) -> AsyncIterator[tuple[Server, int]]:
    identity = Identity(tmp_path / "identity")
    identity.install(fleet.bundle(identity.certificate_request(), identity.id))
    made = Server(stage, identity.server_context(), identity.accepts)
    async with made.listening("127.0.0.1", 0) as port:
        yield made, port


@pytest.fixture
def dial(server: tuple[Server, int], central: ClientFiles):  # type: ignore[no-untyped-def]
    context = central.context()

    @contextlib.asynccontextmanager
    async def dialled(
        tls: ssl.SSLContext | None = context, **options: int
    ) -> AsyncIterator[Stream]:
        reader, writer = await asyncio.open_connection("127.0.0.1", server[1], ssl=tls, **options)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    return dialled


@pytest.fixture
async def path(box: Box) -> Path:
    return box.record(data=DATA)


@pytest.fixture
async def row(box: Box, path: Path) -> Row:
    return await box.listed(path)


def in_ci() -> bool:
    return os.environ.get("CI", "") not in ("", "0", "false")
