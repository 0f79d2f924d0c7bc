"""A running agent on a folder full of traps: it lists, serves and ends as if there were none."""

import asyncio
import contextlib
import os
import socket
from pathlib import Path

import pytest
from agent.kit import eventually
from agent.process import Agent
from faults.kit import deep, listed, present, served, watched

pytestmark = pytest.mark.slow

NAMES = {
    "newline": b"10-00-00\n.h264",
    "escape": b"10-00-00\x1b[2J\x1b]0;owned\x07.h264",
    "not UTF-8": b"10-00-00\xff\xfe.h264",
    "longest": b"10-00-00" + b"x" * 242 + b".h264",
    "a quote": b"10-00-00';DROP TABLE recordings;--.h264",
    "right to left": "10-00-00\u202e4pm.h264".encode(),
    "a lone surrogate": b"10-00-00\xed\xa0\x80.h264",
}


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    made = Agent(tmp_path)
    text = made.config.read_text().replace("%H-%M-%S.*", "%H-%M-%S*")
    made.config.write_text(text.replace("every_s = 30", "every_s = 2"))
    made.enrol()
    return made


async def test_hostile_names_are_listed_and_served(agent: Agent) -> None:
    cameras = [b"10 - Hallway", b"caf\xe9", b"a\nb", b"\x1b[31m"]
    expected = set()
    for camera in cameras:
        folder = os.fsencode(agent.recordings) + b"/" + camera + b"/2026-11-21"
        os.makedirs(folder)
        for nth, name in enumerate(NAMES.values()):
            with open(folder + b"/" + name, "wb") as file:
                file.write(b"%d %b" % (nth, camera))
            expected.add(b"%d %b" % (nth, camera))
    async with watched(agent) as running:
        rows = await listed(running, len(expected))
        sent = set()
        for row in rows:
            sent.add((await running.client.get(f"/recordings/{row.id}")).content)
        assert sent == expected
        table = await asyncio.to_thread(agent.call, "recordings")
        assert table.returncode == 0
        assert "\x1b" not in table.stdout
        assert await running.stop() == 0


async def test_a_file_that_says_it_is_huge(agent: Agent) -> None:
    """As large as the file system lets a hole be; its digest would take years."""
    path = agent.record("10-00-00.h264", b"")
    for size_bytes in ((1 << 63) - 4096, (1 << 44) - 4096, 1 << 40):
        with contextlib.suppress(OSError):
            os.truncate(path, size_bytes)
            break
    agent.record("10-01-00.h264", b"an ordinary one")
    async with watched(agent) as running:
        await listed(running, 2, timeout_s=30)
        small = min(await present(running), key=lambda row: row.size_bytes)
        assert await served(running, small)
        assert running.rss_bytes < 64 << 20
        assert await running.stop(timeout_s=20) == 0


async def test_links_and_oddities_do_not_disturb_a_running_agent(agent: Agent) -> None:
    async with watched(agent) as running:
        day = agent.record("10-00-00.h264", b"an ordinary one").parent
        await listed(running, 1)
        os.mkfifo(day / "10-01-00.h264")
        (day / "10-02-00.h264").symlink_to("/etc/passwd")
        (day / "10-03-00.h264").symlink_to("10-03-00.h264")
        (agent.recordings / "root").symlink_to("/")
        with socket.socket(socket.AF_UNIX) as sock, contextlib.chdir(day):
            sock.bind("10-04-00.h264")
        agent.record("10-05-00.h264", b"another")
        rows = await listed(running, 2)
        assert {row.size_bytes for row in rows} == {7, 15}
        assert await running.stop() == 0


@pytest.mark.parametrize("levels", [150, 3000])
async def test_a_deep_tree_grows_while_the_agent_runs(agent: Agent, levels: int) -> None:
    async with watched(agent) as running:
        agent.record("10-00-00.h264", b"an ordinary one")
        await listed(running, 1)
        with deep(agent.recordings / "front", levels):
            agent.record("10-05-00.h264", b"another")
            await listed(running, 2)
            agent.record("10-06-00.h264", b"yet another")
            await listed(running, 3)
            assert await running.stop() == 0


async def test_a_deep_tree_moved_in_at_once(agent: Agent) -> None:
    """What is heard is one folder; what is below it would take a path beyond all limits."""
    aside, inside = agent.folder / "aside", agent.recordings / "aside"
    aside.mkdir()
    async with watched(agent) as running:
        agent.record("10-00-00.h264", b"an ordinary one")
        await listed(running, 1)
        with deep(aside, 3000, moved_to=inside):
            aside.rename(inside)
            agent.record("10-05-00.h264", b"another")
            await listed(running, 2)
            agent.record("10-06-00.h264", b"yet another")
            await listed(running, 3)
            assert await running.stop() == 0


async def test_a_file_that_nobody_may_read(agent: Agent) -> None:
    """Root may; so the agent runs without that right."""
    agent.record("10-00-00.h264", b"an ordinary one")
    unread = agent.record("10-01-00.h264", b"secret")
    unread.chmod(0)
    if os.geteuid() == 0:
        agent.prefix = ("setpriv", "--bounding-set", "-all", "--inh-caps", "-all")
    async with watched(agent) as running:
        await listed(running, 1)
        unread.chmod(0o644)
        await listed(running, 2)


async def test_a_hundred_thousand_files_in_one_folder(agent: Agent) -> None:
    folder = agent.recordings / "front" / "2026-11-21"
    folder.mkdir(parents=True)
    handle = os.open(folder, os.O_RDONLY)
    for nth in range(100_000):
        name = f"{nth % 24:02}-{nth // 24 % 60:02}-{nth // 1440 % 60:02}.{nth}.h264"
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=handle))
    os.close(handle)
    agent.record("10-05-00.h264", b"the only one with anything in it")
    async with watched(agent) as running:
        await listed(running, 1, timeout_s=90)
        assert running.rss_bytes < 80 << 20

        async def answers() -> bool:
            return (await running.status()).manifest.seq == 1

        await eventually(answers, "an answer")
