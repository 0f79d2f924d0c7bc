"""A Frigate: its folder of recordings, and its database as its migrations leave it."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.kit import touch_at

from layover_agent.settings import SourceConfig
from layover_agent.sources.frigate import RECORDINGS, FrigateSource
from layover_agent.sources.source import Entry

START_S = 1_795_258_800
"""2026-11-21 11:00:00 UTC."""

_RECORDINGS = (
    'CREATE TABLE "recordings" ("id" VARCHAR(30) NOT NULL PRIMARY KEY, "camera" VARCHAR(20) NOT '
    'NULL, "path" VARCHAR(255) NOT NULL, "start_time" DATETIME NOT NULL, "end_time" DATETIME NOT '
    'NULL, "duration" REAL NOT NULL)',
    'CREATE INDEX "recordings_camera" ON "recordings" ("camera")',
    'CREATE UNIQUE INDEX "recordings_path" ON "recordings" ("path")',
)
_EVENT = (
    'CREATE TABLE "event" ("id" VARCHAR(30) NOT NULL PRIMARY KEY, "label" VARCHAR(20) NOT NULL, '
    '"camera" VARCHAR(20) NOT NULL, "start_time" DATETIME NOT NULL, "end_time" DATETIME, '
    '"thumbnail" TEXT NOT NULL, "has_clip" INTEGER NOT NULL DEFAULT 1, '
    '"has_snapshot" INTEGER NOT NULL DEFAULT 1)',
    'CREATE INDEX "event_camera" ON "event" ("camera")',
)
_TO_0_12 = (
    'ALTER TABLE "recordings" ADD COLUMN "objects" INTEGER',
    'ALTER TABLE "recordings" ADD COLUMN "motion" INTEGER',
    'ALTER TABLE "event" ADD COLUMN "retain_indefinitely" INTEGER NOT NULL DEFAULT 0',
    'ALTER TABLE "recordings" ADD COLUMN "segment_size" REAL NOT NULL DEFAULT 0',
)
_TO_0_13 = (
    'ALTER TABLE "recordings" ADD COLUMN "dBFS" INTEGER',
    'CREATE INDEX "recordings_start_time" ON "recordings" ("start_time")',
)
_TO_0_14 = (
    'CREATE TABLE "reviewsegment" ("id" VARCHAR(30) NOT NULL PRIMARY KEY, "camera" VARCHAR(20) '
    'NOT NULL, "start_time" DATETIME NOT NULL, "end_time" DATETIME, "severity" VARCHAR(30) NOT '
    'NULL, "thumb_path" VARCHAR(255) NOT NULL, "data" JSON NOT NULL)',
    'ALTER TABLE "recordings" ADD COLUMN "regions" INTEGER',
)
_TO_0_17 = ('ALTER TABLE "recordings" ADD COLUMN "motion_heatmap" TEXT NULL',)

VERSIONS: dict[str, Sequence[str]] = {
    "0.9": (*_RECORDINGS, *_EVENT),
    "0.12": (*_RECORDINGS, *_EVENT, *_TO_0_12),
    "0.13": (*_RECORDINGS, *_EVENT, *_TO_0_12, *_TO_0_13),
    "0.14": (*_RECORDINGS, *_EVENT, *_TO_0_12, *_TO_0_13, *_TO_0_14),
    "0.17": (*_RECORDINGS, *_EVENT, *_TO_0_12, *_TO_0_13, *_TO_0_14, *_TO_0_17),
}
"""The schema of a version: frigate's migrations/, as far as they touch what is read."""


@dataclass
class Frigate:
    """Writes as Frigate does; each call is a connection of its own unless ``live``."""

    media: Path
    database: Path

    @classmethod
    def made(cls, folder: Path, version: str = "0.17") -> "Frigate":
        frigate = cls(folder / "media", folder / "config" / "frigate.db")
        frigate.database.parent.mkdir(parents=True)
        (frigate.media / "recordings").mkdir(parents=True)
        frigate.run("PRAGMA journal_mode = wal", *VERSIONS[version])
        return frigate

    def run(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.database, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)

    def config(self, **settings: object) -> SourceConfig:
        given = {"folder": str(self.media), "database": str(self.database), **settings}
        return SourceConfig(recorder="frigate", **given)  # type: ignore[arg-type]

    def source(self, **settings: object) -> FrigateSource:
        return FrigateSource("nvr", self.config(**settings))

    def file(self, path: str = "2026-11-21/11/front/00.00.mp4", data: bytes = b"video") -> str:
        """A file on the disk; its path relative to the media folder."""
        file = self.media / "recordings" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        touch_at(file, (START_S + 12) * 1000)
        return f"recordings/{path}"

    def row(
        self,
        path: object = "2026-11-21/11/front/00.00.mp4",
        start: object = START_S,
        end: object = START_S + 10.25,
        camera: str = "front",
    ) -> None:
        """A row of the table of recordings; a relative path is put where Frigate sees it."""
        if isinstance(path, str) and not path.startswith("/"):
            path = RECORDINGS + path
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.execute(
                "INSERT INTO recordings (id, camera, path, start_time, end_time, duration) "
                "VALUES (hex(randomblob(8)), ?, ?, ?, ?, 10.25)",
                (camera, path, start, end),
            )

    def event(
        self, start: float, end: float | None, camera: str = "front", retain: int = 1, clip: int = 1
    ) -> None:
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.execute(
                "INSERT INTO event (id, label, camera, start_time, end_time, thumbnail, has_clip, "
                "retain_indefinitely) VALUES (hex(randomblob(8)), 'car', ?, ?, ?, '', ?, ?)",
                (camera, start, end, clip, retain),
            )

    def beside(self) -> set[str]:
        """What lies in the database's folder."""
        return {file.name for file in self.database.parent.iterdir()}


def only(source: FrigateSource) -> Entry:
    (entry,) = source.entries([])
    return entry


def told(source: FrigateSource, entry: Entry) -> tuple[int | None, bool, int | None]:
    named = source.named(entry)
    assert named is not None
    return named.start_ms, named.sure, named.duration_ms


_LIVE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for line in sys.stdin:
    print(connection.execute(line.strip()).fetchall(), flush=True)
connection.close()
"""


@dataclass
class Live:
    """Frigate's own process, with the database open."""

    process: subprocess.Popen[str]

    def run(self, statement: str) -> str:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(statement.replace("\n", " ") + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, "the process that plays Frigate has ended"
        return answer

    def row(self, path: str, start: float = START_S, end: float = START_S + 10) -> None:
        self.run(
            "INSERT INTO recordings (id, camera, path, start_time, end_time, duration) VALUES "
            f"(hex(randomblob(8)), 'front', '{RECORDINGS}{path}', {start}, {end}, 10)"
        )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def live(frigate: Frigate) -> Iterator[Live]:
    """Another process that has the database open and writes to it."""
    process = subprocess.Popen(
        [sys.executable, "-c", _LIVE, str(frigate.database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        one = Live(process)
        one.run("SELECT count(*) FROM recordings")
        yield one
        if process.poll() is None:
            assert process.stdin
            process.stdin.close()
            process.wait(10)
