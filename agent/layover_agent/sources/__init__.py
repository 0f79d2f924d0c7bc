"""Kinds of recorders: each says which of its files are recordings."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from layover_agent.core.layout import Named
from layover_agent.files import Stamp


@dataclass(frozen=True, slots=True)
class Found:
    """A file that the recorder's naming calls a recording, open or closed."""

    path: str
    """Relative to the source's folder; a name that is not UTF-8 keeps its bytes (PEP 383)."""
    named: Named
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class Folder:
    """One folder's recordings at one look."""

    path: str
    """Relative to the source's folder; empty: that folder itself."""
    found: list[Found]


class Source(Protocol):
    """Where one recorder writes. All calls may block and belong in a thread."""

    name: str
    root: Path

    def scan(self, before: Callable[[Path], None]) -> Iterator[Folder]:
        """Every folder, one at a time; ``before`` is called with each before it is read.

        OSError where the source's own folder cannot be read; a deeper one is left out.
        """
        ...

    def look(self, path: str) -> Found | None:
        """The recording at one path now; None: there is none."""
        ...
