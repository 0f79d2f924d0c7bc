"""The bytes behind a recording: the recorder's file, or what a hold kept of it."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from layover_agent.core.paths import UnsafePath
from layover_agent.errors import AgentError
from layover_agent.rows import Row
from layover_agent.sources.source import Source
from layover_agent.wire.problem import Reason


class Files:
    """Opens recordings, never by a path from outside. Blocking."""

    def __init__(self, sources: Mapping[str, Source], holds_folder: Path) -> None:
        self.sources = sources
        self.holds_folder = holds_folder

    def held_path(self, recording_id: str) -> Path:
        return self.holds_folder / recording_id

    def source(self, row: Row) -> Source:
        source = self.sources.get(row.source)
        if source is None:
            raise AgentError(Reason.GONE, "its source is no longer configured")
        return source

    def open(self, row: Row) -> int:
        """A read-only descriptor of exactly the recording that ``row`` describes.

        AgentError GONE where no file is left, CHANGED where it is another one now.
        """
        if row.held:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                handle = self.open_held(row)
                if unchanged(handle, row):
                    return handle
                os.close(handle)
                if not row.path_there:
                    raise AgentError(Reason.CHANGED, "the held file was written over")
        return self.open_original(row)

    def open_held(self, row: Row) -> int:
        """What a hold kept, whatever became of it. OSError where there is nothing."""
        return os.open(self.held_path(row.id), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)

    def open_original(self, row: Row) -> int:
        """The recorder's own file. Errors as of ``open``."""
        try:
            handle = self.source(row).open(row.path)
        except FileNotFoundError as error:
            # Only the manifest says that something is gone, which central takes as final.
            raise AgentError(
                Reason.STORAGE, "the file is not there: deleted just now, or its disk is away"
            ) from error
        except (OSError, UnsafePath) as error:
            raise AgentError(Reason.STORAGE, f"cannot open the file: {error}") from error
        if unchanged(handle, row) and os.fstat(handle).st_ino == row.inode:
            return handle
        os.close(handle)
        raise AgentError(Reason.CHANGED, "the file is not the one that the manifest describes")

    def ctime_ns(self, row: Row) -> int:
        """When the file was last changed in any way, a link included. Errors as of ``open``."""
        handle = self.open(row)
        try:
            return os.fstat(handle).st_ctime_ns
        finally:
            os.close(handle)


def unchanged(handle: int, row: Row) -> bool:
    """Whether an open file is still what the manifest says. Left out are the change time, which
    a link moves, and the inode, which is another one where a hold is a reflink or a copy."""
    facts = os.fstat(handle)
    return (facts.st_size, facts.st_mtime_ns) == (row.size_bytes, row.mtime_ns)
