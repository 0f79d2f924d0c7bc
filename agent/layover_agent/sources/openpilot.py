"""openpilot (https://github.com/commaai/openpilot): a folder for each minute of a drive.

Its cameras are its files' stems: fcamera (road), ecamera (wide road), dcamera (driver) and
qcamera (a small preview of the road, with sound). Its logs, rlog and qlog, are shared only
where ``cameras`` asks for them by name.
"""

import os
import time
from collections import OrderedDict
from collections.abc import Iterator
from heapq import nlargest

from layover_agent.core import openpilot
from layover_agent.core.containers import Container
from layover_agent.core.layout import Named
from layover_agent.core.openpilot import Segment
from layover_agent.settings import SourceConfig
from layover_agent.sources.folder import FolderSource
from layover_agent.sources.source import Entry

CAMERAS = frozenset({"fcamera", "ecamera", "dcamera", "qcamera"})
LOGS = frozenset({"rlog", "qlog"})
_SUFFIXES = frozenset({"hevc", "ts", "mkv", "zst", "bz2", ""})
_WITNESSES = ("fcamera.hevc", "qcamera.ts", "ecamera.hevc", "qlog.zst", "qlog.bz2", "qlog")

PRESERVED = 5
"""So many segments with the mark of a bookmark are spared, each with the one before it
(system/loggerd/deleter.py)."""

_MARK, _MARKED = "user.preserve", b"1"
_ABANDONED_S = 120
"""A lock beside files that nobody has written to for so long is left from a power cut."""

_SAMPLES = 16
_ROUTES_KEPT = 64


class OpenpilotSource(FolderSource):
    """``folder``: openpilot's ``realdata``."""

    def __init__(self, name: str, config: SourceConfig) -> None:
        super().__init__(name, config)
        self._routes: OrderedDict[str, tuple[int, int | None]] = OrderedDict()
        """Of the routes last asked for: the highest segment looked at, and the start."""
        self._preserved: frozenset[str] = frozenset()
        self._preserved_as_of_ns = -1

    def entries(self, unreadable: list[str]) -> Iterator[Entry]:
        self._routes.clear()
        self._preserved_as_of_ns = -1
        return self.walk("", unreadable)

    def named(self, entry: Entry) -> Named | None:
        folder, _, file = entry.path.partition("/")
        camera, _, suffix = file.partition(".")
        wanted = self.config.cameras or CAMERAS
        if camera not in CAMERAS | LOGS or suffix not in _SUFFIXES or camera not in wanted:
            return None
        segment = openpilot.segment(folder)
        if segment is None:
            return None
        fitted_ms = self._route_start_ms(segment)
        start_ms, sure = fitted_ms, False
        if fitted_ms is not None and segment.wall_ms is not None:
            by_name_ms = openpilot.named_start_ms(segment.wall_ms, fitted_ms)
            if by_name_ms is not None:
                start_ms, sure = by_name_ms, True
        if start_ms is not None:
            start_ms += segment.number * openpilot.SEGMENT_MS
        return Named(
            camera,
            start_ms,
            sure,
            seq=segment.number,
            event=segment.route,
            locked=folder in self._preserved_folders(),
        )

    def closed(self, entry: Entry) -> bool | None:
        """True once no lock lies beside a file. A lock that was left behind says nothing."""
        folder = entry.path.partition("/")[0]
        segment = openpilot.segment(folder)
        if segment is None or not self._locked(folder):
            return True
        succeeded = (self.folder / segment.neighbour(1).folder).is_dir()
        abandoned = abs(time.time() - entry.mtime_ns / 1e9) > _ABANDONED_S
        return None if succeeded or abandoned else False

    def start(
        self, entry: Entry, named: Named, container: Container | None
    ) -> tuple[int, str, bool]:
        start_ms, source, sure = super().start(entry, named, container)
        return start_ms, source if sure else "mtime", sure

    def place(self, entry: Entry, start_ms: int) -> str:
        # The name is unique for good; the start may be better known next time.
        return entry.path

    def _locked(self, folder: str) -> bool:
        try:
            with os.scandir(self.folder / folder) as listing:
                return any(item.name.endswith(".lock") for item in listing)
        except OSError:
            return True

    def _route_start_ms(self, segment: Segment) -> int | None:
        highest, start_ms = self._routes.get(segment.route, (-1, None))
        if segment.number > highest or start_ms is None:
            closed_ms = self._closed_ms(segment)
            start_ms = openpilot.route_start_ms(closed_ms)
            self._routes[segment.route] = max(closed_ms, default=-1), start_ms
            if len(self._routes) > _ROUTES_KEPT:
                self._routes.popitem(last=False)
        return start_ms

    def _closed_ms(self, segment: Segment) -> dict[int, int]:
        """When some segments of a route were last written: the one, some before, some after."""
        stride = max(1, segment.number // _SAMPLES)
        numbers = [*range(0, segment.number, stride), segment.number]
        closed_ms = {}
        for number in numbers:
            written_ms = self._written_ms(segment.neighbour(number - segment.number))
            if written_ms is not None:
                closed_ms[number] = written_ms
        for step in range(1, _SAMPLES):
            written_ms = self._written_ms(segment.neighbour(step))
            if written_ms is None:
                break
            closed_ms[segment.number + step] = written_ms
        return closed_ms

    def _written_ms(self, segment: Segment) -> int | None:
        folder = self.folder / segment.folder
        for file in _WITNESSES:
            try:
                return (folder / file).lstat().st_mtime_ns // 1_000_000
            except OSError:
                continue
        return None

    def _preserved_folders(self) -> frozenset[str]:
        """Segments that the recorder spares; looked for again when one was added or deleted."""
        try:
            as_of_ns = self.folder.stat().st_mtime_ns
            if as_of_ns != self._preserved_as_of_ns:
                self._preserved = frozenset(self._spared())
                self._preserved_as_of_ns = as_of_ns
        except OSError:
            return frozenset()
        return self._preserved

    def _spared(self) -> Iterator[str]:
        with os.scandir(self.folder) as listing:
            marked = (
                segment
                for item in listing
                if (segment := openpilot.segment(item.name)) and _is_marked(item.path)
            )
            newest = nlargest(PRESERVED, marked, key=lambda one: one.age_order)
        for segment in newest:
            yield segment.folder
            yield segment.neighbour(-1).folder


def _is_marked(folder: str) -> bool:
    try:
        return os.getxattr(folder, _MARK, follow_symlinks=False) == _MARKED
    except OSError:
        return False
