"""Rows of the agent's database, as the rest of the agent sees them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A recording as the database has it; ``path`` is relative to its source's folder."""

    id: str
    seq: int = 0
    source: str
    camera: str
    path: str
    path_there: bool = True
    held: bool = False
    locked: bool = False
    kind: str = ""
    start_ms: int
    end_ms: int
    size_bytes: int
    container: str
    start_source: str = "name"
    end_source: str
    confidence: str
    damaged: bool
    inode: int
    mtime_ns: int
    boot_id: str
    closed_mono_ms: int
    gone_ms: int = 0

    @property
    def present(self) -> bool:
        return self.path_there or self.held

    @property
    def shape(self) -> tuple[int, int, int]:
        """What changes when the file does."""
        return self.size_bytes, self.inode, self.mtime_ns


@dataclass(frozen=True, slots=True)
class Known:
    """What a scan must know of a recording that was listed before."""

    id: str
    seq: int
    shape: tuple[int, int, int]
