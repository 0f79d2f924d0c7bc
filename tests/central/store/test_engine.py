"""Opening a database: its schema, its durability, and what is said when it cannot be opened."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from central.store.cluster import Cluster
from sqlalchemy import Connection, Inspector, create_engine, inspect, text

from layover_central.errors import Kind, LayoverError
from layover_central.store import Store, depots
from layover_central.store.schema import metadata


@pytest.fixture(autouse=True)
async def workers_end() -> AsyncIterator[None]:
    """A connection that failed to open leaves its thread to end by itself: before the loop does,
    to which it reports."""
    before = set(threading.enumerate())
    yield
    async with asyncio.timeout(10):
        while any("_connection_worker" in t.name for t in set(threading.enumerate()) - before):
            await asyncio.sleep(0.005)


def described(connection: Connection) -> dict[str, Any]:
    """Everything that SQLAlchemy sees of a schema, Alembic's own table left out."""
    seen: Inspector = inspect(connection)
    return {
        table: {
            "columns": {
                c["name"]: (str(c["type"]), c["nullable"], c["default"])
                for c in seen.get_columns(table)
            },
            "primary key": seen.get_pk_constraint(table),
            "foreign keys": sorted(seen.get_foreign_keys(table), key=lambda k: str(k["name"])),
            "unique": sorted(seen.get_unique_constraints(table), key=lambda k: str(k["name"])),
            "indexes": sorted(seen.get_indexes(table), key=lambda k: str(k["name"])),
        }
        for table in seen.get_table_names()
        if table != "alembic_version"
    }


async def test_an_upgraded_database_equals_a_fresh_one(
    url: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    store = await Store.open(url)
    async with store.begin() as connection:
        upgraded = await connection.run_sync(described)
    await store.close()
    if url.startswith("sqlite"):
        fresh_url = f"sqlite:///{tmp_path / 'fresh.db'}"
    else:
        cluster: Cluster = request.getfixturevalue("cluster")
        fresh_url = cluster.url(cluster.new_database())
    engine = create_engine(fresh_url)
    with engine.begin() as fresh_connection:
        metadata.create_all(fresh_connection)
        fresh = described(fresh_connection)
    engine.dispose()
    assert set(upgraded) == set(metadata.tables)
    assert upgraded == fresh


async def test_opening_again_changes_nothing_and_loses_nothing(url: str) -> None:
    first = await Store.open(url)
    async with first.begin() as connection:
        await depots.add(connection, "North", "Europe/Berlin", "", ("10.0.0.0/8",), 4)
    await first.close()
    again = await Store.open(url)
    async with again.begin() as connection:
        assert [d.name for d in await depots.listing(connection)] == ["North"]
    await again.close()


async def test_an_exception_rolls_the_whole_block_back(store: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        async with store.begin() as connection:
            await depots.add(connection, "North", "UTC", "", (), 4)
            raise ZeroDivisionError
    async with store.begin() as connection:
        assert await depots.listing(connection) == []


async def test_an_acknowledged_commit_survives_a_power_cut(tmp_path: Path) -> None:
    """The settings that SQLite documents for it, read back from the connection that commits."""
    store = await Store.open(f"sqlite+aiosqlite:///{tmp_path / 'layover.db'}")
    async with store.begin() as connection:
        found = {
            name: await connection.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys", "mmap_size")
        }
    await store.close()
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "mmap_size": 0}


GARBAGE = {
    "not a database at all": b"This is a shopping list.\n" * 400,
    "a header and then noise": b"SQLite format 3\0" + bytes(range(256)) * 40,
}


@pytest.mark.parametrize("content", GARBAGE.values(), ids=GARBAGE.keys())
async def test_garbage_is_told_as_a_storage_failure(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "layover.db"
    path.write_bytes(content)
    with pytest.raises(LayoverError) as caught:
        await Store.open(f"sqlite+aiosqlite:///{path}")
    assert caught.value.kind is Kind.STORAGE
    assert caught.value.detail.startswith("the database cannot be opened: ")
    assert "\n" not in caught.value.detail
    assert path.read_bytes() == content


UNUSABLE = {
    "a folder that is not there": "sqlite+aiosqlite:////nowhere/at/all/layover.db",
    "no server at this port": "postgresql+psycopg://nobody:geheim@127.0.0.1:1/none",
    "a driver that is not installed": "mysql://localhost/layover",
    "an unknown driver": "sqlite+nothing:///layover.db",
    "a driver that cannot wait": "sqlite:///layover.db",
    "not a URL": "layover.db",
    "a port that is no number": "postgresql+psycopg://localhost:port/none",
}


@pytest.mark.parametrize("unusable", UNUSABLE.values(), ids=UNUSABLE.keys())
async def test_a_url_that_cannot_be_used_is_told_in_one_line(unusable: str) -> None:
    with pytest.raises(LayoverError) as caught:
        await Store.open(unusable)
    assert caught.value.kind is Kind.STORAGE
    assert "\n" not in caught.value.detail
    assert "geheim" not in caught.value.detail


async def test_a_database_of_a_newer_version_is_left_alone(url: str) -> None:
    store = await Store.open(url)
    async with store.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await store.close()
    with pytest.raises(LayoverError) as caught:
        await Store.open(url)
    assert caught.value.kind is Kind.STORAGE
    assert "9999" in caught.value.detail
    assert "older" in caught.value.hint


async def test_an_upgrade_that_is_cut_leaves_nothing_behind(url: str) -> None:
    """A table in the way of the last ones stops the upgrade where a power cut might."""
    plain = create_engine(url.replace("+aiosqlite", ""))
    with plain.begin() as connection:
        connection.execute(text("CREATE TABLE warnings (id INTEGER)"))
    with pytest.raises(LayoverError):
        await Store.open(url)
    with plain.begin() as connection:
        assert inspect(connection).get_table_names() == ["warnings"]
        connection.execute(text("DROP TABLE warnings"))
    plain.dispose()
    store = await Store.open(url)
    await store.close()


async def test_two_processes_that_open_a_new_database_at_once(url: str) -> None:
    one, other = await asyncio.gather(Store.open(url), Store.open(url))
    async with one.begin() as connection:
        await depots.add(connection, "North", "UTC", "", (), 4)
    async with other.begin() as connection:
        assert [d.name for d in await depots.listing(connection)] == ["North"]
    await one.close()
    await other.close()


async def test_a_transaction_that_is_cancelled_anywhere_frees_the_database(store: Store) -> None:
    """SQLite has one connection: a task cut down in it must neither keep nor half-commit it."""

    async def busy(number: int) -> None:
        async with store.begin() as connection:
            for part in range(5):
                await depots.add(connection, f"{number}-{part}", "UTC", "", (), 1)

    for number in range(30):
        task = asyncio.create_task(busy(number))
        for _ in range(number):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    async with asyncio.timeout(5), store.begin() as connection:
        found = [d.name.partition("-")[0] for d in await depots.listing(connection)]
    assert all(found.count(number) == 5 for number in found)
