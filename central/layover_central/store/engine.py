"""The database: connection, durability, schema at its newest version."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from layover_central.errors import Kind, LayoverError

MIGRATIONS = Path(__file__).parent / "migrations"

_ALONE = {
    "sqlite": "BEGIN IMMEDIATE",
    "postgresql": "SELECT pg_advisory_xact_lock(5501951)",
}
"""What makes one process at a time upgrade, in one transaction: whole or not at all. (Left to
itself, Python's sqlite3 commits every CREATE TABLE on its own.)"""


class Store:
    """An open database. One process owns an SQLite file; PostgreSQL may be shared."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @classmethod
    async def open(cls, url: str) -> "Store":
        """Connects and brings the schema to its newest version.

        ``url`` as SQLAlchemy takes it: ``sqlite+aiosqlite:///FILE`` or
        ``postgresql+psycopg://…``. LayoverError STORAGE where that fails.
        """
        options: dict[str, Any] = {}
        if url.startswith("sqlite"):
            # One connection writes and checkpoints: SQLite before 3.51.3 can corrupt a WAL that
            # two connections reset at the same time.
            options = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 60}
        try:
            engine = create_async_engine(url, **options)
        except (SQLAlchemyError, ImportError, ValueError) as error:
            raise _unopened(error) from error
        if url.startswith("sqlite"):
            event.listen(engine.sync_engine, "connect", _durable)
        store = cls(engine)
        try:
            async with engine.connect() as connection:
                await connection.run_sync(_upgrade)
                await connection.commit()
        except (SQLAlchemyError, CommandError) as error:
            await engine.dispose()
            raise _unopened(error) from error
        return store

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction: committed at the end of the block, rolled back by an exception."""
        async with self._engine.begin() as connection:
            yield connection

    async def close(self) -> None:
        await self._engine.dispose()


def _durable(connection: Any, _record: Any) -> None:
    """An acknowledged commit survives a power cut: WAL with FULL syncs (NORMAL loses commits)."""
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "busy_timeout=60000",
        "mmap_size=0",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _unopened(error: Exception) -> LayoverError:
    cause = getattr(error, "orig", None) or error
    return LayoverError(
        Kind.STORAGE,
        f"the database cannot be opened: {' '.join(str(cause).split())}",
        "Check its URL, that its folder is writable and it is whole, and that central is not "
        "older than it.",
    )


def _upgrade(connection: Connection) -> None:
    connection.exec_driver_sql(_ALONE[connection.dialect.name])
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
