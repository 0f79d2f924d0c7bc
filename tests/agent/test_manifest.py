import asyncio
import dataclasses
import random
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from layover_agent.manifest import Manifest, opened
from layover_agent.manifest_holds import HoldRow
from layover_agent.rows import Row
from layover_agent.wire.types import Recording, SignedStatement


def row(number: int, **values: object) -> Row:
    plain: dict[str, object] = {
        "id": f"{number:032x}",
        "source": "main",
        "camera": "front",
        "path": f"front/{number}.ts",
        "start_ms": number * 60_000,
        "end_ms": number * 60_000 + 60_000,
        "size_bytes": 1000 + number,
        "container": "ts",
        "end_source": "mtime",
        "confidence": "guessed",
        "damaged": False,
        "inode": number,
        "mtime_ns": 5,
        "boot_id": "b",
        "closed_mono_ms": 0,
        **values,
    }
    return Row(**plain)  # type: ignore[arg-type]


@pytest.fixture
async def manifest(tmp_path: Path) -> AsyncIterator[Manifest]:
    async with opened(tmp_path / "m.db") as made:
        yield made


async def read_all(manifest: Manifest, limit: int = 1000) -> list[Recording]:
    rows: list[Recording] = []
    while (page := await manifest.page(manifest.epoch, rows[-1].seq if rows else 0, limit)).rows:
        rows += page.rows
    return rows


async def test_a_new_manifest_is_empty_and_has_an_epoch(manifest: Manifest) -> None:
    head = await manifest.head()
    assert (head.seq, head.scanned_ms) == (0, 0)
    assert len(head.epoch) == 16
    assert (await manifest.page("", 0, 10)).rows == []


async def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path / "m.db") as manifest:
        await manifest.write([row(1), row(2)], [], 10, 9)
        before = await manifest.head()
    async with opened(tmp_path / "m.db") as manifest:
        assert await manifest.head() == before
        assert [r.id for r in await read_all(manifest)] == [row(1).id, row(2).id]


async def test_pages_follow_each_other_without_gap_or_repeat(manifest: Manifest) -> None:
    await manifest.write([row(n) for n in range(1, 26)], [], 1, 1)
    for limit in (1, 7, 25, 1000):
        assert [r.seq for r in await read_all(manifest, limit)] == list(range(1, 26))


@pytest.mark.parametrize(("limit", "rows"), [(-5, 1), (0, 1), (3, 3), (5000, 1000)])
async def test_a_page_has_bounds(manifest: Manifest, limit: int, rows: int) -> None:
    await manifest.write([row(n) for n in range(1, 1101)], [], 1, 1)
    assert len((await manifest.page(manifest.epoch, 0, limit)).rows) == rows


async def test_a_strange_epoch_is_read_from_the_start(manifest: Manifest) -> None:
    await manifest.write([row(1), row(2)], [], 1, 1)
    assert len((await manifest.page("another", 2, 10)).rows) == 2
    assert len((await manifest.page(manifest.epoch, 2, 10)).rows) == 0


async def test_a_change_moves_a_row_to_the_end(manifest: Manifest) -> None:
    await manifest.write([row(1), row(2)], [], 1, 1)
    await manifest.write([], [row(1).id], 77, 2)
    rows = await read_all(manifest)
    assert [(r.id, r.seq, r.state, r.gone_ms) for r in rows] == [
        (row(2).id, 2, "present", 0),
        (row(1).id, 3, "gone", 77),
    ]


async def test_a_reader_who_follows_any_history_ends_with_the_truth(manifest: Manifest) -> None:
    """The feed's whole purpose: applying pages in order, read at odd moments, mirrors the table."""
    chance = random.Random(7)
    mirror: dict[str, Recording] = {}
    after = 0
    for step in range(120):
        number = chance.randint(1, 12)
        match chance.choice(["add", "gone", "hold", "drop", "read"]):
            case "add":
                await manifest.write([row(number, mtime_ns=step)], [], step, step)
            case "gone":
                await manifest.write([], [row(number).id], step, step)
            case "hold" if await manifest.get(row(number).id):
                await manifest.set_hold(HoldRow(row(number).id, "link", 1, 1, 1))
            case "drop":
                await manifest.drop_hold(row(number).id, step)
            case _:
                page = await manifest.page(manifest.epoch, after, chance.randint(1, 5))
                mirror.update({r.id: r for r in page.rows})
                after = page.rows[-1].seq if page.rows else after
    while (page := await manifest.page(manifest.epoch, after, 3)).rows:
        mirror.update({r.id: r for r in page.rows})
        after = page.rows[-1].seq
    truth = {r.id: r for r in await read_all(manifest)}
    assert mirror == truth
    assert len({r.seq for r in truth.values()}) == len(truth)


async def test_a_held_recording_stays_present_without_its_file_and_goes_when_released(
    manifest: Manifest,
) -> None:
    await manifest.write([row(1), row(2)], [], 1, 1)
    await manifest.set_hold(HoldRow(row(1).id, "link", 60, 1001, 5))
    await manifest.write([], [row(1).id], 50, 50)
    held = {r.id: r for r in await read_all(manifest)}[row(1).id]
    assert (held.state, held.held, held.gone_ms) == ("present", True, 0)
    await manifest.drop_hold(row(1).id, 90)
    gone = {r.id: r for r in await read_all(manifest)}[row(1).id]
    assert (gone.state, gone.held, gone.gone_ms) == ("gone", False, 50)


async def test_a_rewritten_row_keeps_its_hold(manifest: Manifest) -> None:
    await manifest.write([row(1)], [], 1, 1)
    await manifest.set_hold(HoldRow(row(1).id, "link", 60, 1001, 5))
    await manifest.write([row(1, mtime_ns=6)], [], 2, 2)
    found = await manifest.get(row(1).id)
    assert found is not None
    assert found.held


async def test_cameras_count_what_is_present(manifest: Manifest) -> None:
    await manifest.write([row(1), row(2), row(3, camera="rear")], [], 1, 1)
    await manifest.write([], [row(1).id], 2, 2)
    front, rear = await manifest.cameras()
    assert (front.name, front.recordings, front.size_bytes) == ("front", 1, 1002)
    assert (rear.name, rear.first_start_ms, rear.last_end_ms) == ("rear", 180_000, 240_000)


async def test_a_statement_is_valid_for_exactly_one_state_of_the_file(manifest: Manifest) -> None:
    await manifest.write([row(1)], [], 1, 1)
    statement = SignedStatement(payload=b"p", signature=b"s")
    await manifest.set_statement(row(1), b"h", statement)
    assert await manifest.statement(row(1)) == (b"h", statement)
    for changed in ({"size_bytes": 1}, {"mtime_ns": 6}, {"inode": 9}):
        assert await manifest.statement(dataclasses.replace(row(1), **changed)) is None  # type: ignore[arg-type]


async def test_a_name_that_is_no_utf8_comes_back_byte_for_byte(manifest: Manifest) -> None:
    await manifest.write([row(1, path="b\udcfcs/1.ts")], [], 1, 1)
    known = await manifest.known("main", ["b\udcfcs/1.ts", "b\ufffds/1.ts"])
    assert [*known] == ["b\udcfcs/1.ts"]


def damage_header(path: Path) -> None:
    path.write_bytes(b"this is no database at all" * 100)


def damage_pages(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096 * 3)


def cut_in_half(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


@pytest.mark.parametrize("damage", [damage_header, damage_pages, cut_in_half])
async def test_a_corrupt_database_is_set_aside_and_built_anew(tmp_path: Path, damage) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "m.db"
    async with opened(path) as manifest:
        await manifest.write([row(n) for n in range(200)], [], 1, 1)
        epoch = manifest.epoch
    damage(path)
    spoilt = path.read_bytes()
    async with opened(path) as manifest:
        assert manifest.epoch != epoch
        assert manifest.rebuilt_because
        assert await read_all(manifest) == []
    assert (tmp_path / "m.db.corrupt-1").read_bytes() == spoilt
    async with opened(path) as manifest:
        assert manifest.rebuilt_because == ""


async def test_every_corrupt_database_is_kept(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        (tmp_path / "m.db").write_bytes(b"junk" * 1000)
        async with opened(tmp_path / "m.db"):
            pass
        assert (tmp_path / f"m.db.corrupt-{number}").exists()


async def test_a_database_that_is_only_locked_is_never_set_aside(tmp_path: Path) -> None:
    """A second agent started by mistake must not take the first one's holds away."""
    path = tmp_path / "m.db"
    async with opened(path) as manifest:
        await manifest.write([row(1)], [], 1, 1)
        epoch = manifest.epoch
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("PRAGMA locking_mode = EXCLUSIVE")
    blocker.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises((OSError, sqlite3.OperationalError)):
            async with opened(path):
                pass
    finally:
        blocker.close()
    assert not list(tmp_path.glob("*.corrupt-*"))
    async with opened(path) as manifest:
        assert manifest.epoch == epoch


async def test_a_folder_that_is_missing_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises((OSError, sqlite3.OperationalError)):
        async with opened(tmp_path / "nowhere" / "m.db"):
            pass


@pytest.mark.parametrize("turns", range(8))
async def test_a_write_that_is_cancelled_leaves_the_next_one_free(
    manifest: Manifest, turns: int
) -> None:
    task = asyncio.create_task(manifest.set_note("a", "1"))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await manifest.set_note("b", "2")
    assert await manifest.note("b") == "2"


async def test_a_write_that_fails_changes_nothing_and_leaves_the_next_one_free(
    manifest: Manifest,
) -> None:
    await manifest.write([row(1)], [], 1, 1)
    with pytest.raises(sqlite3.Error):
        await manifest.write([row(2), row(3, camera=None)], [], 2, 2)
    assert [r.id for r in await read_all(manifest)] == [row(1).id]
    await manifest.write([row(2)], [], 3, 3)
    assert len(await read_all(manifest)) == 2


async def test_a_page_never_shows_what_is_not_committed(manifest: Manifest) -> None:
    """Central would keep a row, and its seq, that never came to be."""
    good = [row(n) for n in range(2, 60)]
    write = asyncio.create_task(manifest.write([*good, row(60, camera=None)], [], 1, 1))
    seen: list[Recording] = []
    while not write.done():
        seen += (await manifest.page(manifest.epoch, 0, 1000)).rows
        await asyncio.sleep(0)
    with pytest.raises(sqlite3.Error):
        await write
    assert seen == []


async def test_many_writers_at_once_never_share_a_seq(manifest: Manifest) -> None:
    await asyncio.gather(*(manifest.write([row(n)], [], 1, 1) for n in range(1, 41)))
    assert sorted(r.seq for r in await read_all(manifest)) == list(range(1, 41))


async def test_looking_beside_a_running_agent_reads_and_never_writes(tmp_path: Path) -> None:
    async with opened(tmp_path / "m.db") as manifest:
        await manifest.write([row(1)], [], 1, 1)
        async with opened(tmp_path / "m.db", read_only=True) as glance:
            assert [r.id for r in await read_all(glance)] == [row(1).id]
            with pytest.raises(sqlite3.OperationalError):
                await glance.set_note("a", "1")
        await manifest.write([row(2)], [], 1, 1)
        assert len(await read_all(manifest)) == 2
