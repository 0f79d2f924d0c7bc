"""Looks at the folders and keeps the manifest true: what closed, what vanished, what is wrong.

``scan`` looks at everything, in batches, so that a hundred thousand recordings take no more
memory than a few hundred; ``look`` looks at what was heard of, and nothing else.
"""

import asyncio
import errno
import hashlib
import logging
import sqlite3
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from layover_agent import __version__
from layover_agent.clock import Clock
from layover_agent.core.reconcile import fault
from layover_agent.ledger import BATCH_FILES, Changed, Ledger, batches
from layover_agent.manifest import Manifest
from layover_agent.sources.source import Entry, Source

log = logging.getLogger(__name__)

SAVE_EVERY_MS = 600_000
"""How often the time of the last look is written down although nothing changed."""


class Scanner:
    """Looks at one source after another."""

    def __init__(
        self,
        manifest: Manifest,
        sources: Iterable[Source],
        clock: Clock,
        changed: Iterable[Changed] = (),
    ) -> None:
        self._manifest = manifest
        self._changed = list(changed)
        self._ledgers = [Ledger(manifest, source, clock, self._changed) for source in sources]
        self._clock = clock
        self._saved_mono_ms: int | None = None
        self.faults: dict[str, tuple[int, str]] = {}
        """By source: since when (ms), and what is wrong with its folder."""
        self.hiding: set[str] = set()
        """Sources whose folders did not show all that they hold."""
        self.took_ms = 0
        """How long the last look at everything took."""

    async def scan(self, closed: Iterable[str] = ()) -> float | None:
        """One look at everything. ``closed``: absolute paths that were seen being closed.

        When to look again in seconds, because a file is expected to settle; None: no need.
        """
        began_ms, began_mono_ms = self._clock.wall_ms(), self._clock.mono_ms()
        configured = [ledger.source.name for ledger in self._ledgers]
        while strangers := await self._manifest.of_other_sources(configured):
            await self._manifest.write([], strangers, began_ms)
        just_closed = dict.fromkeys(closed, True)
        changes = False
        for ledger in self._ledgers:
            changes |= await self._scan_source(ledger, {*_below(ledger.source, just_closed)})
        await self._manifest.forget_gone()
        self.took_ms = self._clock.mono_ms() - began_mono_ms
        await self._looked(began_ms, changes)
        return self.settles_in_s()

    async def look(self, heard: Mapping[str, bool], *, all_heard: bool = True) -> float | None:
        """A look at single files. ``heard``: absolute paths, and whether each was seen being
        closed; ``all_heard``: nothing else happened. Answers as ``scan`` does."""
        began_ms = self._clock.wall_ms()
        changes = False
        for ledger in self._ledgers:
            own = dict.fromkeys(ledger.listing.waiting, False) | _below(ledger.source, heard)
            closed = {path for path, was_closed in own.items() if was_closed}
            if ledger.listing.has_room_again or (own and await ledger.place.moved()):
                changes |= await self._scan_source(ledger, closed)
                continue
            try:
                for paths in batches(own):
                    changes |= await self._look_at(ledger, paths, closed)
            except sqlite3.Error:
                raise
            except Exception as problem:
                self.hiding.add(ledger.source.name)
                self._note_fault(ledger.source.name, _failed(ledger.source, problem))
        if all_heard:
            await self._looked(began_ms, changes)
        return self.settles_in_s()

    def settles_in_s(self) -> float | None:
        """When a file that is waited for may count as closed; None: none is waited for."""
        listings = [ledger.listing for ledger in self._ledgers]
        waiting = [one.source.config for one in listings if one.waiting or one.crowded]
        return min((config.settle_s for config in waiting), default=None)

    async def _looked(self, began_ms: int, changes: bool) -> None:
        """The manifest is true as of ``began_ms``, unless a folder hides what it holds."""
        if self.hiding:
            return
        self._manifest.scanned_ms = began_ms
        now_ms = self._clock.mono_ms()
        if changes or self._saved_mono_ms is None or now_ms - self._saved_mono_ms > SAVE_EVERY_MS:
            await self._manifest.set_note("scanned_ms", str(began_ms))
            self._saved_mono_ms = now_ms

    async def _look_at(self, ledger: Ledger, paths: Sequence[str], closed: set[str]) -> bool:
        source = ledger.source
        entries = await asyncio.to_thread(lambda: [source.entry(path) for path in paths])
        changes, _ = await ledger.take([e for e in entries if e is not None], closed)
        absent = [path for path, entry in zip(paths, entries, strict=True) if entry is None]
        missing = await asyncio.to_thread(_deleted, source, absent)
        if not missing or source.name in self.hiding or await ledger.place.moved():
            return changes
        for path in missing:
            ledger.listing.waiting.pop(path, None)
        known = await ledger.known(missing)
        return await ledger.gone({one.id: one.seq for one in known.values()}) or changes

    async def _scan_source(self, ledger: Ledger, closed: set[str]) -> bool:
        source, listing = ledger.source, ledger.listing
        unreadable: list[str] = []
        seen = array("q")
        await ledger.place.find()
        until_seq = (await self._manifest.head()).seq
        configured = _configuration(source)
        anew = await self._manifest.note(f"config:{source.name}") != configured
        stale = set(listing.waiting)
        listing.crowded = changes = False
        error = ""
        try:
            entries = source.entries(unreadable)
            while batch := await asyncio.to_thread(_next, entries):
                stale.difference_update(entry.path for entry in batch)
                changed, known = await ledger.take(batch, closed, anew=anew)
                changes |= changed
                seen.extend(one.seq for one in known)
        except OSError as problem:
            error = f"{source.folder} cannot be read: {problem.strerror or problem}"
        except sqlite3.Error:
            raise
        except Exception as problem:
            error = _failed(source, problem)
        if not error and await ledger.place.moved():
            error = f"{source.folder} was taken away while it was read"
        found = len(seen) or int(changes and ledger.place.other_disk)
        if await self._hides(ledger, until_seq, found, error, unreadable):
            return changes
        await ledger.place.settled(until_seq)
        for path in stale:
            listing.waiting.pop(path, None)
        seen, hidden = array("q", sorted(seen)), tuple(unreadable)
        async for unseen in self._manifest.unseen(source.name, seen, until_seq):
            gone = {i: seq for seq, i, path in unseen if not path.startswith(hidden)}
            gone = {i: seq for i, seq in gone.items() if ledger.place.here(seq)}
            changes |= await ledger.gone(gone)
        if anew:
            await self._manifest.set_note(f"config:{source.name}", configured)
        return changes

    async def _hides(
        self, ledger: Ledger, until_seq: int, found: int, error: str, unreadable: Sequence[str]
    ) -> bool:
        """Whether a look says nothing of what it did not show; notes what is wrong."""
        source, place = ledger.source, ledger.place
        away = await place.away(until_seq)
        known = found or await self._manifest.count(source.name, 0, until_seq)
        if not found and not place.other_disk:
            known -= away
        trouble = fault(known, found, place.other_disk, error)
        partly = f"{source.folder}/{unreadable[0]} cannot be read" if unreadable else ""
        missed = f"{away} recordings are on another disk, which is not in the box" if away else ""
        self._note_fault(source.name, trouble or partly or source.fault or missed)
        (self.hiding.add if trouble or partly else self.hiding.discard)(source.name)
        return bool(trouble)

    def _note_fault(self, source: str, text: str) -> None:
        since_ms, known = self.faults.get(source, (self._clock.wall_ms(), ""))
        if not text:
            self.faults.pop(source, None)
        elif text != known:
            log.error("source %s: %s", source, text)
            self.faults[source] = (since_ms, text)


def _failed(source: Source, problem: Exception) -> str:
    """Of a stranger's code: an adapter's failure is its own source's, and nobody else's."""
    log.error("source %s failed", source.name, exc_info=problem)
    return f"its adapter failed ({type(problem).__name__}: {problem})"


def _next(entries: Iterator[Entry]) -> list[Entry]:
    return list(islice(entries, BATCH_FILES))


def _below(source: Source, heard: Mapping[str, bool]) -> dict[str, bool]:
    """What was heard of files of one source, by their paths below its folder."""
    folder = f"{source.folder}/"
    return {
        path.removeprefix(folder): closed
        for path, closed in heard.items()
        if path.startswith(folder)
    }


def _deleted(source: Source, absent: Sequence[str]) -> list[str]:
    """Which of the files that give no entry are gone, rather than hidden by an error."""
    gone = []
    for path in absent:
        try:
            (source.folder / path).lstat()
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                continue
        gone.append(path)
    return gone


def _configuration(source: Source) -> str:
    """What its listing was made by; another one makes each file be judged again."""
    return hashlib.sha256(f"{__version__} {source.config!r}".encode()).hexdigest()[:16]
