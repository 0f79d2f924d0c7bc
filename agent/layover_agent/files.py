"""The bytes behind a recording: the recorder's file, or what a hold kept of it."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from layover_agent.core.paths import UnsafePath
from layover_agent.errors import AgentError
from layover_agent.rows import Row
from layover_agent.sources.source import Source
from layover_agent.wire.problem import Reason

HELD_NAME = re.compile(r"[0-9a-f]{32}")


class Files:
    """Opens recordings, never by a path from outside. Blocking."""

    def __init__(self, sources: Mapping[str, Source], holds_folder: Path) -> None:
        self._sources = sources
        self._holds_folder = holds_folder

    def held_path(self, recording_id: str) -> Path:
        return self._holds_folder / recording_id

    def held(self) -> list[tuple[str, os.stat_result]]:
        """Every held file that is there: its recording's id, and the file's state."""
        try:
            with os.scandir(self._holds_folder) as entries:
                return [
                    (entry.name, entry.stat(follow_symlinks=False))
                    for entry in entries
                    if HELD_NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
                ]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def source(self, row: Row) -> Source:
        source = self._sources.get(row.source)
        if source is None:
            raise AgentError(Reason.GONE, "its source is no longer configured")
        return source

    def open(self, row: Row) -> int:
        """A read-only descriptor of exactly the recording that ``row`` describes.

        AgentError GONE where no file is left, CHANGED where it is another one now.
        """
        if row.held:
            try:
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
                return self._same(os.open(self.held_path(row.id), flags), row)
            except FileNotFoundError:
                pass
        try:
            return self._same(self.source(row).open(row.path), row)
        except FileNotFoundError as error:
            raise AgentError(Reason.GONE, "the recorder has deleted it") from error
        except (OSError, UnsafePath) as error:
            raise AgentError(Reason.STORAGE, f"cannot open the file: {error}") from error

    def ctime_ns(self, row: Row) -> int:
        """When the file was last changed in any way, a link included. Errors as of ``open``."""
        handle = self.open(row)
        try:
            return os.fstat(handle).st_ctime_ns
        finally:
            os.close(handle)

    def _same(self, handle: int, row: Row) -> int:
        if unchanged(handle, row):
            return handle
        os.close(handle)
        raise AgentError(Reason.CHANGED, "the file is not the one that the manifest describes")


def unchanged(handle: int, row: Row) -> bool:
    """Whether an open file is still what the manifest says. The change time is left out: a hold
    is a link, and a link changes it."""
    facts = os.fstat(handle)
    return (facts.st_size, facts.st_mtime_ns, facts.st_ino) == (
        row.size_bytes,
        row.mtime_ns,
        row.inode,
    )
