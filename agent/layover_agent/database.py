"""The agent's one SQLite connection: opened with care, set aside when corrupt, never shared.

Older SQLite can corrupt a WAL when two connections write or checkpoint, so this one does both;
``synchronous=FULL`` because a hold is a promise that has to survive a power cut.
"""

import logging
import secrets
import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import aiosqlite

log = logging.getLogger(__name__)

SCHEMA_VERSION = 1


class Corrupt(Exception):
    """The file is no database of ours that can be used; the text says why."""


class Database:
    """Queries in order on one connection; ``transaction`` blocks never overlap."""

    def __init__(self, connection: aiosqlite.Connection, set_aside: Path | None) -> None:
        self._connection = connection
        self.set_aside = set_aside
        """Where a corrupt predecessor was put; None: there was none."""

    async def rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        return list(await self._connection.execute_fetchall(query, values))

    async def row(self, query: str, *values: Any) -> sqlite3.Row | None:
        found = await self.rows(query, *values)
        return found[0] if found else None

    async def commit(self, *statements: tuple[str, Iterable[Any]]) -> None:
        """All statements or none, on the disk when this returns."""

        def run(connection: sqlite3.Connection) -> None:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                for query, values in statements:
                    connection.execute(query, tuple(values))

        await self._run(run)

    async def _run(self, work: Any) -> None:
        # One call on the connection's own thread, so that nothing comes between its statements.
        connection = self._connection
        await connection._execute(work, connection._conn)

    async def meta(self, name: str, default: str = "") -> str:
        row = await self.row("SELECT value FROM meta WHERE name = ?", name)
        return str(row["value"]) if row else default


def set_meta(name: str, value: str) -> tuple[str, Iterable[Any]]:
    """The statement that remembers a fact."""
    return "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value)


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Database]:
    """The database at ``path``, made if missing; a corrupt one is set aside first."""
    set_aside = None
    try:
        connection = await _connect(path)
    except Corrupt as error:
        set_aside = _set_aside(path)
        log.error("%s is corrupt (%s): kept as %s, started anew", path, error, set_aside.name)
        connection = await _connect(path)
    try:
        yield Database(connection, set_aside)
    finally:
        await connection.close()


async def _connect(path: Path) -> aiosqlite.Connection:
    connection = await aiosqlite.connect(path, isolation_level=None)
    try:
        connection.row_factory = sqlite3.Row
        await connection.execute("PRAGMA journal_mode = WAL")
        await connection.execute("PRAGMA synchronous = FULL")
        await connection.execute("PRAGMA foreign_keys = ON")
        await connection.execute("PRAGMA cache_size = -2048")
        await _prepare(connection)
    except BaseException as error:
        await connection.close()
        if isinstance(error, sqlite3.DatabaseError) and not _passing(error):
            raise Corrupt(str(error)) from error
        raise
    return connection


async def _prepare(connection: aiosqlite.Connection) -> None:
    for (verdict,) in await connection.execute_fetchall("PRAGMA quick_check(1)"):
        if verdict != "ok":
            raise Corrupt(verdict)
    ((version,),) = await connection.execute_fetchall("PRAGMA user_version")
    if version == 0:
        schema = files("layover_agent").joinpath("schema.sql").read_text()
        epoch = secrets.token_hex(8)
        await connection.executescript(
            f"BEGIN; {schema} INSERT INTO meta VALUES ('epoch', '{epoch}');"
            f" PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
        )
    elif version != SCHEMA_VERSION:
        raise Corrupt(f"schema version {version}, this agent knows {SCHEMA_VERSION}")


def _passing(error: sqlite3.DatabaseError) -> bool:
    """Whether it may work another time: a full disk or a lock says nothing of the contents."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    return code not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _set_aside(path: Path) -> Path:
    number = 1
    while (kept := path.with_name(f"{path.name}.corrupt-{number}")).exists():
        number += 1
    path.rename(kept)
    for suffix in ("-wal", "-shm"):
        side = path.with_name(path.name + suffix)
        if side.exists():
            side.rename(kept.with_name(kept.name + suffix))
    return kept
