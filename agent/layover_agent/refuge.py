"""A manifest also where the data folder takes no writes: the agent goes on with what is left.

SQLite keeps the index of its log in a file that it maps into memory. On a full disk that file
cannot be made; where it has holes (blocks of 1 KiB) to touch it is SIGBUS, the end of the process.
So without room the log's index is kept in memory alone, and where even the log cannot be opened
the database is read as it lies, or an empty one in memory stands in for it.
"""

import asyncio
import contextlib
import logging
import os
import secrets
import sqlite3
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import aiosqlite

from layover_agent.database import SCHEMA_VERSION, is_damage
from layover_agent.manifest import Manifest, opened

log = logging.getLogger(__name__)

ROOM_BYTES = 1 << 20
"""With less than this a database is not opened for writing."""
LOOK_EVERY_S = 10.0
MAX_PAGES = 2048
"""Of 4 KiB: what a database in memory may take."""
_SCHEMA = Path(__file__).with_name("schema.sql")


class Opening:
    """An open manifest, and what its file was when it was opened."""

    def __init__(self, manifest: Manifest, path: Path, makeshift: str = "") -> None:
        self.manifest = manifest
        self.makeshift = makeshift
        """Why it is not the ordinary one, or is not opened the ordinary way; empty: it is."""
        self._path = path
        self._file = _file(path)

    async def outdated(self) -> None:
        """Returns once opening it anew would give more than it has: there is room again, or
        another disk with another manifest came into its place."""
        while not await asyncio.to_thread(self._is_outdated):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_EVERY_S)

    def _is_outdated(self) -> bool:
        file = _file(self._path)
        another = file is not None and self._file is not None and file != self._file
        return another or (bool(self.makeshift) and _takes_writes(self._path.parent))


@contextlib.asynccontextmanager
async def opened_anyhow(path: Path) -> AsyncIterator[Opening]:
    """The manifest in a file, as ``opened`` gives it, or the best that a disk allows which takes
    no writes. OSError where there is no such folder, or no right to it."""
    async with contextlib.AsyncExitStack() as stack:
        why, manifest = await asyncio.to_thread(_full, path.parent), None
        if not why:
            try:
                manifest = await stack.enter_async_context(opened(path))
                why = await asyncio.to_thread(_read_only, path.parent)
            except sqlite3.OperationalError as error:
                if is_damage(error) or not await asyncio.to_thread(_may_write, path.parent):
                    raise
                why = str(error)
        if why:
            log.error("the data folder takes no writes (%s): nothing new is kept", why)
        if manifest is None:
            manifest = await stack.enter_async_context(_makeshift(path))
        yield Opening(manifest, path, why)


@contextlib.asynccontextmanager
async def _makeshift(path: Path) -> AsyncIterator[Manifest]:
    connection, epoch = await _best(path)
    try:
        yield Manifest(connection, epoch)
    finally:
        await asyncio.shield(connection.close())


async def _best(path: Path) -> tuple[aiosqlite.Connection, str]:
    place = f"file:{quote(str(path))}"
    # Writes where there is room again; locks out readers, who would need the index.
    with contextlib.suppress(sqlite3.Error):
        return await _connect(f"{place}?mode=rw", "locking_mode=EXCLUSIVE")
    if not _has_log(path):
        with contextlib.suppress(sqlite3.Error):
            return await _connect(f"{place}?mode=ro&immutable=1")
    log.error("the manifest cannot be read: an empty one in memory stands in for it")
    return await _in_memory()


async def _connect(uri: str, *pragmas: str) -> tuple[aiosqlite.Connection, str]:
    connection = await aiosqlite.connect(uri, uri=True, isolation_level=None)
    try:
        for pragma in (*pragmas, "synchronous=FULL", "mmap_size=0", "cache_size=-2000"):
            await connection.execute(f"PRAGMA {pragma}")
        verdict = await connection.execute_fetchall("PRAGMA quick_check(1)")
        if list(verdict) != [("ok",)]:
            raise sqlite3.DatabaseError(f"quick_check: {list(verdict)}")
        found = await connection.execute_fetchall(
            "SELECT epoch.value, schema.value FROM meta AS epoch, meta AS schema"
            " WHERE epoch.key = 'epoch' AND schema.key = 'schema'"
        )
        for epoch, schema in found:
            if schema == str(SCHEMA_VERSION):
                return connection, epoch
        raise sqlite3.OperationalError("it is of another schema")
    except BaseException:
        await connection.close()
        raise


async def _in_memory() -> tuple[aiosqlite.Connection, str]:
    connection = await aiosqlite.connect(":memory:", isolation_level=None)
    epoch = secrets.token_hex(8)
    await connection.execute(f"PRAGMA max_page_count={MAX_PAGES}")
    await connection.executescript(_SCHEMA.read_text())
    await connection.execute("INSERT INTO meta VALUES ('epoch', ?)", (epoch,))
    return connection, epoch


def _file(path: Path) -> tuple[int, int] | None:
    """What tells a file from another one under its name; None: there is none."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_dev, facts.st_ino


def _has_log(path: Path) -> bool:
    """Whether the newest of it lies in a log beside it, which only SQLite can put together."""
    try:
        return path.with_name(f"{path.name}-wal").stat().st_size > 0
    except FileNotFoundError:
        return False


def _full(folder: Path) -> str:
    """Why there is no room in a folder; empty: there is."""
    disk = os.statvfs(folder)
    if disk.f_bavail * disk.f_frsize < ROOM_BYTES:
        return f"{disk.f_bavail * disk.f_frsize} bytes are free"
    if disk.f_files and disk.f_favail < 4:
        return f"there is room for {disk.f_favail} more files"
    return ""


def _may_write(folder: Path) -> bool:
    """Whether it is the disk that takes no writes, and not we who have no right to it."""
    return bool(_read_only(folder)) or os.access(folder, os.W_OK)


def _read_only(folder: Path) -> str:
    return "it is mounted read-only" if os.statvfs(folder).f_flag & os.ST_RDONLY else ""


def _takes_writes(folder: Path) -> bool:
    try:
        if _full(folder) or _read_only(folder):
            return False
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            file.write(bytes(ROOM_BYTES))
            os.fsync(file.fileno())
    except OSError:
        return False
    return True
