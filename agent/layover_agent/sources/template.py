"""A recorder known by the names of its files: a folder and a path template."""

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from layover_agent.config import SourceConfig
from layover_agent.core.container import Container, look
from layover_agent.core.layout import Layout, Named
from layover_agent.core.paths import inside

EDGE_BYTES = 4096
"""How much of either end of a file goes into the recording's id."""

_WALKED = frozenset({"mp4", "m4s", "mov"})
_MAX_DEPTH = 12


@dataclass(frozen=True, slots=True)
class Found:
    """A file that the template recognises, as it is at this moment."""

    path: str
    named: Named
    container: str
    size_bytes: int
    inode: int
    mtime_ns: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """What changes when the file does."""
        return self.size_bytes, self.inode, self.mtime_ns


class TemplateSource:
    """One source. Reads only, follows no link, opens nothing but regular files; blocking."""

    def __init__(self, name: str, config: SourceConfig) -> None:
        self.name = name
        self.config = config
        self.folder = Path(config.folder)
        self._layout = Layout.parse(config.layout, config.zone)

    def scan(self, unreadable: list[str]) -> Iterator[Found]:
        """Every recognised file. OSError where the folder itself cannot be read.

        A path below it that cannot be read is added to ``unreadable``, a folder with its slash:
        nothing is known of what begins with it.
        """
        yield from self._walk("", 0, unreadable)

    def _walk(self, below: str, depth: int, unreadable: list[str]) -> Iterator[Found]:
        try:
            with os.scandir(self.folder / below) as listing:
                entries = list(listing)
        except OSError as error:
            if not below:
                raise
            if not isinstance(error, FileNotFoundError):
                unreadable.append(below)
            return
        for entry in entries:
            path = f"{below}{entry.name}"
            try:
                if entry.is_dir(follow_symlinks=False):
                    if depth < _MAX_DEPTH:
                        yield from self._walk(f"{path}/", depth + 1, unreadable)
                elif entry.is_file(follow_symlinks=False):
                    found = self._recognised(path, entry.stat(follow_symlinks=False))
                    if found is not None:
                        yield found
            except FileNotFoundError:
                continue
            except OSError:
                unreadable.append(path)

    def _recognised(self, path: str, facts: os.stat_result) -> Found | None:
        named = self._layout.match(path)
        if named is None or (self.config.cameras and named.camera not in self.config.cameras):
            return None
        container = path.rpartition(".")[2].lower()
        return Found(path, named, container, facts.st_size, facts.st_ino, facts.st_mtime_ns)

    def open(self, path: str) -> int:
        """A descriptor of one file of this source, read-only. OSError if it is not there."""
        handle = os.open(
            self.folder / inside(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        )
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise OSError(f"{path} is not a regular file")
        return handle

    def examine(self, found: Found) -> tuple[Container | None, str]:
        """What the container says (None: nobody asks it) and the recording's id.

        OSError where the file vanished or cannot be read.
        """
        handle = self.open(found.path)
        try:
            container = None
            if found.container in _WALKED:
                container = look(lambda at, n: os.pread(handle, n, at), found.size_bytes)
            return container, self._id(handle, found)
        finally:
            os.close(handle)

    def _id(self, handle: int, found: Found) -> str:
        first = os.pread(handle, EDGE_BYTES, 0)
        last = os.pread(handle, EDGE_BYTES, max(found.size_bytes - EDGE_BYTES, 0))
        digest = hashlib.sha256()
        for part in (
            self.name.encode(),
            os.fsencode(found.named.camera),
            str(found.named.start_ms).encode(),
            str(found.size_bytes).encode(),
            first,
            last,
        ):
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.hexdigest()[:32]
