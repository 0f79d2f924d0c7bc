"""Puts the bytes of one recording on the shelf, or says why that cannot be. Blocking."""

import contextlib
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass

from layover_agent.clock import Clock
from layover_agent.core.holding import Choice, Method, Shape, choose, explained, told, why_broken
from layover_agent.errors import AgentError
from layover_agent.files import Files, unchanged
from layover_agent.holds import methods
from layover_agent.holds.probe import Protects, capabilities
from layover_agent.holds.shelf import Shelf
from layover_agent.manifest_holds import HoldRow
from layover_agent.rows import Row
from layover_agent.wire.problem import Reason

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Placed:
    """The bytes are kept. The change time before and after is told for the digests' sake."""

    method: Method
    before_ns: int
    after_ns: int


@dataclass(frozen=True, slots=True)
class MustCopy:
    """Nothing is kept yet, and only a copy can; why the other ways cannot."""

    refusals: Mapping[Method, str]


@dataclass(frozen=True, slots=True)
class Refused:
    why: str


PROBE_EVERY_MS = 60_000
"""A refusal is doubted after so long, when a hold is asked for: a disk may be mounted by now."""


class Placer:
    """Knows what works for each source."""

    def __init__(self, files: Files, shelf: Shelf, clock: Clock, has_reserve: bool) -> None:
        self._files = files
        self._shelf = shelf
        self._clock = clock
        self._has_reserve = has_reserve
        self._found: dict[str, tuple[int, Choice]] = {}

    def choice(self, name: str, *, doubt: bool = False) -> Choice:
        """The methods for a source, found out once. ``doubt``: find out anew where there was
        none, because somebody needs one now."""
        source = self._files.sources.get(name)
        if source is None:
            return Choice((), {Method.LINK: "its source is no longer configured"})
        now_ms = self._clock.mono_ms()
        if name in self._found:
            as_of_ms, choice = self._found[name]
            if choice.methods or not doubt or now_ms - as_of_ms < PROBE_EVERY_MS:
                return choice
        choice = choose(
            capabilities(source, self._shelf.folder).refusals,
            deletes_by_unlink=source.config.deletes_by == "unlink",
            has_reserve=self._has_reserve,
        )
        self._found[name] = now_ms, choice
        return choice

    def choices(self) -> dict[str, Choice]:
        return {name: self.choice(name) for name in self._files.sources}

    def place(self, row: Row) -> Placed | MustCopy | Refused:
        """Keeps a recording; names on the shelf are there for good only after its ``sync``.

        AgentError GONE or CHANGED where the recorder's file is not the one that is meant.
        """
        choice = self.choice(row.source, doubt=True)
        if not choice.methods:
            return Refused(choice.refusal)
        failed: dict[Method, str] = {}
        handle = self._files.open(row)
        try:
            before_ns = os.fstat(handle).st_ctime_ns
            for method in choice.methods:
                if method is Method.COPY:
                    return MustCopy({**choice.refusals, **failed})
                try:
                    self._shelf.make()
                    self._shelf.write_note(row, method)
                    self._keep(row, handle, method)
                except FileNotFoundError as error:
                    self._shelf.clear(row.id)
                    raise AgentError(
                        Reason.STORAGE, "the file is not there: deleted just now"
                    ) from error
                except OSError as error:
                    failed[method] = explained(method, error.errno or 0)
                    continue
                self._check(row, handle, method)
                return Placed(method, before_ns, self._ctime_ns(row, handle, method))
        finally:
            os.close(handle)
        self._shelf.clear(row.id)
        return Refused(told({**choice.refusals, **failed}))

    def _keep(self, row: Row, handle: int, method: Method) -> None:
        target = self._shelf.path(row.id)
        source = self._files.source(row)
        if method is Method.REFLINK:
            methods.reflink(handle, self._shelf.part(row.id), target, row.mtime_ns)
        elif method is Method.LINK:
            with contextlib.suppress(FileExistsError):
                methods.link(source.folder / row.path, target)
        elif isinstance(source, Protects):
            source.protect(row.path)

    def _check(self, row: Row, handle: int, method: Method) -> None:
        """What was kept is what was meant, and was not written to meanwhile."""
        try:
            kept = handle if method is Method.PROTECT else self._files.open_held(row)
            same = unchanged(handle, row) and unchanged(kept, row)
            if method is Method.LINK:
                same = same and os.fstat(kept).st_ino == row.inode
            if kept != handle:
                os.close(kept)
        except OSError:
            same = False
        if not same:
            if method is Method.PROTECT:
                self.unprotect(row)
            self._shelf.give_up(row.id)
            self._shelf.clear(row.id)
            raise AgentError(Reason.CHANGED, "the file changed while it was being held")

    def _ctime_ns(self, row: Row, handle: int, method: Method) -> int:
        if method is not Method.REFLINK:
            return os.fstat(handle).st_ctime_ns
        return self._shelf.path(row.id).lstat().st_ctime_ns

    def original_is_whole(self, row: Row) -> bool:
        """Whether the recorder's own file is there and as it was."""
        try:
            os.close(self._files.open_original(row))
        except AgentError:
            return False
        return True

    def shape(self, hold: HoldRow, row: Row | None) -> Shape | None:
        """The bytes of a hold as they are now."""
        if hold.method != Method.PROTECT:
            return self._shelf.shape(hold.recording_id)
        source = self._files.sources.get(row.source) if row else None
        entry = source.entry(row.path) if source and row else None
        return None if entry is None else Shape(entry.size_bytes, entry.mtime_ns)

    def why_broken(self, hold: HoldRow, row: Row | None, sha256: bytes | None = None) -> str:
        promised = Shape(hold.size_bytes, hold.mtime_ns)
        return why_broken(promised, self.shape(hold, row), hold.sha256, sha256)

    def unprotect(self, row: Row) -> None:
        """The recorder need not spare a recording any longer, on our account."""
        source: object = self._files.sources.get(row.source)
        if isinstance(source, Protects):
            try:
                source.unprotect(row.path)
            except OSError as error:
                log.warning("%s stays protected by its recorder: %s", row.path, error)
