"""What somebody may put into a folder of recordings to lead the agent out, astray, or down."""

import contextlib
import os
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.kit import deep

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


@pytest.mark.usefixtures("descriptors")
def test_a_folder_deeper_than_any_path_can_say(source: FolderSource) -> None:
    with deep(source.folder, 4000):
        unreadable: list[str] = []
        assert {entry.path for entry in source.entries(unreadable)} == {"cam/day/file.mp4"}
        assert unreadable == []
        os.close(source.open("d/" * 4000 + "file.mp4"))
