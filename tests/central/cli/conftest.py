"""A real central behind a real server in a thread, and the command line run against it."""

import asyncio
import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from layover_agent.wire.types import ManifestPage, Recording, RecordingState
from layover_central import cli, fulfilment
from layover_central.changes import Topic
from layover_central.config import Settings
from layover_central.context import Central
from layover_central.store import Store, mirror, sites, transfers
from layover_central.store.transfers import TransferState
from layover_central.trust.authority import Authority
from layover_central.web.app import create_app
from layover_central.web.server import WebServer

T = TypeVar("T")

NOW_MS = 1_795_258_800_000
"""2026-11-21 11:00 UTC, which is 12:00 in Berlin."""
MINUTE_MS = 60_000


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)


class StillClock:
    def now_ms(self) -> int:
        return NOW_MS

    def mono_s(self) -> float:
        return NOW_MS / 1000


@dataclass
class Fleet:
    """A served central, and the parts that sites play in it."""

    central: Central
    port: int
    loop: asyncio.AbstractEventLoop
    seqs: dict[int, int] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs something in central's own loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    def records(self, label: str, camera: str, start_ms: int, count: int = 1) -> list[str]:
        """Puts closed recordings of a minute, 1 MB each, into the mirror; their ids."""

        async def work() -> list[str]:
            async with self.central.store.begin() as connection:
                site = await sites.labelled(connection, label)
                first = self.seqs.get(site.id, 0) + 1
                self.seqs[site.id] = first + count - 1
                rows = [
                    Recording(
                        id=hashlib.sha256(f"{label} {camera} {start_ms} {i}".encode()).hexdigest(),
                        seq=first + i,
                        state=RecordingState.PRESENT,
                        camera=camera,
                        start_ms=start_ms + i * MINUTE_MS,
                        end_ms=start_ms + (i + 1) * MINUTE_MS,
                        size_bytes=1_000_000,
                        container="mp4",
                        end_source="container",
                        confidence="sure",
                    )
                    for i in range(count)
                ]
                page = ManifestPage(
                    epoch="e1", head_seq=rows[-1].seq, as_of_ms=NOW_MS - 5_000, rows=rows
                )
                await mirror.apply(connection, site.id, page)
                return [row.id for row in rows]

        return self.do(work())

    def becomes(self, request_id: int, state: TransferState, count: int = 1000) -> None:
        """The next wanted transfers of a request end in a state."""

        async def work() -> None:
            async with self.central.store.begin() as connection:
                linked = await transfers.of_request(connection, request_id)
                wanted = [t for t in linked if t.state is TransferState.WANTED]
                for transfer in wanted[:count]:
                    complete = state is TransferState.COMPLETE
                    values: dict[str, Any] = {"state": state, "finished_ms": NOW_MS}
                    if complete:
                        path = f"bus-217/front/2026-11-21/{transfer.recording_id[:8]}.mp4"
                        values |= {"path": path, "sha256": "ab" * 32, "received_bytes": 1_000_000}
                    else:
                        values["error"] = "the recorder wrote over it"
                    await transfers.change(connection, transfer.id, values)
            await fulfilment.review(self.central, request_id)
            self.central.changes.publish(Topic.REQUESTS)

        self.do(work())


async def _serve(settings: Settings, ready: Callable[[Fleet, WebServer], None]) -> None:
    store = await Store.open(settings.database_url)
    try:
        central = Central(
            settings, StillClock(), store, Authority(settings.data / "trust"), started_ms=NOW_MS
        )
        app = create_app(central)
        server = WebServer(
            app,
            uvicorn.Config(
                app,
                port=0,
                log_level="error",
                lifespan="off",
                access_log=False,
                ssl_certfile=settings.tls_certificate or None,
                ssl_keyfile=settings.tls_key or None,
            ),
        )
        serving = asyncio.create_task(server.serve())
        while not server.started:
            assert not serving.done()
            await asyncio.sleep(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        ready(Fleet(central, port, asyncio.get_running_loop()), server)
        await serving
    finally:
        await store.close()


@contextmanager
def served(settings: Settings) -> Iterator[Fleet]:
    """A central that answers for as long as the block runs."""
    settings.data.mkdir(exist_ok=True)
    up = threading.Event()
    found: list[tuple[Fleet, WebServer]] = []

    def ready(fleet: Fleet, server: WebServer) -> None:
        found.append((fleet, server))
        up.set()

    thread = threading.Thread(target=lambda: asyncio.run(_serve(settings, ready)))
    thread.start()
    assert up.wait(20)
    fleet, server = found[0]
    try:
        yield fleet
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with served(Settings(data=tmp_path / "data")) as fleet:
        yield fleet


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times are shown in this zone, and nothing of the machine's environment matters."""
    for name in [name for name in os.environ if name.startswith("LAYOVER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


Run = Callable[..., Result]


@pytest.fixture
def anywhere(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs ``layover`` in this process, as its entry point would."""

    def run(*arguments: object) -> Result:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["layover", *map(str, arguments)])
        code: object = 0
        try:
            cli.main()
        except SystemExit as ending:
            code = ending.code or 0
        out, err = capsys.readouterr()
        assert isinstance(code, int)
        return Result(code, out, err)

    return run


@pytest.fixture
def layover(anywhere: Run, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs ``layover`` against the served central."""
    monkeypatch.setenv("LAYOVER_URL", fleet.url)
    return anywhere


@pytest.fixture
def good(layover: Run) -> Run:
    """Runs ``layover`` and expects it to go well."""

    def run(*arguments: object) -> Result:
        result = layover(*arguments)
        assert (result.code, result.err) == (0, ""), result
        return result

    return run


@pytest.fixture
def bus(good: Run, fleet: Fleet) -> str:
    """A depot in Berlin's zone and a bus with five minutes of two cameras from 11:00 there."""
    good("depot", "add", "north", "--zone", "Europe/Berlin")
    good("site", "add", "bus-217", "--depot", "north")
    for camera in ("front", "Rear"):
        fleet.records("bus-217", camera, NOW_MS - 60 * MINUTE_MS, 5)
    return "bus-217"


def command(*arguments: object) -> list[str]:
    """The command line that runs ``layover`` in a process of its own."""
    return [sys.executable, "-m", "layover_central.cli", *map(str, arguments)]


def process(*arguments: object, **environment: str) -> Result:
    done = subprocess.run(
        command(*arguments),
        capture_output=True,
        timeout=60,
        env=os.environ | environment,
        encoding="utf-8",
        errors="surrogateescape",
    )
    return Result(done.returncode, done.stdout, done.stderr)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def signing_request() -> bytes:
    """A certificate request as a box makes it."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    signed = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)
