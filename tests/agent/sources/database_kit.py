"""A recorder's process that keeps a database, and what is seen of that."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from layover_agent.sources.readonly import ReadOnly

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


def beside(path: Path) -> set[str]:
    return {file.name for file in path.parent.iterdir()}


def counted(database: ReadOnly) -> object:
    return database.rows(COUNT, (), 1)[0][0]
