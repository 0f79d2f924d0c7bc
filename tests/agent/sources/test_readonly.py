import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import pytest
from agent.sources.database_kit import beside, counted, writing

from layover_agent.sources import readonly
from layover_agent.sources.readonly import ReadOnly, Unreadable


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
