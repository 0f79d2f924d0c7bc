"""The agent's one SQLite connection: opened with care, set aside when damaged, never shared.

One connection reads, writes and checkpoints: SQLite before 3.51.3 can corrupt a write-ahead log
that two connections reset at once. A database that is not whole is set aside and built anew from
the files, under a new epoch, which tells central to read it from the start.
"""

import asyncio
import contextlib
import errno
import logging
import os
import secrets
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiosqlite

from layover_agent.upgrade import OLDEST, upgraded

log = logging.getLogger(__name__)

SCHEMA_VERSION = 2
_SCHEMA = Path(__file__).with_name("schema.sql")


class Database:
    """An open database: reads see only what is committed, writes come one after another."""

    def __init__(self, connection: aiosqlite.Connection, epoch: str, rebuilt: str = "") -> None:
        self._connection = connection
        self._turn = asyncio.Lock()
        self.epoch = epoch
        self.rebuilt_because = rebuilt
        """Why this database is a new one in place of a damaged one; empty: it is not."""

    async def close(self) -> None:
        await self._connection.close()

    async def note(self, key: str) -> str | None:
        found = await self._one_or_none("SELECT value FROM meta WHERE key = ?", (key,))
        return None if found is None else str(found[0])

    async def set_note(self, key: str, value: str) -> None:
        async with self._transaction():
            await self._remember(key, value)

    async def _remember(self, key: str, value: str) -> None:
        await self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    async def _one(self, sql: str, values: Sequence[Any] = ()) -> Any:
        found = await self._one_or_none(sql, values)
        assert found is not None
        return found

    async def _one_or_none(self, sql: str, values: Sequence[Any] = ()) -> Any:
        found = await self._read(sql, values)
        return found[0] if found else None

    async def _read(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """Between transactions: what is read may be told to central, so it must be committed."""
        async with self._turn:
            return await self._fetch(sql, values)

    async def _fetch(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        return list(await self._connection.execute_fetchall(sql, values))

    @contextlib.asynccontextmanager
    async def _transaction(self) -> AsyncIterator[None]:
        async with self._turn:
            try:
                await self._connection.execute("BEGIN IMMEDIATE")
                yield
                await self._connection.execute("COMMIT")
            except BaseException:
                # Nothing happens where a cancelled BEGIN or COMMIT left no transaction.
                await asyncio.shield(self._connection.rollback())
                raise


async def opened_whole(path: Path) -> tuple[aiosqlite.Connection, str, str]:
    """A connection, the epoch, and why the database was built anew (empty: it was not)."""
    try:
        return *await _connect(path), ""
    except aiosqlite.DatabaseError as error:
        if not is_damage(error):
            raise
        aside = _set_aside(path)
        log.error("the manifest was damaged (%s): kept as %s, built anew", error, aside.name)
        return *await _connect(path), str(error)


def stored(number: int) -> int:
    """A 64-bit number without a sign, such as an inode of a network or union file system, as
    SQLite can keep it."""
    return number - (1 << 64) if number >= 1 << 63 else number


def unstored(number: int) -> int:
    return number % (1 << 64)


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether the file itself is bad: a lock, a full disk or a missing right says nothing of it."""
    if isinstance(error, sqlite3.ProgrammingError):
        return False
    code = getattr(error, "sqlite_errorcode", None)
    return code is None or code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


async def glanced(path: Path) -> tuple[aiosqlite.Connection, str, str]:
    """Like ``opened_whole``, beside a running agent: neither writes nor checkpoints."""
    connection = await aiosqlite.connect(f"file:{quote(str(path))}?mode=ro", uri=True)
    try:
        found = await connection.execute("SELECT value FROM meta WHERE key = 'epoch'")
        (epoch,) = await found.fetchone() or ("",)
    except BaseException:
        await connection.close()
        raise
    return connection, epoch, ""


async def _connect(path: Path) -> tuple[aiosqlite.Connection, str]:
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path.parent))
    if OLDEST <= await asyncio.to_thread(_version, path) < SCHEMA_VERSION:
        await asyncio.to_thread(upgraded, path, _SCHEMA.read_text(), SCHEMA_VERSION)
    connection = await aiosqlite.connect(path, isolation_level=None)
    try:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "mmap_size=0", "cache_size=-1000"):
            await connection.execute(f"PRAGMA {pragma}")
        verdict = await (await connection.execute("PRAGMA quick_check(1)")).fetchone()
        if verdict is None or verdict[0] != "ok":
            raise aiosqlite.DatabaseError(f"quick_check: {verdict}")
        tables = await connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'meta'")
        if (await tables.fetchone()) == (0,):
            await connection.executescript(
                f"BEGIN;{_SCHEMA.read_text()}"  # noqa: S608
                f"INSERT INTO meta VALUES ('schema', '{SCHEMA_VERSION}');"
                f"INSERT INTO meta VALUES ('epoch', '{secrets.token_hex(8)}');COMMIT;"
            )
        notes = await connection.execute("SELECT key, value FROM meta")
        known: dict[str, str] = {key: value for key, value in await notes.fetchall()}  # noqa: C416
        if known.get("schema") != str(SCHEMA_VERSION):
            raise aiosqlite.DatabaseError(f"schema {known.get('schema')} is not {SCHEMA_VERSION}")
    except BaseException:
        await connection.close()
        raise
    return connection, known["epoch"]


def _version(path: Path) -> int:
    """The schema of the database at ``path``; 0: there is none, or none that can be read."""
    try:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            found = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
        return int(found[0])
    except (sqlite3.Error, TypeError, ValueError):
        return 0


def _set_aside(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.corrupt-{number}")).exists():
        number += 1
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + suffix))
    return aside
