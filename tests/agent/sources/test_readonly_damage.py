import functools
import os
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

import pytest
from agent.sources.database_kit import COUNT, beside, counted
from hypothesis import example, given, settings
from hypothesis import strategies as st

from layover_agent.sources.readonly import ReadOnly, Unreadable


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(None, "cannot be read: No such file", id="missing"),
        pytest.param(b"", "no SQLite database; check `database`", id="empty"),
        pytest.param(b"camera,start\n" * 100, "no SQLite database", id="another file"),
        pytest.param(b"SQLite format 3\0", "damaged|as expected", id="nothing but a beginning"),
    ],
)
def test_what_is_no_database(
    path: Path, database: ReadOnly, content: bytes | None, says: str
) -> None:
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Unreadable, match=says):
        counted(database)
    assert beside(path) <= {path.name}


def test_a_folder_is_no_database(path: Path, database: ReadOnly) -> None:
    path.mkdir()
    with pytest.raises(Unreadable, match="cannot be read: Is a directory; check `database`"):
        counted(database)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.9])
def test_a_truncated_database_is_a_fault_and_never_a_crash(
    path: Path, database: ReadOnly, share: float
) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE things (name TEXT)")
        connection.executemany("INSERT INTO things VALUES (?)", [("x" * 500,)] * 1000)
    os.truncate(path, int(path.stat().st_size * share))
    with pytest.raises(Unreadable, match="damaged"):
        counted(database)


def test_a_schema_that_never_ends_is_given_up(path: Path, database: ReadOnly) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "CREATE VIEW things AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
            "SELECT i AS name FROM n"
        )
    began = time.monotonic()
    with pytest.raises(Unreadable, match="takes too long to answer"):
        counted(database)
    assert time.monotonic() - began < 30


def test_a_value_beyond_reason_is_not_read(path: Path, database: ReadOnly) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE things (name TEXT)")
        connection.execute("INSERT INTO things VALUES (zeroblob(20000000))")
    with pytest.raises(Unreadable, match="too big"):
        database.rows("SELECT name FROM things", (), 1)


@given(st.dictionaries(st.integers(0, 6_000), st.integers(0, 255), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
@example(damage={15: 0, 24: 0, 472: 128})
def test_any_damage_has_an_answer_or_a_fault(damage: dict[int, int]) -> None:
    content = bytearray(_whole())
    for at, byte in damage.items():
        content[at % len(content)] = byte
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "recorder.db")
        path.write_bytes(content)
        database = ReadOnly(path)
        try:
            for query in (COUNT, "SELECT name FROM things WHERE name = 'x7'"):
                database.rows(query, (), 5)
        except Unreadable as error:
            assert str(path) in str(error)
        finally:
            database.close()
        assert beside(path) == {path.name}


@functools.cache
def _whole() -> bytes:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("PRAGMA page_size = 512")
        connection.execute("CREATE TABLE things (name TEXT UNIQUE)")
        connection.executemany("INSERT INTO things VALUES (?)", [(f"x{n}",) for n in range(200)])
        connection.commit()
        return connection.serialize()
