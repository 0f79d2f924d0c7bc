"""Looks at the folders and keeps the manifest true: what closed, what vanished, what is wrong.

A recording is offered only when it is closed: the recorder closed it before our eyes, or a newer
one of its camera exists, or it has not changed for a while; and its container must agree.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from layover_agent.clock import Clock
from layover_agent.core.container import Container
from layover_agent.core.reconcile import missing
from layover_agent.manifest import Manifest, Row
from layover_agent.sources.template import Found, TemplateSource

log = logging.getLogger(__name__)

DAMAGED_AFTER_MS = 60_000
"""A file that its container calls unfinished is listed as damaged only when it is this old."""


QUIET_MS = 2_000
"""A newer recording proves a file closed only once it has not been written to for so long: where
the clock was set back, recordings of the future lie beside the one being made."""


BATCH_ROWS = 200


@dataclass(frozen=True, slots=True)
class Waiting:
    """A file that may still be written: as it was, and since when it has not changed."""

    shape: tuple[int, int, int]
    since_mono_ms: int


class Scanner:
    """Scans one source after another; remembers what it is waiting for."""

    def __init__(self, manifest: Manifest, sources: Iterable[TemplateSource], clock: Clock) -> None:
        self._manifest = manifest
        self._sources = list(sources)
        self._clock = clock
        self._waiting: dict[tuple[str, str], Waiting] = {}
        self._copies: dict[tuple[str, str], tuple[int, int, int]] = {}
        self.faults: dict[str, tuple[int, str]] = {}
        """By source: since when (ms), and what is wrong with its folder."""

    async def scan(self, closed: Iterable[str] = ()) -> float | None:
        """One look at every source. ``closed``: absolute paths that were seen being closed.

        When to look again in seconds, because a file is expected to settle; None: no need.
        """
        just_closed = set(closed)
        began_ms = self._clock.wall_ms()
        strangers = await self._manifest.of_other_sources([one.name for one in self._sources])
        if strangers:
            await self._manifest.write([], strangers, began_ms)
        for source in self._sources:
            await self._scan_source(source, just_closed)
        if not self.faults:
            await self._manifest.set_note("scanned_ms", str(began_ms))
        if not self._waiting:
            return None
        return min(source.config.settle_s for source in self._sources)

    async def _scan_source(self, source: TemplateSource, closed: set[str]) -> None:
        unreadable: list[str] = []
        try:
            found = await asyncio.to_thread(lambda: {f.path: f for f in source.scan(unreadable)})
            error = ""
        except OSError as problem:
            found, error = {}, f"{source.folder} cannot be read: {problem.strerror}"
        hidden = tuple(unreadable)
        known = {
            row.path: row
            for row in await self._manifest.of_source(source.name)
            if not row.path.startswith(hidden)
        }
        outcome = missing(known, found, error)
        partly = f"{source.folder}/{hidden[0]} cannot be read" if hidden else ""
        self._note_fault(source.name, outcome.fault or partly)
        if outcome.fault:
            return
        if outcome.gone:
            self._copies.clear()
        changed = [
            f
            for f in found.values()
            if (f.path not in known or f.shape != _shape(known[f.path]))
            and self._copies.get((source.name, f.path)) != f.shape
        ]
        closed_ones = await self._closed_ones(source, changed, found.values(), closed)
        added = self._once(source, closed_ones, known, found)
        gone = {known[row.path].id for row in added if row.path in known}
        gone |= {known[path].id for path in outcome.gone}
        gone -= {row.id for row in added}
        now_ms = self._clock.wall_ms()
        # In batches: a first scan of thousands must not keep readers waiting for its commit.
        for start in range(0, len(added), BATCH_ROWS):
            await self._manifest.write(added[start : start + BATCH_ROWS], [], now_ms)
        if gone:
            await self._manifest.write([], gone, now_ms)
        for key in [k for k in self._waiting if k[0] == source.name and k[1] not in found]:
            del self._waiting[key]

    def _once(
        self,
        source: TemplateSource,
        rows: Iterable[Row],
        known: Mapping[str, Row],
        found: Mapping[str, Found],
    ) -> list[Row]:
        """Each recording under one of its names: a copy or link of a listed one is left out."""
        place = {
            row.id: path
            for path, row in known.items()
            if path in found and found[path].shape == _shape(row)
        }
        added = []
        for row in rows:
            if place.setdefault(row.id, row.path) == row.path:
                added.append(row)
            else:
                self._copies[source.name, row.path] = _shape(row)
        return added

    def _note_fault(self, source: str, fault: str) -> None:
        if not fault:
            self.faults.pop(source, None)
        elif source not in self.faults:
            log.error("source %s: %s", source, fault)
            self.faults[source] = (self._clock.wall_ms(), fault)

    async def _closed_ones(
        self,
        source: TemplateSource,
        changed: list[Found],
        everything: Iterable[Found],
        closed: set[str],
    ) -> list[Row]:
        starts: dict[str, list[int]] = defaultdict(list)
        for found in everything:
            starts[found.named.camera].append(found.named.start_ms)
        for of_camera in starts.values():
            of_camera.sort()
        rows = []
        for found in sorted(changed, key=lambda f: f.named.start_ms):
            row = await self._judge(source, found, starts[found.named.camera], closed)
            key = (source.name, found.path)
            if row is not None:
                self._waiting.pop(key, None)
                rows.append(row)
            elif self._waiting.get(key, Waiting((0, 0, 0), 0)).shape != found.shape:
                self._waiting[key] = Waiting(found.shape, self._clock.mono_ms())
        return rows

    async def _judge(
        self, source: TemplateSource, found: Found, starts: list[int], closed: set[str]
    ) -> Row | None:
        """The row of a closed recording; None while it may still be written."""
        next_start_ms = next((s for s in starts if s > found.named.start_ms), None)
        seen_closed = str(source.folder / found.path) in closed
        succeeded = next_start_ms is not None and self._unchanged(source, found, QUIET_MS)
        if not (seen_closed or succeeded or self._settled(source, found)):
            return None
        try:
            container, recording_id = await asyncio.to_thread(source.examine, found)
        except OSError as error:
            log.debug("%s: %s", found.path, error)
            return None
        unfinished = container is not None and not container.complete
        age_ms = self._clock.wall_ms() - found.mtime_ns // 1_000_000
        if found.size_bytes == 0 or (unfinished and 0 <= age_ms < DAMAGED_AFTER_MS):
            return None
        end_ms, end_source, confidence = _end(found, container, next_start_ms)
        return Row(
            id=recording_id,
            source=source.name,
            camera=shown(found.named.camera),
            path=found.path,
            start_ms=found.named.start_ms,
            end_ms=end_ms,
            size_bytes=found.size_bytes,
            container=found.container,
            end_source=end_source,
            confidence=confidence if found.named.sure else "guessed",
            damaged=unfinished,
            inode=found.inode,
            mtime_ns=found.mtime_ns,
            boot_id=self._clock.boot_id,
            closed_mono_ms=self._clock.mono_ms() if seen_closed else 0,
        )

    def _settled(self, source: TemplateSource, found: Found) -> bool:
        settle_ms = source.config.settle_s * 1000
        written_ago_ms = self._clock.wall_ms() - found.mtime_ns // 1_000_000
        return written_ago_ms >= settle_ms or self._seen_unchanged(source, found, settle_ms)

    def _unchanged(self, source: TemplateSource, found: Found, for_ms: float) -> bool:
        """Whether a file is surely not being written: one that is bears the time of now."""
        written_ago_ms = abs(self._clock.wall_ms() - found.mtime_ns // 1_000_000)
        return written_ago_ms >= for_ms or self._seen_unchanged(source, found, for_ms)

    def _seen_unchanged(self, source: TemplateSource, found: Found, for_ms: float) -> bool:
        waiting = self._waiting.get((source.name, found.path))
        return (
            waiting is not None
            and waiting.shape == found.shape
            and self._clock.mono_ms() - waiting.since_mono_ms >= for_ms
        )


def shown(name: str) -> str:
    """A name of the file system as it can travel: bytes that are no UTF-8 are spelt out."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _shape(row: Row) -> tuple[int, int, int]:
    return row.size_bytes, row.inode, row.mtime_ns


def _end(
    found: Found, container: Container | None, next_start_ms: int | None
) -> tuple[int, str, str]:
    """The end of a recording, where it comes from, and how far to trust it."""
    start_ms = found.named.start_ms
    if container is not None and container.complete and container.duration_ms is not None:
        return start_ms + container.duration_ms, "container", "sure"
    if found.named.duration_ms is not None:
        return start_ms + found.named.duration_ms, "name", "derived"
    mtime_ms = found.mtime_ns // 1_000_000
    if next_start_ms is not None and next_start_ms <= max(mtime_ms, start_ms) + 5_000:
        return next_start_ms, "next-recording", "derived"
    return max(mtime_ms, start_ms), "mtime", "guessed"
