"""What somebody may put into a folder of recordings to lead the agent out, astray, or down."""

import asyncio
import contextlib
import os
import socket
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from agent.kit import eventually
from agent.process import Agent
from faults.kit import listed, present, served, watched

from layover_agent.core.paths import UnsafePath
from layover_agent.settings import SourceConfig
from layover_agent.sources.folder import FolderSource

SECRET = b"what nobody may see"


@pytest.fixture
def source(tmp_path: Path) -> FolderSource:
    folder = tmp_path / "recordings"
    (folder / "cam" / "day").mkdir(parents=True)
    (folder / "cam" / "day" / "file.mp4").write_bytes(b"a recording")
    (tmp_path / "outside" / "day").mkdir(parents=True)
    (tmp_path / "outside" / "day" / "file.mp4").write_bytes(SECRET)
    (tmp_path / "outside" / "file.mp4").write_bytes(SECRET)
    return FolderSource("main", SourceConfig(folder=str(folder)))


def found(source: FolderSource) -> set[str]:
    return {entry.path for entry in source.entries([])}


LED_OUT = {
    "the file itself": ("cam/day/file.mp4", "outside/file.mp4"),
    "its folder": ("cam/day", "outside"),
    "the folder above": ("cam", "outside"),
}


@pytest.mark.parametrize("relative", [False, True], ids=["absolute", "relative"])
@pytest.mark.parametrize(("link", "target"), LED_OUT.values(), ids=LED_OUT.keys())
def test_a_link_put_in_after_the_look_leads_nowhere(
    source: FolderSource, tmp_path: Path, link: str, target: str, relative: bool
) -> None:
    assert found(source) == {"cam/day/file.mp4"}
    place = source.folder / link
    place.rename(tmp_path / "moved")
    place.symlink_to(
        os.path.relpath(tmp_path / target, place.parent) if relative else tmp_path / target
    )
    with pytest.raises(FileNotFoundError):
        source.open("cam/day/file.mp4")
    assert source.entry("cam/day/file.mp4") is None
    assert found(source) == set()


def test_a_link_that_stays_inside_is_followed_no_more(source: FolderSource) -> None:
    (source.folder / "again").symlink_to("cam")
    assert found(source) == {"cam/day/file.mp4"}
    with pytest.raises(FileNotFoundError):
        source.open("again/day/file.mp4")


def test_the_folder_itself_may_be_a_link(source: FolderSource, tmp_path: Path) -> None:
    (tmp_path / "mount").symlink_to(source.folder)
    linked = FolderSource("main", SourceConfig(folder=str(tmp_path / "mount")))
    assert found(linked) == {"cam/day/file.mp4"}


def test_a_folder_that_turns_into_a_link_all_the_time(source: FolderSource, tmp_path: Path) -> None:
    """Whoever swaps as fast as he can never gets a byte of another file out."""
    ended = threading.Event()
    place, aside, link = source.folder / "cam", tmp_path / "aside", tmp_path / "link"
    link.symlink_to(tmp_path / "outside")

    def swap() -> None:
        while not ended.is_set():
            place.rename(aside)
            link.rename(place)
            place.rename(link)
            aside.rename(place)

    swapper = threading.Thread(target=swap)
    swapper.start()
    opened = refused = 0
    try:
        for _ in range(3000):
            entry = source.entry("cam/day/file.mp4")
            assert entry is None or entry.size_bytes != len(SECRET)
            try:
                handle = source.open("cam/day/file.mp4")
            except FileNotFoundError:
                refused += 1
                continue
            assert os.pread(handle, 100, 0) != SECRET
            os.close(handle)
            opened += 1
    finally:
        ended.set()
        swapper.join()
    assert opened
    assert refused


@pytest.mark.parametrize(
    "path",
    ["../outside/file.mp4", "cam/../../outside/file.mp4", "/etc/passwd", "cam//day", "", "a\0b"],
)
def test_a_path_that_leaves_the_folder(source: FolderSource, path: str) -> None:
    with pytest.raises(UnsafePath):
        source.open(path)
    assert source.entry(path) is None


@pytest.fixture
def descriptors() -> Iterator[None]:
    """Nothing stays open."""
    before = len(os.listdir("/proc/self/fd"))
    yield
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.usefixtures("descriptors")
def test_nothing_but_regular_files_is_opened(source: FolderSource) -> None:
    day = source.folder / "cam" / "day"
    os.mkfifo(day / "fifo.mp4")
    (day / "folder.mp4").mkdir()
    (day / "loop.mp4").symlink_to("loop.mp4")
    (day / "dangling.mp4").symlink_to("nowhere")
    with socket.socket(socket.AF_UNIX) as sock, contextlib.chdir(day):
        sock.bind("socket.mp4")
    if os.geteuid() == 0:
        os.mknod(day / "device.mp4", stat.S_IFCHR | 0o600, os.makedev(1, 5))
    assert found(source) == {"cam/day/file.mp4"}
    for name in sorted(os.listdir(day)):
        if name != "file.mp4":
            assert source.entry(f"cam/day/{name}") is None
            with pytest.raises(OSError, match=name.partition(".")[0]):
                source.open(f"cam/day/{name}")


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


@pytest.mark.usefixtures("descriptors")
def test_a_folder_deeper_than_any_path_can_say(source: FolderSource) -> None:
    with deep(source.folder, 4000):
        unreadable: list[str] = []
        assert {entry.path for entry in source.entries(unreadable)} == {"cam/day/file.mp4"}
        assert unreadable == []
        os.close(source.open("d/" * 4000 + "file.mp4"))


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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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
