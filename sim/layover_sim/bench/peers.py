"""Others' ways to learn what is in a folder, over the same links: rsync, and find over ssh."""

import asyncio
import contextlib
import getpass
import shutil
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path

from layover_sim.bench.lists import Fetched
from layover_sim.bench.ports import answering, free_port
from layover_sim.bench.run import NoPeer
from layover_sim.bench.shaped import Shape, ShapedLink, shaped
from layover_sim.fleet import NotReady, Program, running


def installed(name: str) -> str:
    """A program's full path; also where only an administrator's search path finds it."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/local/sbin")
    if found is None:
        raise NoPeer(f"{name} is not installed")
    return found


async def rsync_list(recordings: Path, scratch: Path, shape: Shape) -> Fetched:
    """``rsync --list-only`` of the whole folder, from an rsync daemon."""
    program, port = installed("rsync"), free_port()
    config = scratch / "rsyncd.conf"
    config.write_text(f"use chroot = no\n[recordings]\npath = {recordings}\nread only = yes\n")
    daemon = Program(
        "rsync daemon",
        [program, "--daemon", "--no-detach", "--address=127.0.0.1", f"--port={port}",
         f"--config={config}"],
        scratch / "rsyncd.log",
    )  # fmt: skip
    async with _serving(daemon, port), shaped(port, shape) as link:
        return await _fetched(
            [program, "--list-only", "-r", f"rsync://127.0.0.1:{link.port}/recordings/"], link
        )


async def find_newer(recordings: Path, newer_than: Path, scratch: Path, shape: Shape) -> Fetched:
    """``find -newer`` over ssh: names, sizes and times of what was written since."""
    ssh, sshd = installed("ssh"), installed("sshd")
    port, user_key, host_key = free_port(), scratch / "user_key", scratch / "host_key"
    for key in (user_key, host_key):
        if not key.exists():
            command = [installed("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
            await asyncio.to_thread(subprocess.run, command, check=True)
    server = Program(
        "sshd",
        [sshd, "-D", "-e", "-f", "/dev/null", "-p", str(port), "-h", str(host_key),
         "-o", "ListenAddress=127.0.0.1", "-o", "StrictModes=no", "-o", "PidFile=none",
         "-o", f"AuthorizedKeysFile={user_key}.pub"],
        scratch / "sshd.log",
    )  # fmt: skip
    look = f"find '{recordings}' -type f -newer '{newer_than}' -printf '%P %s %T@\\n'"
    async with _serving(server, port), shaped(port, shape) as link:
        return await _fetched(
            [ssh, "-F", "none", "-p", str(link.port), "-i", str(user_key),
             "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no",
             "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "BatchMode=yes",
             f"{getpass.getuser()}@127.0.0.1", look],
            link,
        )  # fmt: skip


@contextlib.asynccontextmanager
async def _serving(program: Program, port: int) -> AsyncIterator[None]:
    async with running(program):
        await program.start()
        try:
            await answering(program, port)
        except NotReady as error:
            raise NoPeer(str(error)) from error
        yield


async def _fetched(command: list[str], link: ShapedLink) -> Fetched:
    before_bytes = await link.passed_bytes()
    began_s = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    took_s = time.monotonic() - began_s
    if process.returncode:
        raise NoPeer(f"{command[0]} failed: {errors.decode(errors='replace').strip()[-300:]}")
    entries = sum(line.find(b".mp4") > 0 for line in output.splitlines())
    return Fetched(entries, await link.passed_bytes() - before_bytes, took_s)
