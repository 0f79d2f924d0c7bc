"""What every kind of recorder must tell: its files, what they are, and how to read them.

A source only reads. Its methods block; whoever calls them does so in a thread.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from layover_agent.core.containers import Container
from layover_agent.core.layout import Named
from layover_agent.settings import SourceConfig


@dataclass(frozen=True, slots=True)
class Entry:
    """A file as it is at this moment; ``path`` is relative to the source's folder, spelt as the
    file system spells it (``os.fsdecode``)."""

    path: str
    size_bytes: int
    inode: int
    mtime_ns: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """What changes when the file does."""
        return self.size_bytes, self.inode, self.mtime_ns


@dataclass(frozen=True, slots=True)
class Examined:
    """What a look inside a file says."""

    id: str
    """Identity by content and place: stable over a rebuilt manifest, known before the digest."""
    container: Container | None
    """None: this kind of container cannot be walked."""
    start_ms: int
    start_source: str
    """name, container, mtime, sidecar or database."""
    start_sure: bool = True


class Source(Protocol):
    """One recorder on this box."""

    name: str
    config: SourceConfig
    folder: Path
    fault: str
    """What keeps it from telling all it should, such as a database that cannot be read; empty:
    nothing."""

    def entries(self, unreadable: list[str]) -> Iterator[Entry]:
        """Every file that may be a recording, folder by folder. OSError where nothing at all can
        be read.

        A path that cannot be read is added to ``unreadable``, a folder with its slash: nothing
        is known of what begins with it.
        """

    def entry(self, path: str) -> Entry | None:
        """One file as it is now; None: there is no such regular file."""

    def named(self, entry: Entry) -> Named | None:
        """What the recorder says of a file by its name or in its database; None: it is no
        recording of this source, or one of a camera that is not shared."""

    def examine(self, entry: Entry, named: Named, *, thorough: bool = True) -> Examined:
        """Looks inside; ``thorough``: for long, where its container alone does not tell how long
        it is. OSError where it is gone or cannot be read."""

    def open(self, path: str) -> int:
        """A read-only descriptor of one file of this source. OSError if it is not there,
        UnsafePath if the path would leave the folder."""

    def closed(self, entry: Entry) -> bool | None:
        """Whether the recorder itself says that the file is closed; None: it says nothing."""
