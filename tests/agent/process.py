"""A real agent in its own process, enrolled, on a folder of its own."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from agent.kit import ClientFiles, FleetCa, until

from layover_agent.identity import Identity
from layover_agent.wire.codec import decode
from layover_agent.wire.pages import unpacked
from layover_agent.wire.types import Recording, Status

TEMPLATE = """
data_folder = "{data}"
[listen]
address = "127.0.0.1"
port = 0
port_file = "{data}/port"
[advertise]
enabled = {advertise}
[holds]
folder = "{holds}"
[sources.main]
folder = "{recordings}"
layout = "{{camera}}/%Y-%m-%d/%H-%M-%S.*"
zone = "+00:00"
deletes_by = "unlink"
settle_s = {settle_s}
[rescan]
every_s = {every_s}
"""


@dataclass
class Agent:
    folder: Path
    fleet: FleetCa = field(default_factory=FleetCa)
    settle_s: float = 0.5
    every_s: float = 30
    advertise: bool = False
    prefix: tuple[str, ...] = ()
    """What runs before the command, such as a network namespace."""

    def __post_init__(self) -> None:
        self.data = self.folder / "data"
        self.recordings = self.folder / "recordings"
        self.config = self.folder / "box.toml"
        self.log = self.folder / "agent.log"
        for made in (self.data, self.recordings, self.folder / "central"):
            made.mkdir()
        self.config.write_text(
            TEMPLATE.format(
                data=self.data,
                holds=self.folder / "holds",
                recordings=self.recordings,
                settle_s=self.settle_s,
                every_s=self.every_s,
                advertise=str(self.advertise).lower(),
            )
        )
        self.central: ClientFiles = self.fleet.client_files(self.folder / "central")

    def command(self, *arguments: str) -> list[str]:
        return [*self.prefix, sys.executable, "-m", "layover_agent", *arguments]

    def call(self, command: str, *more: str) -> subprocess.CompletedProcess[str]:
        """One of the agent's commands, run to its end."""
        return subprocess.run(
            [sys.executable, "-m", "layover_agent", command, "--config", str(self.config), *more],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip

    def enrol(self) -> None:
        request, bundle = self.folder / "box.csr", self.folder / "box.pem"
        assert self.call("identity", "--csr", str(request)).returncode == 0
        self.id = Identity(self.data / "identity").id
        bundle.write_bytes(self.fleet.bundle(request.read_bytes(), self.id))
        done = self.call("enrol", str(bundle))
        assert done.returncode == 0, done.stderr

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Running"]:
        (self.data / "port").unlink(missing_ok=True)
        with self.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *self.command("run", "--config", str(self.config), "--log-level", "DEBUG"),
                stdout=log, stderr=log,
            )  # fmt: skip
        try:
            await until(
                lambda: (self.data / "port").exists() or process.returncode is not None, "start"
            )
            assert process.returncode is None, self.log.read_text()
            port = int((self.data / "port").read_text())
            async with httpx.AsyncClient(
                base_url=f"https://127.0.0.1:{port}/v1",
                verify=self.central.context(),
                trust_env=False,
            ) as client:
                yield Running(process, port, client)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    def record(self, name: str, data: bytes, camera: str = "front") -> Path:
        """A recording written as a recorder does: open, write, close."""
        path = self.recordings / camera / "2026-11-21" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path


@dataclass
class Running:
    process: asyncio.subprocess.Process
    port: int
    client: httpx.AsyncClient

    async def manifest(self) -> list[Recording]:
        page = unpacked((await self.client.get("/manifest")).content)
        return page.rows

    async def status(self) -> Status:
        return decode(Status, (await self.client.get("/status")).content)

    async def stop(self, number: int = signal.SIGTERM, timeout_s: float = 10) -> int:
        self.process.send_signal(number)
        async with asyncio.timeout(timeout_s):
            return await self.process.wait()

    @property
    def rss_bytes(self) -> int:
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


def documents(text: str) -> object:
    """The one JSON document that a command printed."""
    return json.loads(text)
