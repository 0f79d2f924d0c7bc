import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from agent.kit import until

from layover_agent.watch import watching


class Heard(list[str | None]):
    """Paths of what was closed, None for anything else."""

    def file(self, path: str, closed: bool) -> None:
        self.append(path if closed else None)
        self.paths.add(path)

    def anything(self) -> None:
        self.append(None)

    def __init__(self) -> None:
        super().__init__()
        self.paths: set[str] = set()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "recordings" / "front").mkdir(parents=True)
    return tmp_path / "recordings"


@pytest.fixture
async def heard(root: Path) -> AsyncIterator[Heard]:
    told = Heard()
    async with watching([root], told) as watch:
        assert watch.deaf == ""
        yield told


async def test_a_file_that_is_closed_after_writing_is_named(root: Path, heard: Heard) -> None:
    path = root / "front" / "a.ts"
    with path.open("wb") as file:
        file.write(b"x")
        file.flush()
        await until(lambda: path.exists(), "the file")
        assert str(path) not in heard
    await until(lambda: str(path) in heard, "hearing of the close")


async def test_a_file_that_is_only_read_says_nothing(root: Path, heard: Heard) -> None:
    path = root / "front" / "a.ts"
    path.write_bytes(b"x")
    await until(lambda: str(path) in heard, "hearing of the close")
    heard.clear()
    path.read_bytes()
    (root / "front" / "b.ts").write_bytes(b"x")
    await until(lambda: heard, "hearing of the other")
    assert str(path) not in heard


async def test_a_file_that_gets_its_final_name_is_named(root: Path, heard: Heard) -> None:
    part = root / "front" / "a.part"
    part.write_bytes(b"x")
    part.rename(root / "front" / "a.ts")
    await until(lambda: str(root / "front" / "a.ts") in heard, "hearing of the new name")


async def test_a_deleted_file_wakes_the_scanner(root: Path, heard: Heard) -> None:
    (root / "front" / "a.ts").write_bytes(b"x")
    await until(lambda: heard, "hearing of the close")
    heard.clear()
    (root / "front" / "a.ts").unlink()
    await until(lambda: None in heard, "hearing of the deletion")


async def test_folders_made_later_are_heard_too_to_any_depth(root: Path, heard: Heard) -> None:
    deep = root / "rear" / "2026-11-21" / "10"
    deep.mkdir(parents=True)

    def written() -> bool:
        path = deep / f"{len(heard)}.ts"
        path.write_bytes(b"x")
        return any(one and one.startswith(str(deep)) for one in heard)

    await until(written, "hearing of a file in the new folder")


async def test_a_name_that_is_no_utf8_is_named_byte_for_byte(root: Path, heard: Heard) -> None:
    name = os.fsencode(root) + b"/front/\xff.ts"
    with open(name, "wb") as file:
        file.write(b"x")
    await until(lambda: os.fsdecode(name) in heard, "hearing of the close")


async def test_a_root_that_is_missing_stops_nothing(tmp_path: Path) -> None:
    root = tmp_path / "later"
    told = Heard()
    async with watching([root], told) as watch:
        assert str(root) in watch.deaf
        root.mkdir()
        await watch.follow()
        assert watch.deaf == ""
        (root / "a.ts").write_bytes(b"x")
        await until(lambda: str(root / "a.ts") in told, "hearing of the close")


async def test_a_file_being_made_is_named_before_it_is_closed(root: Path, heard: Heard) -> None:
    path = root / "front" / "a.ts"
    with path.open("wb"):
        await until(lambda: str(path) in heard.paths, "hearing of the file")
        assert str(path) not in heard


async def test_files_of_a_folder_that_is_moved_in_are_named(root: Path, heard: Heard) -> None:
    outside = root.parent / "day"
    outside.mkdir()
    (outside / "a.ts").write_bytes(b"x")
    outside.rename(root / "day")
    await until(lambda: str(root / "day" / "a.ts") in heard.paths, "hearing of the file")


async def test_a_folder_that_is_moved_away_is_told(root: Path, heard: Heard) -> None:
    (root / "front").rename(root.parent / "front")
    await until(lambda: None in heard, "hearing of it")
