"""A database of an earlier version becomes one of this version: made fresh beside it, filled
from it, then put in its place. A crash on the way leaves the old one as it was.

The result is what ``schema.sql`` says, whatever version it came from, by construction; what the
old one did not know gets the value that ``_UNKNOWN`` names.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

OLDEST = 1
"""The first schema that was ever on a box."""

_UNKNOWN = {
    ("recordings", "locked"): "0",
    ("recordings", "kind"): "''",
    ("recordings", "start_source"): "'name'",
    ("recordings", "hashed"): "id IN (SELECT recording_id FROM old.digests)",
}
"""By table and column: the SQL expression over the old row for what it has no column for."""


def upgraded(path: Path, schema: str, version: int) -> None:
    """Brings the database at ``path`` to ``version``. Blocking. sqlite3.Error or OSError where
    that fails; the old one is then untouched."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        # All in one file, so that one rename replaces it.
        old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        old.execute("PRAGMA journal_mode=DELETE")
    place = f"file:{quote(str(fresh))}"
    with closing(sqlite3.connect(place, isolation_level=None, uri=True)) as new:
        new.execute("PRAGMA synchronous=FULL")
        new.execute("ATTACH ? AS old", (f"file:{quote(str(path))}?mode=ro",))
        new.executescript(f"BEGIN;{schema}")
        for (table,) in new.execute(
            "SELECT name FROM old.sqlite_schema WHERE type = 'table'"
            " AND name IN (SELECT name FROM main.sqlite_schema) AND name NOT LIKE 'sqlite%'"
        ).fetchall():
            _copy(new, table)
        new.execute("UPDATE meta SET value = ? WHERE key = 'schema'", (str(version),))
        new.execute("COMMIT")
    fresh.rename(path)
    handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _copy(database: sqlite3.Connection, table: str) -> None:
    def columns(schema: str) -> list[str]:
        rows = database.execute(f"PRAGMA {schema}.table_info({table})")
        return [name for _, name, *_ in rows]

    before = columns("old")
    values = {
        name: name if name in before else _UNKNOWN.get((table, name)) for name in columns("main")
    }
    known = {name: value for name, value in values.items() if value is not None}
    database.execute(
        f"INSERT INTO main.{table} ({', '.join(known)})"  # noqa: S608
        f" SELECT {', '.join(known.values())} FROM old.{table}"
    )
