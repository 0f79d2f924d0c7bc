import functools
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layover_agent.sources import readonly
from layover_agent.sources.readonly import ReadOnly, Unreadable

COUNT = "SELECT count(*) FROM things"

WRITER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode = wal")
connection.execute("CREATE TABLE IF NOT EXISTS things (name TEXT)")
for line in sys.stdin:
    connection.execute(line.strip()).fetchall()
    print("done", flush=True)
connection.close()
"""


class Writer:
    """The recorder's process."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, statement: str) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(statement + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def add(self, name: str = "one") -> None:
        self.run(f"INSERT INTO things VALUES ('{name}')")

    def quit(self) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.stdout.close()


@contextmanager
def writing(path: Path) -> Iterator[Writer]:
    writer = Writer(path)
    try:
        yield writer
    finally:
        if writer.process.poll() is None:
            writer.quit()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "a recorder's ?folder#"
    folder.mkdir()
    return folder / "recorder.db"


@pytest.fixture
def database(path: Path) -> Iterator[ReadOnly]:
    database = ReadOnly(path)
    yield database
    database.close()


def beside(path: Path) -> set[str]:
    return {file.name for file in path.parent.iterdir()}


def counted(database: ReadOnly) -> object:
    return database.rows(COUNT, (), 1)[0][0]


def test_what_the_recorder_commits_is_seen_at_once(path: Path, database: ReadOnly) -> None:
    with writing(path) as writer:
        for number in range(5):
            writer.add()
            assert counted(database) == number + 1


def test_nothing_is_created_beside_a_database_that_nobody_has_open(
    path: Path, database: ReadOnly
) -> None:
    with writing(path) as writer:
        writer.add()
    assert beside(path) == {path.name}
    assert counted(database) == 1
    assert beside(path) == {path.name}
    database.close()
    assert beside(path) == {path.name}


def test_the_recorder_comes_and_goes_under_an_open_connection(
    path: Path, database: ReadOnly
) -> None:
    for number in range(3):
        with writing(path) as writer:
            writer.add()
            assert counted(database) == 2 * number + 1
            writer.add()
            assert counted(database) == 2 * number + 2
        assert counted(database) == 2 * number + 2


def test_a_recorder_that_was_killed_leaves_a_readable_database(
    path: Path, database: ReadOnly
) -> None:
    with writing(path) as writer:
        writer.add()
        writer.kill()
    before = {name: (path.parent / name).stat().st_mtime_ns for name in beside(path)}
    assert len(before) == 3
    assert counted(database) == 1
    assert {name: (path.parent / name).stat().st_mtime_ns for name in beside(path)} == before
    with writing(path) as writer:
        writer.add()
        assert counted(database) == 2


def test_the_recorder_s_checkpoint_and_vacuum_never_wait_for_us(
    path: Path, database: ReadOnly
) -> None:
    with writing(path) as writer:
        writer.add()
        assert counted(database) == 1
        writer.run("PRAGMA wal_checkpoint(TRUNCATE)")
        assert path.with_name(f"{path.name}-wal").stat().st_size == 0
        writer.run("VACUUM")
        assert counted(database) == 1


def test_a_database_that_was_replaced_is_read_anew(path: Path, database: ReadOnly) -> None:
    with writing(path) as writer:
        writer.add()
    assert counted(database) == 1
    other = path.with_name("other.db")
    with writing(other) as writer:
        writer.add()
        writer.add()
    other.replace(path)
    assert counted(database) == 2


def test_an_old_database_without_wal_is_read_too(path: Path, database: ReadOnly) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE things (name TEXT)")
    assert counted(database) == 0
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO things VALUES ('one')")
    assert counted(database) == 1
    assert beside(path) == {path.name}


def test_a_locked_database_says_so_and_is_left_alone_for_a_while(
    path: Path, database: ReadOnly, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readonly, "BUSY_S", 0.01)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE things (name TEXT)")
        connection.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Unreadable, match="locked by its recorder; it is read again later"):
            counted(database)
        began = time.monotonic()
        for _ in range(1000):
            with pytest.raises(Unreadable, match="locked"):
                counted(database)
        assert time.monotonic() - began < 1
    monkeypatch.setattr(readonly, "RETRY_S", 0.0)
    assert counted(database) == 0


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
    with pytest.raises(Unreadable, match="takes too long to answer"):
        counted(database)


def test_a_value_beyond_reason_is_not_read(path: Path, database: ReadOnly) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE things (name TEXT)")
        connection.execute("INSERT INTO things VALUES (zeroblob(20000000))")
    with pytest.raises(Unreadable, match="too big"):
        database.rows("SELECT name FROM things", (), 1)


def test_nothing_can_be_written_through_it(path: Path, database: ReadOnly) -> None:
    with writing(path) as writer:
        writer.add()
        with pytest.raises(Unreadable):
            database.rows("INSERT INTO things VALUES ('ours') RETURNING name", (), 1)


BUSY_RECORDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode = wal")
connection.execute("PRAGMA auto_vacuum = FULL")
connection.execute("CREATE TABLE things (name TEXT)")
print("go", flush=True)
for number in range(100000):
    connection.execute("INSERT INTO things VALUES (?)", (f"{number:0500}",))
    if number % 50 == 40:
        connection.execute("DELETE FROM things WHERE rowid % 3 = 0")
    if number % 100 == 99:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if number % 500 == 499:
        connection.execute("VACUUM")
"""


def test_a_busy_recorder_is_read_a_thousand_times(path: Path, database: ReadOnly) -> None:
    recorder = subprocess.Popen(
        [sys.executable, "-c", BUSY_RECORDER, str(path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert recorder.stdout and recorder.stdout.readline() == "go\n"
        counts = {counted(database) for _ in range(1000)}
        assert recorder.poll() is None, "the recorder was still writing"
    finally:
        recorder.kill()
        recorder.wait()
        assert recorder.stdout
        recorder.stdout.close()
    assert len(counts) > 10


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_any_damage_has_an_answer_or_a_fault(data: st.DataObject) -> None:
    content = bytearray(_whole())
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=30)):
        content[at] = data.draw(st.integers(0, 255))
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


READER = """
import os, sys
from pathlib import Path
from layover_agent.sources.readonly import ReadOnly
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
print(ReadOnly(Path(sys.argv[1])).rows("SELECT count(*) FROM things", (), 1)[0][0])
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming somebody without rights needs root")
@pytest.mark.parametrize("state", ["open", "closed", "killed"])
def test_somebody_who_may_only_read_the_folder_reads_the_database(state: str) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o755)
        path = folder / "recorder.db"
        with writing(path) as writer:
            writer.add()
            if state == "closed":
                writer.quit()
            elif state == "killed":
                writer.kill()
            before = beside(path)
            answer = subprocess.run(
                [sys.executable, "-c", READER, str(path)],
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
            assert (answer.stdout, answer.stderr) == ("1\n", "")
            assert beside(path) == before
    finally:
        shutil.rmtree(folder)
