"""The change feed at its edges: forgotten deletions, writes between two reads, odd numbers."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from agent.test_manifest import read_all, row

from layover_agent.database import is_damage
from layover_agent.manifest import Manifest, opened
from layover_agent.manifest_holds import HoldRow
from layover_agent.wire.types import ManifestPage, Recording, SignedStatement


@pytest.fixture
async def manifest(tmp_path: Path) -> AsyncIterator[Manifest]:
    async with opened(tmp_path / "m.db") as made:
        yield made


async def followed(manifest: Manifest, after: int, limit: int = 7) -> dict[str, Recording]:
    """What a reader learns who has everything up to ``after``."""
    found: dict[str, Recording] = {}
    while (page := await manifest.page(manifest.epoch, after, limit)).rows:
        found |= {r.id: r for r in page.rows}
        after = page.rows[-1].seq
    return found


def present(rows: dict[str, Recording]) -> set[str]:
    return {recording_id for recording_id, r in rows.items() if r.state == "present"}


async def test_the_oldest_deletions_are_forgotten_and_no_more(manifest: Manifest) -> None:
    await manifest.write([row(n) for n in range(60)], [], 1)
    await manifest.set_statement(row(3), b"d", SignedStatement(payload=b"p", signature=b"s"))
    await manifest.write([], [row(n).id for n in range(50)], 2)
    assert await manifest.forget_gone(keep=46) == 0, "not each time a few"
    assert await manifest.forget_gone(keep=20) == 30
    rows = {r.id: r for r in await read_all(manifest)}
    assert {*rows} == {row(n).id for n in range(30, 60)}
    assert present(rows) == {row(n).id for n in range(50, 60)}
    assert await manifest.digest_of(row(3).id) is None
    assert await manifest.forget_gone(keep=20) == 0


async def test_what_is_held_is_never_forgotten(manifest: Manifest) -> None:
    await manifest.write([row(n) for n in range(30)], [], 1)
    await manifest.set_hold(HoldRow(row(0).id, "link", 60, 1000, 5))
    await manifest.write([], [row(n).id for n in range(30)], 2)
    await manifest.forget_gone(keep=1)
    held = await manifest.get(row(0).id)
    assert held is not None
    assert held.present
    await manifest.drop_hold(row(0).id, 9)
    assert present(await followed(manifest, 0)) == set()


@pytest.mark.parametrize("after", range(0, 61, 20))
async def test_a_reader_from_before_the_forgotten_learns_of_all_that_is_there(
    manifest: Manifest, after: int
) -> None:
    await manifest.write([row(n) for n in range(60)], [], 1)
    before = {r.id: r for r in await read_all(manifest) if r.seq <= after}
    await manifest.write([], [row(n).id for n in range(50)], 2)
    await manifest.forget_gone(keep=10)
    news = await followed(manifest, after)
    there = {row(n).id for n in range(50, 60)}
    assert present(before | news) >= there
    stale = present(before | news) - there
    assert stale <= {row(n).id for n in range(40)}, "only what was forgotten; asking tells"
    for recording_id in stale:
        assert await manifest.get(recording_id) is None


async def test_numbers_of_change_go_on_after_the_youngest_was_forgotten(
    manifest: Manifest,
) -> None:
    await manifest.write([row(n) for n in range(40)], [], 1)
    await manifest.write([], [row(n).id for n in range(40)], 2)
    seq = (await manifest.head()).seq
    await manifest.forget_gone(keep=1)
    await manifest.write([row(99)], [], 3)
    assert (await manifest.head()).seq == seq + 1


async def test_an_empty_page_never_skips_what_is_written_meanwhile(manifest: Manifest) -> None:
    """A reader goes on from the head that an empty page names."""
    await manifest.write([row(1)], [], 1)

    async def read() -> ManifestPage:
        return await manifest.page(manifest.epoch, 1, 10)

    for number in range(2, 60):
        reading = asyncio.create_task(read())
        for _ in range(number % 9):
            await asyncio.sleep(0)
        await manifest.write([row(number)], [], 1)
        page = await reading
        told = {r.id for r in page.rows}
        after = page.rows[-1].seq if page.rows else page.head_seq
        told |= {*await followed(manifest, after)}
        assert told == {row(n).id for n in range(2, number + 1)}


async def test_a_deletion_is_told_once(manifest: Manifest) -> None:
    await manifest.write([row(1)], [], 1)
    await manifest.write([], [row(1).id], 2)
    before = await read_all(manifest)
    await manifest.write([], [row(1).id], 3)
    assert await read_all(manifest) == before


@pytest.mark.parametrize("inode", [0, 2**63 - 1, 2**63, 2**64 - 1])
async def test_an_inode_of_all_64_bits_comes_back(manifest: Manifest, inode: int) -> None:
    """Union and network file systems make them up from hashes."""
    one = row(1, inode=inode)
    await manifest.write([one], [], 1)
    found = await manifest.get(one.id)
    assert found is not None
    assert found.inode == inode
    assert (await manifest.known("main", [one.path]))[one.path].shape == one.shape
    statement = SignedStatement(payload=b"p", signature=b"s")
    await manifest.set_statement(one, b"h", statement)
    assert await manifest.statement(one) == (b"h", statement)


@pytest.mark.parametrize(
    ("error", "damaged"),
    [
        (sqlite3.DatabaseError("quick_check: wrong # of entries in index"), True),
        (sqlite3.ProgrammingError("You did not supply a value for binding 1"), False),
    ],
)
def test_only_a_bad_file_is_a_damaged_database(error: sqlite3.DatabaseError, damaged: bool) -> None:
    assert is_damage(error) is damaged
