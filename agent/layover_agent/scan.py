"""Looks at the folders and keeps the manifest true: what closed, what vanished, what is wrong.

``scan`` looks at everything, in batches, so that a hundred thousand recordings take no more
memory than a few hundred; ``look`` looks at what was heard of, and nothing else.
"""

import asyncio
import logging
import os
from array import array
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from layover_agent.clock import Clock
from layover_agent.core.reconcile import fault
from layover_agent.listing import Candidate, Listing
from layover_agent.manifest import Manifest
from layover_agent.rows import Known, Row
from layover_agent.sources.source import Entry, Source

log = logging.getLogger(__name__)

BATCH_FILES = 500
"""Looked at together: what is in memory at once, and what one commit holds up."""

SAVE_EVERY_MS = 600_000
"""How often the time of the last look is written down although nothing changed."""

Changed = Callable[[Sequence[Row], Sequence[Row]], Awaitable[None]]
"""Told of the rows that were listed and of those that are gone, after they were written."""


class Scanner:
    """Looks at one source after another; remembers what it is waiting for."""

    def __init__(
        self,
        manifest: Manifest,
        sources: Iterable[Source],
        clock: Clock,
        changed: Iterable[Changed] = (),
    ) -> None:
        self._manifest = manifest
        self._listings = {source.name: Listing(source, clock) for source in sources}
        self._clock = clock
        self._changed = list(changed)
        self._copies: dict[tuple[str, str], tuple[int, int, int]] = {}
        self._saved_mono_ms: int | None = None
        self.faults: dict[str, tuple[int, str]] = {}
        """By source: since when (ms), and what is wrong with its folder."""
        self.took_ms = 0
        """How long the last look at everything took."""

    async def scan(self, closed: Iterable[str] = ()) -> float | None:
        """One look at everything. ``closed``: absolute paths that were seen being closed.

        When to look again in seconds, because a file is expected to settle; None: no need.
        """
        began_ms, began_mono_ms = self._clock.wall_ms(), self._clock.mono_ms()
        strangers = await self._manifest.of_other_sources(list(self._listings))
        if strangers:
            await self._manifest.write([], strangers, began_ms)
        just_closed = set(closed)
        changes = False
        for listing in self._listings.values():
            folder = f"{listing.source.folder}/"
            own = {path.removeprefix(folder) for path in just_closed if path.startswith(folder)}
            changes |= await self._scan_source(listing, own)
        await self._manifest.forget_gone()
        self.took_ms = self._clock.mono_ms() - began_mono_ms
        await self._looked(began_ms, changes)
        return self.settles_in_s()

    async def look(self, heard: Mapping[str, bool]) -> float | None:
        """A look at single files. ``heard``: absolute paths, and whether each was seen being
        closed. Answers as ``scan`` does."""
        began_ms = self._clock.wall_ms()
        changes = False
        for listing in self._listings.values():
            folder = f"{listing.source.folder}/"
            own = {
                path.removeprefix(folder): closed
                for path, closed in heard.items()
                if path.startswith(folder)
            }
            own |= {path: False for path in listing.waiting if path not in own}
            if own and listing.source.name not in self.faults:
                changes |= await self._look_at(listing, own)
        await self._looked(began_ms, changes)
        return self.settles_in_s()

    def settles_in_s(self) -> float | None:
        """When a file that is waited for may count as closed; None: none is waited for."""
        return min(
            (
                listing.source.config.settle_s
                for listing in self._listings.values()
                if listing.waiting
            ),
            default=None,
        )

    async def _looked(self, began_ms: int, changes: bool) -> None:
        """The manifest is true as of ``began_ms``, unless a folder hides what it holds."""
        if self.faults:
            return
        self._manifest.scanned_ms = began_ms
        now_ms = self._clock.mono_ms()
        if changes or self._saved_mono_ms is None or now_ms - self._saved_mono_ms > SAVE_EVERY_MS:
            await self._manifest.set_note("scanned_ms", str(began_ms))
            self._saved_mono_ms = now_ms

    async def _look_at(self, listing: Listing, heard: Mapping[str, bool]) -> bool:
        source = listing.source
        entries = await asyncio.to_thread(lambda: {path: source.entry(path) for path in heard})
        there = [entry for entry in entries.values() if entry is not None]
        closed = {path for path, was_closed in heard.items() if was_closed}
        changes, _ = await self._take(listing, there, closed)
        missing = [path for path, entry in entries.items() if entry is None]
        if missing and source.folder.is_dir():
            known = await self._manifest.known(source.name, missing)
            if await self._gone([one.id for one in known.values()]):
                changes = True
                await self._copies_again(listing)
        for path in missing:
            listing.waiting.pop(path, None)
        return changes

    async def _scan_source(self, listing: Listing, closed: set[str]) -> bool:
        source = listing.source
        unreadable: list[str] = []
        seen = array("q")
        until_seq = (await self._manifest.head()).seq
        stale = set(listing.waiting)
        changes, error = False, ""
        try:
            entries = source.entries(unreadable)
            while batch := await asyncio.to_thread(_next, entries):
                stale.difference_update(entry.path for entry in batch)
                changed, known = await self._take(listing, batch, closed)
                changes |= changed
                seen.extend(one.seq for one in known)
        except OSError as problem:
            error = f"{source.folder} cannot be read: {problem.strerror or problem}"
        trouble = fault(
            len(seen) or await self._manifest.count(source.name, until_seq),
            len(seen),
            await self._on_other_disk(source),
            error,
        )
        hidden = tuple(unreadable)
        partly = f"{source.folder}/{hidden[0]} cannot be read" if hidden else ""
        self._note_fault(source.name, trouble or partly or source.fault)
        if trouble:
            return changes
        for path in stale:
            listing.waiting.pop(path, None)
        seen = array("q", sorted(seen))
        missing: list[str] = []
        async for gone in self._manifest.unseen(source.name, seen, until_seq):
            missing += [i for i, path in gone if not path.startswith(hidden)]
        if missing:
            changes |= await self._gone(missing)
            changes |= await self._copies_again(listing)
        return changes

    async def _copies_again(self, listing: Listing) -> bool:
        """A copy takes the place of an original that is gone."""
        source = listing.source
        paths = [path for name, path in self._copies if name == source.name]
        for path in paths:
            del self._copies[source.name, path]
        entries = await asyncio.to_thread(lambda: [source.entry(path) for path in paths])
        changes, _ = await self._take(listing, [e for e in entries if e is not None], set())
        return changes

    async def _take(
        self, listing: Listing, entries: Sequence[Entry], closed: set[str]
    ) -> tuple[bool, list[Known]]:
        """Lists what is new and closed of some files; whether anything was, and what was known
        and is unchanged."""
        name = listing.source.name
        known = await self._manifest.known(name, [entry.path for entry in entries])
        new = [
            entry
            for entry in entries
            if (entry.path not in known or known[entry.path].shape != entry.shape)
            and self._copies.get((name, entry.path)) != entry.shape
        ]
        for path in known:
            listing.waiting.pop(path, None)
        same = [
            known[e.path] for e in entries if e.path in known and known[e.path].shape == e.shape
        ]
        if not new:
            return False, same
        candidates = await asyncio.to_thread(listing.candidates, new)
        candidates = [await self._with_next(listing, one) for one in candidates]
        rows = await asyncio.to_thread(listing.rows, candidates, closed)
        added = await self._once(listing.source, rows)
        replaced = {known[row.path].id for row in added if row.path in known}
        replaced -= {row.id for row in added}
        # What was known under a path that is being written anew is not missing: it is waited for.
        same += [known[e.path] for e in new if e.path in known]
        if added:
            await self._manifest.write(added, [], self._clock.wall_ms())
            await self._tell(added, [])
        if replaced:
            await self._gone(list(replaced))
        return bool(added), same

    async def _with_next(self, listing: Listing, one: Candidate) -> Candidate:
        start_ms = one.named.start_ms
        if one.next_start_ms is not None or start_ms is None or not listing.young(one):
            return one
        next_ms = await self._manifest.next_start_ms(
            listing.source.name, one.named.camera, start_ms
        )
        return Candidate(one.entry, one.named, next_ms)

    async def _once(self, source: Source, rows: Sequence[Row]) -> list[Row]:
        """Each recording under one of its names: a copy or link of a listed one is left out."""
        others = await self._manifest.of_ids([row.id for row in rows])
        added: dict[str, Row] = {}
        for row in rows:
            other = added.get(row.id) or others.get(row.id)
            if other is None or other.path == row.path or not _still_there(source, other):
                added[row.id] = row
            else:
                self._copies[source.name, row.path] = row.shape
        return list(added.values())

    async def _gone(self, ids: Sequence[str]) -> bool:
        for start in range(0, len(ids), BATCH_FILES):
            some = ids[start : start + BATCH_FILES]
            rows = list((await self._manifest.of_ids(some)).values())
            await self._manifest.write([], some, self._clock.wall_ms())
            await self._tell([], rows)
        return bool(ids)

    async def _tell(self, listed: Sequence[Row], gone: Sequence[Row]) -> None:
        for changed in self._changed:
            await changed(listed, gone)

    async def _on_other_disk(self, source: Source) -> bool:
        """Whether the folder lies on another file system than when it was last whole."""
        here = await asyncio.to_thread(_file_system, source.folder)
        key = f"disk:{source.name}"
        before = await self._manifest.note(key)
        if before is None and here:
            await self._manifest.set_note(key, here)
        return before is not None and here != before

    def _note_fault(self, source: str, text: str) -> None:
        if not text:
            self.faults.pop(source, None)
        elif source not in self.faults:
            log.error("source %s: %s", source, text)
            self.faults[source] = (self._clock.wall_ms(), text)


def _next(entries: Iterator[Entry]) -> list[Entry]:
    return list(islice(entries, BATCH_FILES))


def _still_there(source: Source, row: Row) -> bool:
    entry = source.entry(row.path) if row.path_there else None
    return entry is not None and entry.shape == row.shape


def _file_system(folder: Path) -> str:
    """What tells one file system from another, also after a reboot; empty: cannot be read."""
    try:
        return f"{os.statvfs(folder).f_fsid:x}"
    except OSError:
        return ""
