"""What inotify does not tell, or tells wrongly: overflows, renamed folders, limits, links."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from agent.kit import until
from asyncinotify import Inotify

from layover_agent import watch as module
from layover_agent.watch import Watch, watching


class Heard:
    def __init__(self) -> None:
        self.closed: set[str] = set()
        self.paths: set[str] = set()
        self.anything_times = 0

    def file(self, path: str, closed: bool) -> None:
        self.paths.add(path)
        if closed:
            self.closed.add(path)

    def anything(self) -> None:
        self.anything_times += 1


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "recordings" / "front").mkdir(parents=True)
    return tmp_path / "recordings"


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
async def watch(root: Path, heard: Heard) -> AsyncIterator[Watch]:
    async with watching([root], heard) as made:
        yield made


async def closes_are_heard(folder: Path, heard: Heard, name: str = "last.ts") -> None:
    """A file written there is told by its name, once the watch has come so far."""
    path = folder / name

    def told() -> bool:
        path.write_bytes(b"x")
        return str(path) in heard.closed

    await until(told, f"hearing of {path}")


async def test_a_folder_renamed_inside_is_heard_by_its_new_name(
    root: Path, heard: Heard, watch: Watch
) -> None:
    (root / "front" / "day").mkdir()
    await closes_are_heard(root / "front" / "day", heard)
    (root / "front").rename(root / "rear")
    await until(lambda: heard.anything_times, "hearing of the rename")
    await closes_are_heard(root / "rear" / "day", heard, "new.ts")
    assert str(root / "front" / "day" / "new.ts") not in heard.paths


async def test_a_folder_moved_out_is_not_heard_any_more(
    root: Path, heard: Heard, watch: Watch
) -> None:
    outside = root.parent / "outside"
    (root / "front").rename(outside)
    await until(lambda: heard.anything_times, "hearing of the move")
    (outside / "a.ts").write_bytes(b"x")
    (root / "front").mkdir()
    await closes_are_heard(root / "front", heard)
    assert str(root / "front" / "a.ts") not in heard.paths


async def test_an_overflow_is_told_and_afterwards_all_is_heard_again(
    root: Path, heard: Heard, watch: Watch
) -> None:
    """More happens at once than the kernel's queue holds; a folder is renamed meanwhile."""
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    a, b = os.fsencode(root / "front" / "a"), os.fsencode(root / "front" / "b")
    Path(root / "front" / "a").touch()
    for _ in range(limit // 2 + 10):
        os.rename(a, b)
        os.rename(b, a)
    (root / "front").rename(root / "rear")
    await until(lambda: heard.anything_times, "hearing of the overflow", 30)
    assert watch.deaf
    assert await watch.follow()
    assert watch.deaf == ""
    await closes_are_heard(root / "rear", heard)


async def test_a_folder_made_and_filled_at_once_is_told_file_by_file(
    root: Path, heard: Heard, watch: Watch
) -> None:
    paths = [root / "rear" / "2026" / str(day) / f"{n}.ts" for day in range(5) for n in range(5)]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    await until(lambda: {*map(str, paths)} <= heard.paths, "hearing of every file")


async def test_of_a_great_folder_that_is_moved_in_the_files_are_not_told_one_by_one(
    root: Path, heard: Heard, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_TOLD", 10)
    outside = root.parent / "outside"
    outside.mkdir()
    for number in range(11):
        (outside / f"{number}.ts").touch()
    outside.rename(root / "rear")
    await until(lambda: heard.anything_times, "hearing of the folder")
    assert not heard.paths


async def test_folders_that_come_and_go_for_years_do_not_use_up_the_limit(
    root: Path, heard: Heard, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_FOLDERS", 8)
    for day in range(30):
        folder = root / f"day-{day}"
        folder.mkdir()
        await closes_are_heard(folder, heard)
        (folder / "last.ts").unlink()
        folder.rmdir()
        await closes_are_heard(root, heard, f"{day}.ts")
    assert watch.deaf == ""


async def test_more_folders_than_are_listened_to_make_it_deaf_and_it_says_so(
    root: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_FOLDERS", 8)
    for number in range(9):
        (root / f"{number}").mkdir()
    async with watching([root], heard) as watch:
        assert "more than 8 folders" in watch.deaf


async def test_what_could_not_be_listened_to_is_tried_again(
    root: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_FOLDERS", 2)
    (root / "rear").mkdir()
    async with watching([root], heard) as watch:
        assert watch.deaf
        monkeypatch.setattr(module, "MAX_FOLDERS", 8)
        assert not await watch.follow()
        assert watch.deaf, "not at once again"
        monkeypatch.setattr(watch, "_again_s", 0.0)
        await watch.follow()
        assert watch.deaf == ""
        await closes_are_heard(root / "rear", heard)


async def test_the_kernels_limit_of_watches_makes_it_deaf_and_it_says_so(
    root: Path, heard: Heard
) -> None:
    limit = Path("/proc/sys/fs/inotify/max_user_watches")
    if not os.access(limit, os.W_OK):
        pytest.skip("SKIPPED LOUDLY: no right to set the kernel's limit of watches")
    for number in range(5):
        (root / str(number)).mkdir()
    before = limit.read_text()
    taken = Inotify()
    try:
        limit.write_text("3")
        async with watching([root], heard) as watch:
            assert "cannot watch" in watch.deaf
    except OSError:
        pytest.skip("SKIPPED LOUDLY: the kernel's limit of watches cannot be set here")
    finally:
        limit.write_text(before)
        taken.close()


async def test_a_root_that_is_a_link_is_heard(tmp_path: Path, root: Path, heard: Heard) -> None:
    link = tmp_path / "link"
    link.symlink_to(root)
    async with watching([link], heard) as watch:
        assert watch.deaf == ""
        await closes_are_heard(link / "front", heard)


async def test_a_link_below_the_root_is_not_followed(root: Path, heard: Heard) -> None:
    elsewhere = root.parent / "elsewhere"
    elsewhere.mkdir()
    (root / "link").symlink_to(elsewhere)
    async with watching([root], heard):
        (elsewhere / "a.ts").write_bytes(b"x")
        await closes_are_heard(root, heard)
        assert not any("a.ts" in path for path in heard.paths)


async def test_another_folder_in_the_roots_place_is_followed(
    root: Path, heard: Heard, watch: Watch
) -> None:
    root.rename(root.parent / "aside")
    assert await watch.follow()
    assert "is not there" in watch.deaf
    assert not await watch.follow(), "nothing new"
    (root / "front").mkdir(parents=True)
    assert await watch.follow()
    assert watch.deaf == ""
    await closes_are_heard(root / "front", heard)
    (root.parent / "aside" / "front" / "gone.ts").write_bytes(b"x")
    await closes_are_heard(root / "front", heard, "after.ts")
    assert not any("gone.ts" in path for path in heard.paths)


async def test_a_network_mount_is_not_trusted_and_its_local_successor_is(
    root: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "kind_of", lambda _: "nfs4")
    async with watching([root], heard) as watch:
        assert "network mount (nfs4)" in watch.deaf
        monkeypatch.setattr(module, "kind_of", lambda _: "ext4")
        root.rename(root.parent / "unmounted")
        root.mkdir()
        await watch.follow()
        assert watch.deaf == ""


@pytest.mark.parametrize("name", ["lost+found", ".layover"])
async def test_folders_that_never_hold_recordings_are_left_alone(
    root: Path, heard: Heard, watch: Watch, name: str
) -> None:
    (root / name).mkdir()
    (root / name / "a.ts").write_bytes(b"x")
    await closes_are_heard(root, heard)
    (root / name / "b.ts").write_bytes(b"x")
    await closes_are_heard(root, heard, "after.ts")
    assert not any(name in path for path in heard.paths - {str(root / name)})


async def test_listening_that_fails_is_told_and_makes_it_deaf(
    root: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watching([root], heard) as watch:

        async def fails(_: object) -> None:
            raise RuntimeError("broken")

        monkeypatch.setattr(watch, "_heard", fails)
        (root / "a.ts").write_bytes(b"x")
        await until(lambda: heard.anything_times, "telling of the failure")
        assert "broken" in watch.deaf


async def test_without_inotify_it_is_deaf_and_says_why(
    root: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left() -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(module, "Inotify", none_left)
    async with watching([root], heard) as watch:
        assert "Too many open files" in watch.deaf
        assert not await watch.follow()
        await asyncio.sleep(0)
