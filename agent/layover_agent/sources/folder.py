"""A source whose recordings are files in a folder: the part that all such recorders share.

A recorder of a kind of its own (an adapter, a plug-in) builds on ``FolderSource`` and says what
a file is in ``named``; where it knows more, in ``closed`` and ``start``.
"""

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from layover_agent import probe
from layover_agent.core.containers import Container, look
from layover_agent.core.layout import Named
from layover_agent.core.paths import inside, shown
from layover_agent.settings import SourceConfig
from layover_agent.sources.source import Entry, Examined

EDGE_BYTES = 4096
"""How much of either end of a file goes into the recording's id."""

OWN_FOLDER = ".layover"
"""Name of a folder of the agent's own beside or among the recordings: never looked into."""
SKIPPED_FOLDERS = (OWN_FOLDER, "lost+found")

_MAX_DEPTH = 12
_NO_FILE = frozenset({errno.ENOTDIR, errno.ELOOP, errno.ENXIO})
"""What opening a link says, a folder that is none, or a socket."""
DECODER_S = 5.0
"""How long a look waits for a decoder, once per recording that tells no duration."""
_SAME_DAY_MS = 15 * 3_600_000
"""A container's own exact start settles seconds, zone and summer time of a name, not its day."""


class FolderSource:
    """Reads only, follows no link, opens nothing but regular files; blocking."""

    fault = ""

    def __init__(self, name: str, config: SourceConfig) -> None:
        self.name = name
        self.config = config
        self.folder = Path(config.folder)

    def entries(self, unreadable: list[str]) -> Iterator[Entry]:
        yield from self.walk("", unreadable)

    def walk(self, top: str, unreadable: list[str]) -> Iterator[Entry]:
        """Every regular file below ``top`` (empty, or a folder with its slash), folder by folder.
        OSError where ``top`` itself cannot be read."""
        yield from self._walk(top, 0, unreadable)

    def _walk(self, below: str, depth: int, unreadable: list[str]) -> Iterator[Entry]:
        folders = []
        try:
            with self._folder(below) as handle, os.scandir(handle) as listing:
                for item in listing:
                    path = f"{below}{item.name}"
                    try:
                        if item.is_dir(follow_symlinks=False):
                            if item.name not in SKIPPED_FOLDERS:
                                folders.append(f"{path}/")
                        elif item.is_file(follow_symlinks=False):
                            yield _entry(path, item.stat(follow_symlinks=False))
                    except FileNotFoundError:
                        continue
                    except OSError:
                        unreadable.append(path)
        except OSError as error:
            if depth == 0:
                raise
            if not isinstance(error, FileNotFoundError):
                unreadable.append(below)
        if depth < _MAX_DEPTH:
            for folder in sorted(folders):
                yield from self._walk(folder, depth + 1, unreadable)

    def entry(self, path: str) -> Entry | None:
        try:
            above, _, name = inside(path).rpartition("/")
            with self._folder(above) as handle:
                facts = os.stat(name, dir_fd=handle, follow_symlinks=False)
        except (OSError, ValueError):
            return None
        return _entry(path, facts) if stat.S_ISREG(facts.st_mode) else None

    def named(self, entry: Entry) -> Named | None:
        raise NotImplementedError

    def shared(self, camera: str) -> bool:
        """Whether the owner of the box shares this camera."""
        return not self.config.cameras or shown(camera) in self.config.cameras

    def closed(self, entry: Entry) -> bool | None:
        return None

    def open(self, path: str) -> int:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        above, _, name = inside(path).rpartition("/")
        try:
            with self._folder(above) as folder:
                handle = os.open(name, flags, dir_fd=folder)
        except OSError as error:
            if error.errno in _NO_FILE:
                raise FileNotFoundError(path) from error
            raise
        if stat.S_ISREG(os.fstat(handle).st_mode):
            return handle
        os.close(handle)
        raise FileNotFoundError(path)

    @contextlib.contextmanager
    def _folder(self, below: str) -> Iterator[int]:
        """A descriptor of a folder of the source; empty: its own. Component by component, because
        whoever writes there may put a link that leads out into the way between two looks."""
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        handle = os.open(self.folder, flags)
        try:
            for name in filter(None, below.split("/")):
                inner = os.open(name, flags | os.O_NOFOLLOW, dir_fd=handle)
                os.close(handle)
                handle = inner
            yield handle
        finally:
            os.close(handle)

    def examine(self, entry: Entry, named: Named, *, thorough: bool = True) -> Examined:
        handle = self.open(entry.path)
        try:
            kind = entry.path.rpartition(".")[2].lower()
            container = look(kind, lambda at, n: os.pread(handle, n, at), entry.size_bytes)
            if thorough and container is not None and container.duration_ms is None:
                container = _decoded(container, handle, kind)
            start_ms, source, sure = self.start(entry, named, container)
            place = self.place(entry, start_ms)
            return Examined(
                id=recording_id(handle, self.name, named.camera, place, entry.size_bytes),
                container=container,
                start_ms=start_ms,
                start_source=source,
                start_sure=sure,
            )
        finally:
            os.close(handle)

    def start(
        self, entry: Entry, named: Named, container: Container | None
    ) -> tuple[int, str, bool]:
        """When it began (ms), where that comes from, and whether that can be relied on."""
        if named.start_ms is not None:
            exact_ms = None if container is None else container.start_ms
            if exact_ms is not None and abs(exact_ms - named.start_ms) < _SAME_DAY_MS:
                return exact_ms, "container", True
            return named.start_ms, "name", named.sure
        lasts_ms = (container.duration_ms if container else None) or named.duration_ms
        return entry.mtime_ns // 1_000_000 - (lasts_ms or 0), "mtime", False

    def place(self, entry: Entry, start_ms: int) -> str:
        """What sets one recording of a camera apart from the others for good."""
        return str(start_ms)


def _entry(path: str, facts: os.stat_result) -> Entry:
    return Entry(path, facts.st_size, facts.st_ino, facts.st_mtime_ns)


def _decoded(container: Container, handle: int, kind: str) -> Container:
    """With the duration that a decoder finds, where one is installed."""
    if not probe.installed():
        return container
    found = probe.probe(handle, kind, DECODER_S)
    return replace(container, duration_ms=found.duration_ms, end_source="decoder")


def recording_id(handle: int, source: str, camera: str, place: str, size_bytes: int) -> str:
    """Identity by content and place: what an open file of a source is, whatever its name."""
    first = os.pread(handle, EDGE_BYTES, 0)
    last = os.pread(handle, EDGE_BYTES, max(size_bytes - EDGE_BYTES, 0))
    digest = hashlib.sha256()
    for part in (
        source.encode(),
        os.fsencode(camera),
        os.fsencode(place),
        str(size_bytes).encode(),
        first,
        last,
    ):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:32]
