"""What really happens in a recorder's folder, as the kernel tells it: the truth to measure by."""

import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from asyncinotify import Inotify, Mask

_WRITTEN = Mask.CREATE | Mask.MODIFY
_MASK = _WRITTEN | Mask.CLOSE_WRITE | Mask.MOVED_TO


class Witness:
    """Notes when the files directly in some folders are opened and closed; has its own thread,
    so that what the test does meanwhile delays no time that is noted."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self.opened: dict[Path, float] = {}
        """Files being written, and since when (monotonic, s)."""
        self.closed: dict[Path, list[float]] = {}
        """When each file was closed after writing; one that was written anew has two times."""
        self._inotify = Inotify(sync_timeout=0.1)
        for folder in folders:
            self._inotify.add_watch(folder, _MASK)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Witness":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._inotify.close()

    def closed_of(self, folder: Path) -> list[Path]:
        """The files of a folder that were closed, in that order."""
        return [path for path in list(self.closed) if path.parent == folder]

    def open_of(self, folder: Path) -> Path | None:
        """The file of a folder that is being written; None: none is."""
        return next((path for path in list(self.opened) if path.parent == folder), None)

    def _run(self) -> None:
        while not self._ended.is_set():
            for event in self._inotify:
                now_s = time.monotonic()
                if event.path is None:
                    continue
                path = Path(os.fsdecode(event.path))
                if event.mask & _WRITTEN:
                    self.opened.setdefault(path, now_s)
                else:
                    self.opened.pop(path, None)
                    self.closed.setdefault(path, []).append(now_s)
