"""Looks at the folders and keeps the manifest true: what closed, what vanished, what is wrong.

``scan`` looks at everything, in batches, so that a hundred thousand recordings take no more
memory than a few hundred; ``look`` looks at what was heard of, and nothing else.
"""

import asyncio
import errno
import hashlib
import logging
from array import array
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from layover_agent import __version__
from layover_agent.clock import Clock
from layover_agent.core.reconcile import fault
from layover_agent.listing import Candidate, Listing, shown
from layover_agent.manifest import Manifest
from layover_agent.place import Place
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
        self._places = {
            name: Place(manifest, name, listing.source.folder)
            for name, listing in self._listings.items()
        }
        self._clock = clock
        self._changed = list(changed)
        self._copies: dict[tuple[str, str], tuple[str, tuple[int, int, int]]] = {}
        """By source and path: of which recording, and how the copy looked."""
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
        while strangers := await self._manifest.of_other_sources(list(self._listings)):
            await self._manifest.write([], strangers, began_ms)
        just_closed = dict.fromkeys(closed, True)
        changes = False
        for listing in self._listings.values():
            changes |= await self._scan_source(listing, {*_below(listing, just_closed)})
        await self._manifest.forget_gone()
        self.took_ms = self._clock.mono_ms() - began_mono_ms
        await self._looked(began_ms, changes)
        return self.settles_in_s()

    async def look(self, heard: Mapping[str, bool], *, all_heard: bool = True) -> float | None:
        """A look at single files. ``heard``: absolute paths, and whether each was seen being
        closed; ``all_heard``: nothing else happened. Answers as ``scan`` does."""
        began_ms = self._clock.wall_ms()
        changes = False
        for listing in self._listings.values():
            own = dict.fromkeys(listing.waiting, False) | _below(listing, heard)
            closed = {path for path, was_closed in own.items() if was_closed}
            if listing.crowded or (own and await self._places[listing.source.name].moved()):
                changes |= await self._scan_source(listing, closed)
                continue
            for paths in _batches(own):
                changes |= await self._look_at(listing, paths, closed)
        if all_heard:
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
        if self.hiding:
            return
        self._manifest.scanned_ms = began_ms
        now_ms = self._clock.mono_ms()
        if changes or self._saved_mono_ms is None or now_ms - self._saved_mono_ms > SAVE_EVERY_MS:
            await self._manifest.set_note("scanned_ms", str(began_ms))
            self._saved_mono_ms = now_ms

    async def _look_at(self, listing: Listing, paths: Sequence[str], closed: set[str]) -> bool:
        source = listing.source
        entries = await asyncio.to_thread(lambda: [source.entry(path) for path in paths])
        there = [entry for entry in entries if entry is not None]
        changes, _ = await self._take(listing, there, closed)
        missing = [path for path, entry in zip(paths, entries, strict=True) if entry is None]
        missing = await asyncio.to_thread(_deleted, source, missing)
        if not missing or await self._places[source.name].moved():
            return changes
        for path in missing:
            listing.waiting.pop(path, None)
        known = await self._known(listing, missing)
        return await self._gone(listing, {one.id: one.seq for one in known.values()}) or changes

    async def _scan_source(self, listing: Listing, closed: set[str]) -> bool:
        source, place = listing.source, self._places[listing.source.name]
        unreadable: list[str] = []
        seen = array("q")
        await place.find()
        until_seq = (await self._manifest.head()).seq
        anew = await self._manifest.note(f"config:{source.name}") != _configuration(source)
        stale = set(listing.waiting)
        listing.crowded = changes = False
        error = ""
        try:
            entries = source.entries(unreadable)
            while batch := await asyncio.to_thread(_next, entries):
                stale.difference_update(entry.path for entry in batch)
                changed, known = await self._take(listing, batch, closed, anew=anew)
                changes |= changed
                seen.extend(one.seq for one in known)
        except OSError as problem:
            error = f"{source.folder} cannot be read: {problem.strerror or problem}"
        if not error and await place.moved():
            error = f"{source.folder} was taken away while it was read"
        if await self._hides(source, until_seq, len(seen), changes, error, unreadable):
            return changes
        await place.settled(until_seq)
        for path in stale:
            listing.waiting.pop(path, None)
        seen, hidden = array("q", sorted(seen)), tuple(unreadable)
        async for unseen in self._manifest.unseen(source.name, seen, until_seq):
            gone = {i: seq for seq, i, path in unseen if not path.startswith(hidden)}
            changes |= await self._gone(listing, {i: n for i, n in gone.items() if place.here(n)})
        if anew:
            await self._manifest.set_note(f"config:{source.name}", _configuration(source))
        return changes

    async def _hides(
        self,
        source: Source,
        until_seq: int,
        seen: int,
        changes: bool,
        error: str,
        unreadable: Sequence[str],
    ) -> bool:
        """Whether a look says nothing of what it did not show; notes what is wrong."""
        place = self._places[source.name]
        away = await place.away(until_seq)
        known = seen or await self._manifest.count(source.name, 0, until_seq)
        if not seen and not place.other_disk:
            known -= away
        found = seen or int(changes and place.other_disk)
        trouble = fault(known, found, place.other_disk, error)
        partly = f"{source.folder}/{unreadable[0]} cannot be read" if unreadable else ""
        missed = f"{away} recordings are on another disk, which is not in the box" if away else ""
        self._note_fault(source.name, trouble or partly or source.fault or missed)
        if trouble or partly:
            self.hiding.add(source.name)
        else:
            self.hiding.discard(source.name)
        return bool(trouble)

    async def _take(
        self, listing: Listing, entries: Sequence[Entry], closed: set[str], *, anew: bool = False
    ) -> tuple[bool, list[Known]]:
        """Lists what is new and closed of some files; whether that changed anything, and what was
        known and is still there. ``anew``: what was known is judged again, too."""
        known = await self._known(listing, [entry.path for entry in entries])
        same = {e.path for e in entries if e.path in known and known[e.path].shape == e.shape}
        new = [e for e in entries if (anew or e.path not in same) and not self._is_copy(listing, e)]
        candidates = await asyncio.to_thread(listing.candidates, new)
        candidates = [await self._with_next(listing, one) for one in candidates]
        rows = await asyncio.to_thread(listing.rows, candidates, closed)
        if anew:
            same.intersection_update(one.entry.path for one in candidates)
        for path in same:
            listing.waiting.pop(path, None)
        became = {row.path: row.id for row in rows}
        doubtful = [(e, known[e.path].id) for e in new if e.path in known and e.path not in same]
        doubtful = [(e, i) for e, i in doubtful if e.path not in became]
        unlike = await asyncio.to_thread(listing.unlike, doubtful)
        lost = {p for p in known if became.get(p, known[p].id) != known[p].id} | unlike
        added = await self._once(listing, rows)
        if added:
            await self._manifest.write(added, [], self._clock.wall_ms())
            await self._tell(added, [])
        gone = await self._gone(listing, {known[path].id: known[path].seq for path in lost})
        return bool(added) or gone, [one for path, one in known.items() if path not in lost]

    async def _known(self, listing: Listing, paths: Sequence[str]) -> dict[str, Known]:
        """What is listed under some paths, on the disk that is here."""
        name = listing.source.name
        known = await self._manifest.known(name, paths)
        return {path: one for path, one in known.items() if self._places[name].here(one.seq)}

    async def _with_next(self, listing: Listing, one: Candidate) -> Candidate:
        start_ms = one.named.start_ms
        if one.next_start_ms is not None or start_ms is None or not listing.young(one):
            return one
        next_ms = await self._manifest.next_start_ms(
            listing.source.name, shown(one.named.camera), start_ms
        )
        return Candidate(one.entry, one.named, next_ms)

    async def _once(self, listing: Listing, rows: Sequence[Row]) -> list[Row]:
        """What there is to write: each recording under one of its names (a copy or link of a
        listed one is left out), and nothing that is listed just so."""
        source = listing.source
        here = self._places[source.name].here
        others = await self._manifest.of_ids([row.id for row in rows])
        added: dict[str, Row] = {}
        for row in rows:
            other = added.get(row.id) or others.get(row.id)
            if other is not None and other.path == row.path:
                if not (here(other.seq) and _same(other, row)):
                    added[row.id] = row
            elif other is None or not await asyncio.to_thread(_still_there, source, other):
                added[row.id] = row
            else:
                self._copies[source.name, row.path] = (row.id, row.shape)
        return list(added.values())

    def _is_copy(self, listing: Listing, entry: Entry) -> bool:
        _, shape = self._copies.get((listing.source.name, entry.path), ("", None))
        return shape == entry.shape

    async def _gone(self, listing: Listing, lost: Mapping[str, int]) -> bool:
        """The files of some recordings are missing. ``lost``: their ids and last changes; what
        has changed since then is left out, as is that of which a copy takes its place."""
        name = listing.source.name
        heirs = [path for (n, path), (i, _) in self._copies.items() if n == name and i in lost]
        for paths in _batches(heirs):
            for path in paths:
                del self._copies[name, path]
            entries = await asyncio.to_thread(lambda: [*map(listing.source.entry, paths)])  # noqa: B023
            await self._take(listing, [e for e in entries if e is not None], set())
        changes = bool(heirs)
        for ids in _batches(lost):
            found = await self._manifest.of_ids(ids)
            rows = [r for r in found.values() if r.path_there and r.seq == lost[r.id]]
            if rows:
                await self._manifest.write([], [row.id for row in rows], self._clock.wall_ms())
                await self._tell([], rows)
                changes = True
        return changes

    async def _tell(self, listed: Sequence[Row], gone: Sequence[Row]) -> None:
        for changed in self._changed:
            await changed(listed, gone)

    def _note_fault(self, source: str, text: str) -> None:
        since_ms, known = self.faults.get(source, (self._clock.wall_ms(), ""))
        if not text:
            self.faults.pop(source, None)
        elif text != known:
            log.error("source %s: %s", source, text)
            self.faults[source] = (since_ms, text)


def _next(entries: Iterator[Entry]) -> list[Entry]:
    return list(islice(entries, BATCH_FILES))


def _batches(all_of_them: Iterable[str]) -> Iterator[list[str]]:
    left = iter(all_of_them)
    while some := list(islice(left, BATCH_FILES)):
        yield some


def _below(listing: Listing, heard: Mapping[str, bool]) -> dict[str, bool]:
    """What was heard of files of one source, by their paths below its folder."""
    folder = f"{listing.source.folder}/"
    return {
        path.removeprefix(folder): closed
        for path, closed in heard.items()
        if path.startswith(folder)
    }


def _deleted(source: Source, missing: Sequence[str]) -> list[str]:
    """Which of the files that give no entry are gone, rather than hidden by an error."""
    gone = []
    for path in missing:
        try:
            (source.folder / path).lstat()
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                continue
        gone.append(path)
    return gone


def _still_there(source: Source, row: Row) -> bool:
    entry = source.entry(row.path) if row.path_there else None
    return entry is not None and entry.shape == row.shape


def _same(listed: Row, row: Row) -> bool:
    """Whether a recording is listed just so."""
    return listed == replace(
        row,
        seq=listed.seq,
        held=listed.held,
        boot_id=listed.boot_id,
        closed_mono_ms=listed.closed_mono_ms,
    )


def _configuration(source: Source) -> str:
    """What its listing was made by; another one makes each file be judged again."""
    return hashlib.sha256(f"{__version__} {source.config!r}".encode()).hexdigest()[:16]
