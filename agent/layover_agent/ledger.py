"""Keeps the manifest true to the files of one source, however few of them are looked at."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from layover_agent.clock import Clock
from layover_agent.core.paths import shown
from layover_agent.listing import Candidate, Listing
from layover_agent.manifest import Manifest
from layover_agent.place import Place
from layover_agent.rows import Known, Row
from layover_agent.sources.source import Entry, Source

BATCH_FILES = 200
"""Looked at together: what is in memory at once, and what one commit holds up."""

Changed = Callable[[Sequence[Row], Sequence[Row]], Awaitable[None]]
"""Told of the rows that were listed and of those that are gone, after they were written."""


class Ledger:
    """Of one source: what of it is listed."""

    def __init__(
        self, manifest: Manifest, source: Source, clock: Clock, changed: Sequence[Changed]
    ) -> None:
        self.source = source
        self.listing = Listing(source, clock)
        self.place = Place(manifest, source.name, source.folder)
        self._manifest = manifest
        self._clock = clock
        self._changed = changed
        self._copies: dict[str, tuple[str, tuple[int, int, int]]] = {}
        """By path: of which recording, and how the copy looked."""

    async def take(
        self, entries: Sequence[Entry], closed: set[str], *, anew: bool = False
    ) -> tuple[bool, list[Known]]:
        """Lists what is new and closed of some files; whether that changed anything, and what was
        known and is still there. ``anew``: what was known is judged again, too."""
        known = await self.known([entry.path for entry in entries])
        same = {e.path for e in entries if e.path in known and known[e.path].shape == e.shape}
        new = [e for e in entries if (anew or e.path not in same) and not self._is_copy(e)]
        candidates = await asyncio.to_thread(self.listing.candidates, new)
        candidates = [await self._with_next(one) for one in candidates]
        rows = await asyncio.to_thread(self.listing.rows, candidates, closed)
        if anew:
            same.intersection_update(one.entry.path for one in candidates)
        for path in same:
            self.listing.waiting.pop(path, None)
        became = {row.path: row.id for row in rows}
        doubtful = [(e, known[e.path].id) for e in new if e.path in known and e.path not in same]
        doubtful = [(e, i) for e, i in doubtful if e.path not in became]
        unlike = await asyncio.to_thread(self.listing.unlike, doubtful)
        lost = {p for p in known if became.get(p, known[p].id) != known[p].id} | unlike
        added = await self._once(rows)
        if added:
            await self._manifest.write(added, [], self._clock.wall_ms())
            await self._tell(added, [])
        gone = await self.gone({known[path].id: known[path].seq for path in lost})
        return bool(added) or gone, [one for path, one in known.items() if path not in lost]

    async def known(self, paths: Sequence[str]) -> dict[str, Known]:
        """What is listed under some paths, on the disk that is here."""
        known = await self._manifest.known(self.source.name, paths)
        return {path: one for path, one in known.items() if self.place.here(one.seq)}

    async def _with_next(self, one: Candidate) -> Candidate:
        start_ms = one.named.start_ms
        if one.next_start_ms is not None or start_ms is None or not self.listing.young(one):
            return one
        next_ms = await self._manifest.next_start_ms(
            self.source.name, shown(one.named.camera), start_ms
        )
        return Candidate(one.entry, one.named, next_ms)

    async def _once(self, rows: Sequence[Row]) -> list[Row]:
        """What there is to write: each recording under one of its names (a copy or link of a
        listed one is left out), and nothing that is listed just so."""
        others = await self._manifest.of_ids([row.id for row in rows])
        added: dict[str, Row] = {}
        for row in rows:
            other = added.get(row.id) or others.get(row.id)
            if other is not None and other.path == row.path:
                if not (self.place.here(other.seq) and _same(other, row)):
                    added[row.id] = row
            elif other is None or not await asyncio.to_thread(_still_there, self.source, other):
                added[row.id] = row
            else:
                self._copies[row.path] = (row.id, row.shape)
        return list(added.values())

    def _is_copy(self, entry: Entry) -> bool:
        _, shape = self._copies.get(entry.path, ("", None))
        return shape == entry.shape

    async def gone(self, lost: Mapping[str, int]) -> bool:
        """The files of some recordings are missing. ``lost``: their ids and last changes; what
        has changed since then is left out, as is that of which a copy takes its place."""
        heirs = [path for path, (recording_id, _) in self._copies.items() if recording_id in lost]
        for paths in batches(heirs):
            for path in paths:
                del self._copies[path]
            entries = await asyncio.to_thread(lambda some: [*map(self.source.entry, some)], paths)
            await self.take([e for e in entries if e is not None], set())
        changes = bool(heirs)
        for ids in batches(lost):
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


def batches(all_of_them: Iterable[str]) -> Iterator[list[str]]:
    left = iter(all_of_them)
    while some := list(islice(left, BATCH_FILES)):
        yield some


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
