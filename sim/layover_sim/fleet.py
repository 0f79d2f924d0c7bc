"""Real processes for a simulated fleet: agents, recorders, a central. Always cleaned up."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from layover_sim.recorder_settings import LAYOUT, ZONE, RecorderSettings

READY_S = 30.0


class NotReady(RuntimeError):
    """A process that did not come up in time; the message has the end of its log."""


async def until(condition: Callable[[], bool], what: str, timeout_s: float = READY_S) -> None:
    """Waits for a condition. NotReady where it does not come true in time."""
    try:
        async with asyncio.timeout(timeout_s):
            while not condition():
                await asyncio.sleep(0.02)
    except TimeoutError as error:
        raise NotReady(f"{what} did not happen within {timeout_s:.0f} s") from error


class Program:
    """A child process with its log in a file."""

    def __init__(self, name: str, command: list[str], log: Path) -> None:
        self.name = name
        self.log = log
        self._command = command
        self._process: asyncio.subprocess.Process | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self, environment: Mapping[str, str] | None = None) -> None:
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )

    async def stop(self, timeout_s: float = 10.0) -> int | None:
        """Ends the process by SIGTERM, by SIGKILL where that takes too long; its status."""
        if self._process is None:
            return None
        if self.running:
            self._process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(timeout_s):
                    await self._process.wait()
            except TimeoutError:
                await self.kill()
        return self._process.returncode

    async def kill(self) -> None:
        """SIGKILL: as a power cut is to the process."""
        self.kill_now()
        if self._process is not None:
            await self._process.wait()

    def kill_now(self) -> None:
        """SIGKILL without waiting, for whoever can no longer wait."""
        if self._process is not None and self.running:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""


@dataclass
class SimulatedSite:
    """A box: a recorder that writes video, and the agent beside it."""

    label: str
    folder: Path
    recorder: RecorderSettings
    settings: Mapping[str, str] = field(default_factory=dict)
    """Environment of the agent, over what its file says."""

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config = self.folder / "box.toml"
        self._port_file = self.folder / "port"
        self.recordings = self.recorder.folder
        self.recordings.mkdir(parents=True, exist_ok=True)
        self.config.write_text(self._toml())
        self.recorder.save(self.folder / "recorder.json")
        python = sys.executable
        self.agent = Program(
            f"{self.label} agent",
            [python, "-m", "layover_agent", "run", "--config", str(self.config)],
            self.folder / "agent.log",
        )
        self.camera_box = Program(
            f"{self.label} recorder",
            [python, "-m", "layover_sim.recorder", "--config", str(self.folder / "recorder.json")],
            self.folder / "recorder.log",
        )

    def _toml(self) -> str:
        return f"""\
data_folder = "{self.folder / "data"}"
[listen]
address = "127.0.0.1"
port = 0
port_file = "{self._port_file}"
[advertise]
enabled = false
[sources.main]
folder = "{self.recordings}"
layout = "{LAYOUT}"
zone = "{ZONE}"
deletes_by = "unlink"
max_bytes = {self.recorder.ring_bytes}
settle_s = 1.0
[rescan]
every_s = 5.0
"""

    @property
    def port(self) -> int:
        return int(self._port_file.read_text())

    def target(self) -> tuple[str, int]:
        """Where the agent listens now; OSError while it does not."""
        return "127.0.0.1", self.port

    async def certificate_request(self) -> str:
        path = self.folder / "box.csr"
        await self._agent_command("identity", "--csr", str(path))
        return path.read_text()

    async def enrol(self, bundle: str) -> None:
        path = self.folder / "box.pem"
        path.write_text(bundle)
        await self._agent_command("enrol", str(path))

    async def start_agent(self) -> None:
        self._port_file.unlink(missing_ok=True)
        await self.agent.start(self.settings)
        try:
            await until(lambda: self._port_file.exists() or not self.agent.running, self.agent.name)
        except NotReady as error:
            raise NotReady(f"{error}\n{self.agent.tail()}") from error
        if not self.agent.running:
            raise NotReady(f"{self.agent.name} ended\n{self.agent.tail()}")

    async def stop(self) -> None:
        await asyncio.gather(self.agent.stop(), self.camera_box.stop())

    def kill_now(self) -> None:
        self.agent.kill_now()
        self.camera_box.kill_now()

    async def _agent_command(self, *arguments: str) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "layover_agent",
            arguments[0],
            "--config",
            str(self.config),
            *arguments[1:],
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise NotReady(f"layover-agent {arguments[0]} failed: {output.decode()}")


@contextlib.asynccontextmanager
async def running(*programs: Program | SimulatedSite) -> AsyncIterator[None]:
    """Ends everything given when the block ends, however it ends."""
    try:
        yield
    finally:
        ending = asyncio.gather(*(one.stop() for one in programs))
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError:
            # Asked to end twice: patience is over, but nothing is left running.
            for one in programs:
                one.kill_now()
            await ending
            raise
