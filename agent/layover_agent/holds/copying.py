"""Copies recordings to the shelf in the background: one at a time, no faster than allowed."""

import asyncio
import logging
import os
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from layover_agent.core.holding import Method, explained
from layover_agent.errors import AgentError
from layover_agent.files import Files, unchanged
from layover_agent.holds import methods
from layover_agent.holds.methods import CopyStopped
from layover_agent.holds.shelf import Shelf
from layover_agent.rows import Row
from layover_agent.wire.problem import Reason

log = logging.getLogger(__name__)

Copied = Callable[[Row, str], Awaitable[bool]]
"""Told of a recording whose copy is on the disk, or why there is none; whether it is kept."""


class Copies:
    """What waits to be copied, by id. A copy that did not end is none: after a crash it is
    cleared away and made anew."""

    def __init__(self, files: Files, shelf: Shelf, rate_bps: int, copied: Copied) -> None:
        self._files = files
        self._shelf = shelf
        self._rate_bps = rate_bps
        self._copied = copied
        self._waiting: OrderedDict[str, Row] = OrderedDict()
        self._news = asyncio.Event()
        self._ended = False

    def __contains__(self, recording_id: str) -> bool:
        return recording_id in self._waiting

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def size_bytes(self) -> int:
        """What they take once they are all there."""
        return sum(row.size_bytes for row in self._waiting.values())

    def add(self, row: Row) -> None:
        self._waiting[row.id] = row
        self._news.set()

    def drop(self, recording_id: str) -> None:
        """Copies it no further; within a block's time nothing is left of it."""
        self._waiting.pop(recording_id, None)

    async def run(self) -> None:
        """Its end is the end of all copying, until it is run again."""
        self._ended = False
        try:
            while True:
                self._news.clear()
                if not self._waiting:
                    await self._news.wait()
                    continue
                row = next(iter(self._waiting.values()))
                why = await asyncio.to_thread(self._copy, row)
                if not await self._copied(row, why):
                    await asyncio.to_thread(self._undo, row.id)
                self.drop(row.id)
        finally:
            self._ended = True

    def _copy(self, row: Row) -> str:
        """Why there is no copy; empty: it is on the disk."""
        try:
            handle = self._files.open_original(row)
        except AgentError as error:
            return error.detail
        try:
            self._shelf.make()
            self._shelf.write_note(row, Method.COPY)
            pause = self._pacer(row.id)
            target = self._shelf.path(row.id)
            methods.copy(handle, self._shelf.part(row.id), target, row.mtime_ns, pause)
            if not unchanged(handle, row):
                raise AgentError(Reason.CHANGED, "the file changed while it was copied")
            self._shelf.sync()
        except CopyStopped:
            return "it was stopped"
        except (OSError, AgentError) as error:
            if isinstance(error, AgentError):
                return error.detail
            return f"the copy failed: {explained(Method.COPY, error.errno or 0)}"
        finally:
            os.close(handle)
        return ""

    def _undo(self, recording_id: str) -> None:
        self._shelf.give_up(recording_id)
        self._shelf.clear(recording_id)

    def _pacer(self, recording_id: str) -> Callable[[int], None]:
        free_at_s = time.monotonic()

        def pause(size_bytes: int) -> None:
            nonlocal free_at_s
            if self._ended or recording_id not in self._waiting:
                raise CopyStopped
            free_at_s = max(free_at_s, time.monotonic() - 1) + size_bytes * 8 / self._rate_bps
            time.sleep(max(free_at_s - time.monotonic(), 0))

        return pause
