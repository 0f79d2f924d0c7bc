"""Disks that fill, fail, vanish and come back: real file systems in files, under a real agent."""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from agent.holds.disks import fill
from agent.kit import eventually
from agent.process import Agent, Running

from layover_agent.wire.codec import decode, encode
from layover_agent.wire.types import Fault, Hold, HoldWish, Recording

_SHUT_DOWN = 0x8004587D
"""EXT4_IOC_SHUTDOWN: what the kernel does to a file system after an error it cannot bear."""
_LOSE_ALL = 2


@dataclass
class Disk:
    """A file system in a file, mounted at a folder."""

    image: Path
    point: Path

    def mount(self, options: str = "loop") -> None:
        done = _run("mount", "-o", options, self.image, self.point)
        if done.returncode != 0:
            pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")

    def remount(self, options: str) -> None:
        done = _run("mount", "-o", f"remount,{options}", self.point)
        assert done.returncode == 0, done.stderr

    def pull(self) -> None:
        """Takes the disk away under whoever has files open on it."""
        done = _run("umount", "-l", self.point)
        assert done.returncode == 0, done.stderr

    def fill(self, leaving_bytes: int = 0) -> None:
        """Leaves so many bytes, and where that is none, no room for another file either."""
        spare = self.point / "spare"
        spare.write_bytes(bytes(leaving_bytes))
        fill(self.point)
        with contextlib.suppress(OSError):
            for nth in range(0 if leaving_bytes else 10_000):
                (self.point / f"fill-{nth}").touch()
        fill(self.point)
        spare.unlink()

    def make_room(self) -> None:
        for path in self.point.glob("fill*"):
            path.unlink()

    def place(self, file: Path) -> int:
        """Where the bytes of a file begin on the disk."""
        done = _run("filefrag", "-b1", "-e", file)
        found = re.search(r"^\s*0:\s+0\.\.\s*\d+:\s+(\d+)\.\.", done.stdout, re.MULTILINE)
        assert found, done.stdout + done.stderr
        return int(found[1])

    def spoil(self, file: Path) -> None:
        """A file, and all that lies behind it, cannot be read any more: reading a loop device
        behind the end of its image is an I/O error."""
        handle = os.open(file, os.O_RDONLY)
        try:
            os.fsync(handle)
            os.truncate(self.image, self.place(file))
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(handle)

    def break_off(self) -> None:
        """An error in the file system: the kernel takes no more writes (errors=remount-ro)."""
        self.remount("errors=remount-ro")
        number = self.point.stat().st_dev
        name = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}").resolve().name
        Path(f"/sys/fs/ext4/{name}/trigger_fs_error").write_text("a test")

    def die(self) -> None:
        """From now on every call fails with EIO, until it is mounted anew."""
        handle = os.open(self.point, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, _SHUT_DOWN, _LOSE_ALL.to_bytes(4, "little"))
        finally:
            os.close(handle)


@contextlib.contextmanager
def disk_at(point: Path, image: Path, size_mib: int = 16) -> Iterator[Disk]:
    """A fresh ext4, however often it is pulled and mounted again meanwhile."""
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        pytest.skip("needs root and mkfs.ext4: what a failing disk does to the agent is not tried")
    with image.open("wb") as file:
        file.truncate(size_mib << 20)
    done = _run("mkfs.ext4", "-q", "-F", "-m", "0", "-N", "512", image)
    assert done.returncode == 0, done.stderr
    point.mkdir(exist_ok=True)
    disk = Disk(image, point)
    disk.mount()
    try:
        yield disk
    finally:
        while os.path.ismount(point):
            _run("umount", "-l", point)


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def agent_on(data: Path, folder: Path) -> Agent:
    """An enrolled agent whose data folder lies on a disk of its own, and whose port does not
    change when it begins anew."""
    agent = Agent(folder)
    text = agent.config.read_text()
    text = text.replace(f'data_folder = "{agent.data}"', f'data_folder = "{data}"')
    agent.config.write_text(text.replace("port = 0", f"port = {_free_port()}"))
    # Its own folder is left with the port file alone.
    own, agent.data = agent.data, data
    agent.enrol()
    agent.data = own
    return agent


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


async def listed(running: Running, count: int, timeout_s: float = 15) -> list[Recording]:
    """The recordings that are there, once they are so many."""

    async def there() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return len(await present(running)) == count
        return False

    await eventually(there, f"{count} recordings", timeout_s)
    return await present(running)


async def present(running: Running) -> list[Recording]:
    return [row for row in await running.manifest() if row.state == "present"]


async def fault(running: Running, code: str, timeout_s: float = 15) -> Fault:
    """The fault of that code, once it is told; it says what to do."""
    found: list[Fault] = []

    async def told() -> bool:
        with contextlib.suppress(httpx.TransportError):
            found[:] = [one for one in (await running.status()).faults if one.code == code]
        return bool(found)

    await eventually(told, f"the fault {code}", timeout_s)
    assert found[0].text
    assert found[0].remedy
    return found[0]


async def no_fault(running: Running, code: str, timeout_s: float = 40) -> None:
    async def over() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return all(one.code != code for one in (await running.status()).faults)
        return False

    await eventually(over, f"the end of the fault {code}", timeout_s)


async def hold(running: Running, recording: Recording) -> Hold:
    answer = await running.client.put(
        f"/holds/{recording.id}", content=encode(HoldWish(lease_s=3600))
    )
    assert answer.status_code == 200, answer.text
    return decode(Hold, answer.content)


async def served(running: Running, recording: Recording) -> str:
    """The SHA-256 of what the agent sends for a recording."""
    answer = await running.client.get(f"/recordings/{recording.id}")
    assert answer.status_code == 200, answer.text
    return hashlib.sha256(answer.content).hexdigest()


@contextlib.asynccontextmanager
async def watched(agent: Agent) -> AsyncIterator[Running]:
    """The agent runs meanwhile, and is not ended at the end but by the test itself."""
    async with agent.running() as running:
        yield running
        assert running.process.returncode in (None, 0, -signal.SIGKILL), said(agent)


@contextlib.contextmanager
def deep(top: Path, levels: int, moved_to: Path | None = None) -> Iterator[None]:
    """Folders in folders below ``top``, with a file in the last, deeper than any path can say; and
    than Python's own ways to delete a tree."""
    handle = os.open(top, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("d", dir_fd=handle)
        inner = os.open("d", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = inner
    os.close(os.open("file.mp4", os.O_CREAT | os.O_WRONLY, dir_fd=handle))
    os.close(handle)
    try:
        yield
    finally:
        for place in (top, moved_to or top):
            subprocess.run(["rm", "-rf", place / "d"], check=True, timeout=30)


def said(agent: Agent) -> str:
    """What the agent logged, without the chatter."""
    lines = agent.log.read_text(errors="replace").splitlines()
    return "\n".join([line for line in lines if " DEBUG " not in line][-60:])
