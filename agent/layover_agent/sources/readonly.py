"""A recorder's own SQLite database, read so that the recorder never notices.

Nothing is ever written beside it: SQLite itself would create ``-wal`` and ``-shm`` even for a
reader (https://www.sqlite.org/wal.html#read_only_databases), owned by us, and the recorder could
fail on them. So a database in WAL mode is opened with ``readonly_shm`` while its recorder has it
open, and as ``immutable`` while nobody has; an immutable one is watched for change.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

BUSY_S = 1.0
"""How long a query waits for the recorder."""

RETRY_S = 5.0
"""After a failure the database is left alone for so long."""

_MAX_CELL_BYTES = 1_000_000
_STEPS_PER_CALL, _MAX_CALLS = 10_000, 1_000
"""A query may take ten million steps of SQLite's machine: whatever the schema, it ends."""

_MAGIC = b"SQLite format 3\0"
_WAL_MODE = 2

Value = str | int | float | bytes | None


class Unreadable(Exception):
    """A database that cannot be read now: what happened, and what to do."""


class ReadOnly:
    """One database file; reopened when it is another file, or its recorder came or went.

    Every query is a transaction of its own, so a checkpoint never waits for us. Blocking; may be
    used from several threads.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file, self._wal = os.fspath(path), _wal(path)
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._state: tuple[int, ...] = ()
        self._fuse = _MAX_CALLS
        self._failed: tuple[float, Unreadable] | None = None

    def rows(self, query: str, values: Sequence[Value], at_most: int) -> list[tuple[Value, ...]]:
        """The first rows of an answer. Unreadable where there is none."""
        with self._lock:
            if self._failed and time.monotonic() - self._failed[0] < RETRY_S:
                raise self._failed[1]
            try:
                found = self._asked(query, values, at_most)
            except Unreadable as error:
                self._failed = time.monotonic(), error
                self._close()
                raise
            self._failed = None
            return found

    def close(self) -> None:
        with self._lock:
            self._failed = None
            self._close()

    def _asked(self, query: str, values: Sequence[Value], at_most: int) -> list[tuple[Value, ...]]:
        for _ in range(3):
            state = self._look()
            try:
                if self._connection is None or state != self._state:
                    self._close()
                    self._connection, self._state = _connected(self.path), state
                    self._connection.set_progress_handler(self._burn, _STEPS_PER_CALL)
                self._fuse = _MAX_CALLS
                found = self._connection.execute(query, values).fetchmany(at_most)
            except (sqlite3.Error, UnicodeError) as error:
                problem: Unreadable | None = self._explained(error)
            else:
                problem = None
            # What changed while it was read may have been read half and half.
            if self._look() == state:
                if problem:
                    raise problem
                return found
        raise Unreadable(f"{self.path} changes all the time; it is read again later")

    def _look(self) -> tuple[int, ...]:
        """What must stay the same under an open connection."""
        try:
            facts = os.stat(self._file)  # noqa: PTH116
        except OSError as error:
            raise Unreadable(
                f"{self.path} cannot be read: {error.strerror}; check `database` and the rights"
            ) from error
        if os.path.exists(self._wal):  # noqa: PTH110
            return facts.st_dev, facts.st_ino
        return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns

    def _burn(self) -> int:
        """Ends a query that takes too many steps."""
        self._fuse -= 1
        return self._fuse < 0

    def _explained(self, error: sqlite3.Error | UnicodeError) -> Unreadable:
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return Unreadable(f"{self.path} is locked by its recorder; it is read again later")
        if name == "SQLITE_INTERRUPT":
            return Unreadable(f"{self.path} takes too long to answer: is it the right database?")
        damaged = name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_IOERR"))
        if damaged or isinstance(error, UnicodeError):
            return Unreadable(f"{self.path} is damaged ({error}); the recorder must repair it")
        if name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")):
            return Unreadable(
                f"{self.path} cannot be opened ({error}): the agent must be able to read "
                "the -wal and -shm beside it; a restart of the recorder helps"
            )
        return Unreadable(f"{self.path} does not answer as expected: {error}")

    def _close(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


def _connected(path: Path) -> sqlite3.Connection:
    """Unreadable where it is no SQLite database; nothing is created in its folder."""
    mode = "mode=ro&readonly_shm=1"
    if _is_wal(path) and not Path(_wal(path)).exists():
        mode = "mode=ro&immutable=1"
    uri = f"file:{quote(os.fsencode(path))}?{mode}"
    connection = sqlite3.connect(
        uri, timeout=BUSY_S, uri=True, isolation_level=None, check_same_thread=False
    )
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_CELL_BYTES)
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def _is_wal(path: Path) -> bool:
    """By its header (https://www.sqlite.org/fileformat.html#file_format_version_numbers).

    Only to be called without a connection: closing any descriptor of a file drops this process's
    locks on it.
    """
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except OSError as error:
        raise Unreadable(
            f"{path} cannot be read: {error.strerror}; check `database` and the rights"
        ) from error
    if not header.startswith(_MAGIC):
        raise Unreadable(f"{path} is no SQLite database; check `database`")
    return len(header) == 100 and header[19] == _WAL_MODE


def _wal(path: Path) -> str:
    return f"{path}-wal"
