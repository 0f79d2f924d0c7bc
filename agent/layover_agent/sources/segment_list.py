"""Lists in which a recorder names its finished files, as ffmpeg's segment muxer writes them.

CSV (name, start, end), M3U8 or ffconcat: in each of them a finished file's name stands on a line
of its own or before a comma. A file that stands there is closed; one that does not may be, too:
whoever was killed wrote no last line.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from layover_agent.core.template import compiled

TAIL_BYTES = 64 << 10
"""Only the end of a list is read: what matters was closed just now."""
MAX_LISTS = 64

_NAME = re.compile(r"^(?:file\s+)?['\"]?([^,'\"\r\n#][^,'\"\r\n]*)", re.MULTILINE)


class SegmentLists:
    """The lists of one source. Blocking."""

    def __init__(self, folder: Path, templates: Sequence[str]) -> None:
        self._folder = folder
        self._templates = [compiled(one) for one in templates]
        self._read: dict[str, tuple[tuple[int, int], frozenset[str]]] = {}

    def have(self, path: str) -> bool:
        """Whether a list beside the file, or at the top, names it."""
        if not self._templates:
            return False
        below, _, name = path.rpartition("/")
        return any(name in names for place in {below, ""} for names in self._lists(place))

    def _lists(self, below: str) -> list[frozenset[str]]:
        try:
            with os.scandir(self._folder / below) as entries:
                found = [
                    entry.path
                    for entry in entries
                    if any(one.fields(entry.name) is not None for one in self._templates)
                    and entry.is_file(follow_symlinks=False)
                ]
        except OSError:
            return []
        return [self._names(path) for path in found[:MAX_LISTS]]

    def _names(self, path: str) -> frozenset[str]:
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return frozenset()
        try:
            facts = os.fstat(handle)
            shape = (facts.st_size, facts.st_mtime_ns)
            if path in self._read and self._read[path][0] == shape:
                return self._read[path][1]
            tail = os.pread(handle, TAIL_BYTES, max(facts.st_size - TAIL_BYTES, 0))
        except OSError:
            return frozenset()
        finally:
            os.close(handle)
        text = tail.decode("utf-8", "surrogateescape")
        # A line that is still being written is not yet said.
        whole = text[: text.rfind("\n") + 1]
        names = frozenset(os.path.basename(one.strip()) for one in _NAME.findall(whole))  # noqa: PTH119
        if len(self._read) >= MAX_LISTS:
            self._read.clear()
        self._read[path] = (shape, names)
        return names
