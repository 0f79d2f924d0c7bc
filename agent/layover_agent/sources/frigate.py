"""Frigate (https://frigate.video): files named in UTC, and its database for what names lack.

The files are found on the disk, so that a lost or hostile database hides none and names none;
the database says that a file is closed, when exactly it begins and ends, and whether Frigate
spares it. Paths in it are those of Frigate's container: ``/media/frigate/recordings/...``.
"""

import math
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from layover_agent.core import frigate
from layover_agent.core.containers import Container
from layover_agent.core.layout import Named
from layover_agent.settings import SourceConfig
from layover_agent.sources.folder import FolderSource
from layover_agent.sources.readonly import ReadOnly, Unreadable, Value
from layover_agent.sources.source import Entry

RECORDINGS = "/media/frigate/recordings/"
"""Where Frigate's container sees its recordings (frigate/const.py, RECORD_DIR)."""

_ROW = "SELECT start_time, end_time FROM recordings WHERE path = ?"
_PATHS = "SELECT path FROM recordings WHERE path > ? ORDER BY path"
_RETAINED = """
SELECT camera, start_time, end_time FROM event
WHERE retain_indefinitely AND has_clip ORDER BY start_time DESC
"""
_TABLE = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
_COLUMN = "SELECT 1 FROM pragma_table_info('event') WHERE name = 'retain_indefinitely'"
_LONGEST_S = 3_600
_PAGE_ROWS = 500
_SAMPLES = 5
_MAX_RETAINED = 5_000
_RETAINED_AGAIN_S = 3_600
"""Frigate before 0.14 keeps pictures in the table of events: it is not read often."""

_ENDLESS_MS = 1 << 62
_NO_DATABASE = "no database: set `database` to Frigate's frigate.db"
_NO_SUCH = re.compile(r"no such (?:table|column): (\S+)")


@dataclass
class Differences:
    """What the database and the disk do not agree on; samples are of the first few."""

    rows: int = 0
    files: int = 0
    rows_without_file: int = 0
    files_without_row: int = 0
    rows_elsewhere: int = 0
    """Rows whose path lies outside Frigate's folder of recordings."""
    samples: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        if len(self.samples) < _SAMPLES:
            self.samples.append(text[:200])


class FrigateSource(FolderSource):
    """``folder``: what Frigate's container has as ``/media/frigate``, or the folder
    ``recordings`` in it; ``database``: its ``frigate.db``."""

    def __init__(self, name: str, config: SourceConfig) -> None:
        super().__init__(name, config)
        self._database = ReadOnly(Path(config.database)) if config.database else None
        self.fault = (
            "" if config.database else "no database: set `database` to Frigate's frigate.db"
        )
        """Why the database is of no help just now, and what to do; empty: it answers."""
        self._retained: dict[str, frigate.Spans] | None = None
        self._retained_as_of_s = 0.0

    def entries(self, unreadable: list[str]) -> Iterator[Entry]:
        top = "recordings/" if (self.folder / "recordings").is_dir() else ""
        yield from self.walk(top, unreadable)

    def named(self, entry: Entry) -> Named | None:
        name = frigate.read(_below(entry.path))
        if name is None or not self.shared(name.camera):
            return None
        times = self._times(entry.path)
        if times is None:
            return Named(name.camera, name.start_ms, sure=True)
        named = frigate.agreed(name, *times)
        return replace(named, locked=self._spared(name.camera, *times))

    def closed(self, entry: Entry) -> bool | None:
        """True once Frigate has the file in its database; before that it may be writing it."""
        return True if self._times(entry.path) else None

    def start(
        self, entry: Entry, named: Named, container: Container | None
    ) -> tuple[int, str, bool]:
        if named.start_ms is not None and named.duration_ms is not None:
            return named.start_ms, "database", named.sure
        return super().start(entry, named, container)

    def place(self, entry: Entry, start_ms: int) -> str:
        # Not the start: it may be better known when the manifest is next rebuilt.
        return _below(entry.path)

    def differences(self) -> Differences:
        """The whole database against the whole disk, a page at a time. Unreadable, OSError."""
        if self._database is None:
            raise Unreadable(self.fault)
        found = Differences()
        after = ""
        while page := self._database.rows(_PATHS, (after,), _PAGE_ROWS):
            for (path,) in page:
                found.rows += 1
                self._compare(found, path)
            last = page[-1][0]
            if not isinstance(last, str):
                break
            after = last
        for entry in self.entries([]):
            if frigate.read(_below(entry.path)) is None:
                continue
            found.files += 1
            if not self._database.rows(_ROW, (_key(entry.path),), 1):
                found.files_without_row += 1
                found.note(f"not in the database: {entry.path}")
        return found

    def _compare(self, found: Differences, path: Value) -> None:
        below = path.removeprefix(RECORDINGS) if isinstance(path, str) else ""
        if path == below or not below or ".." in below.split("/"):
            found.rows_elsewhere += 1
            found.note(f"outside Frigate's folder: {path!r}")
        elif self.entry(below) is None and self.entry(f"recordings/{below}") is None:
            found.rows_without_file += 1
            found.note(f"not on the disk: {below}")

    def _times(self, path: str) -> tuple[int, int] | None:
        """Start and end (ms) of a file that Frigate lists; None: it does not, or cannot say."""
        rows = self._asked(_ROW, (_key(path),))
        if not rows:
            return None
        start_ms, end_ms = (_ms(value) for value in rows[0])
        if start_ms is None or end_ms is None or not 0 <= end_ms - start_ms <= _LONGEST_S * 1000:
            return None
        return start_ms, end_ms

    def _spared(self, camera: str, start_ms: int, end_ms: int) -> bool:
        """Whether a person's "retain indefinitely" keeps Frigate from deleting it.

        Before 0.14 only: since reviews came, the age of recordings is judged without it.
        """
        now_s = time.monotonic()
        if self._retained is None or now_s - self._retained_as_of_s > _RETAINED_AGAIN_S:
            self._retained = self._read_retained()
            self._retained_as_of_s = now_s
        spans = self._retained.get(camera)
        return spans is not None and spans.meets(start_ms, end_ms)

    def _read_retained(self) -> dict[str, frigate.Spans]:
        if self._asked(_TABLE, ("reviewsegment",)) or not self._asked(_COLUMN, ()):
            return {}
        found: dict[str, list[tuple[int, int]]] = {}
        for camera, start, end in self._asked(_RETAINED, (), _MAX_RETAINED):
            start_ms = _ms(start)
            end_ms = _ENDLESS_MS if end is None else _ms(end)
            if isinstance(camera, str) and start_ms is not None and end_ms is not None:
                found.setdefault(camera, []).append((start_ms, end_ms))
        return {camera: frigate.Spans(spans) for camera, spans in found.items()}

    def _asked(
        self, query: str, values: Sequence[Value], at_most: int = 1
    ) -> list[tuple[Value, ...]]:
        """An answer of the database; none where it is of no help, which ``fault`` then says."""
        if self._database is None:
            return []
        try:
            rows = self._database.rows(query, values, at_most)
        except Unreadable as error:
            missing = _NO_SUCH.search(str(error))
            self.fault = (
                f"{self._database.path} has no {missing[1]}: not Frigate's, or of a version that "
                "is not known; recordings are listed by their names"
                if missing
                else str(error)
            )
            return []
        self.fault = ""
        return rows


def _below(path: str) -> str:
    return path.removeprefix("recordings/")


def _key(path: str) -> str:
    return RECORDINGS + _below(path).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _ms(seconds: Value) -> int | None:
    """A moment of the database; None where it holds none."""
    if not isinstance(seconds, int | float) or not math.isfinite(seconds):
        return None
    return round(seconds * 1000) if 0 < seconds < 4_102_444_800 else None
