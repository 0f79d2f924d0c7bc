"""A recorder that says in its file names which camera and when (core.layout)."""

import os
import stat
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from layover_agent.core.layout import Layout
from layover_agent.files import Stamp
from layover_agent.sources import Folder, Found

_MAX_DEPTH = 12


class TemplateSource:
    """Files below ``root`` whose path matches a layout. Links, pipes and sockets are left out."""

    def __init__(self, name: str, root: Path, layout: Layout, cameras: Collection[str]) -> None:
        self.name = name
        self.root = root
        self._layout = layout
        self._cameras = frozenset(cameras)

    def scan(self, before: Callable[[Path], None]) -> Iterator[Folder]:
        pending = [""]
        while pending:
            folder = pending.pop()
            before(self.root / folder)
            try:
                with os.scandir(self.root / folder) as entries:
                    listed = sorted(entries, key=lambda entry: entry.name)
            except OSError:
                if folder:
                    continue
                raise
            found = []
            deeper = []
            for entry in listed:
                path = f"{folder}/{entry.name}" if folder else entry.name
                try:
                    if entry.is_dir(follow_symlinks=False):
                        deeper.append(path)
                        continue
                    info = entry.stat(follow_symlinks=False)
                except OSError:
                    continue
                if recording := self._recording(path, info):
                    found.append(recording)
            if folder.count("/") < _MAX_DEPTH:
                pending.extend(reversed(deeper))
            yield Folder(folder, found)

    def look(self, path: str) -> Found | None:
        try:
            info = os.lstat(self.root / path)
        except (OSError, ValueError):
            return None
        return self._recording(path, info)

    def _recording(self, path: str, info: os.stat_result) -> Found | None:
        named = self._layout.match(path) if stat.S_ISREG(info.st_mode) else None
        if named is None or (self._cameras and named.camera not in self._cameras):
            return None
        return Found(path, named, Stamp.of(info))
