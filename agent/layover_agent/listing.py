"""From a file to a row of the manifest: is it closed, what is inside, when did it end."""

import logging
from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from layover_agent.clock import Clock
from layover_agent.core.closing import Signs, is_closed, may_be_unfinished
from layover_agent.core.containers import Container
from layover_agent.core.layout import Named
from layover_agent.core.paths import shown
from layover_agent.rows import Row
from layover_agent.sources.source import Entry, Examined, Source

log = logging.getLogger(__name__)


MOST_WAITING = 2000
"""More files than this are not waited for at once: they have to be found again."""

_LAST_NS = 1 << 63
"""A file that says it was written in 2262 or later is none that can be described."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that is a recording by its name, new or changed since it was listed."""

    entry: Entry
    named: Named
    next_start_ms: int | None = None
    """When the camera's next recording begins, as far as known."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A file that may still be written: as it was, and since when it has not changed."""

    shape: tuple[int, int, int]
    since_mono_ms: int
    camera: str
    start_ms: int | None


class Listing:
    """Judges the files of one source; remembers those that it waits for."""

    def __init__(self, source: Source, clock: Clock) -> None:
        self.source = source
        self._clock = clock
        self.waiting: dict[str, Waiting] = {}
        """By path."""
        self.crowded = False
        """Whether some files that may still be written are not even waited for."""

    @property
    def has_room_again(self) -> bool:
        """Whether files that could not be waited for should be looked for."""
        return self.crowded and len(self.waiting) < MOST_WAITING // 2

    def candidates(self, entries: Iterable[Entry]) -> list[Candidate]:
        """Those that are recordings, oldest first, each with the start of the next among them
        and among those waited for. Blocking."""
        named = [
            (entry, name)
            for entry in entries
            if abs(entry.mtime_ns) < _LAST_NS and (name := self.source.named(entry)) is not None
        ]
        starts: dict[str, list[int]] = {}
        for _, name in named:
            if name.start_ms is not None:
                starts.setdefault(name.camera, []).append(name.start_ms)
        for waiting in self.waiting.values():
            if waiting.start_ms is not None and waiting.camera in starts:
                starts[waiting.camera].append(waiting.start_ms)
        for of_camera in starts.values():
            of_camera.sort()
        found = [
            Candidate(entry, name, _after(starts.get(name.camera, ()), name.start_ms))
            for entry, name in named
        ]
        return sorted(found, key=lambda c: (c.named.start_ms or 0, c.entry.path))

    def young(self, candidate: Candidate) -> bool:
        """Whether a file was written so lately that a newer one is needed to prove it closed."""
        ago_ms = self._clock.wall_ms() - candidate.entry.mtime_ns // 1_000_000
        return ago_ms < self.source.config.settle_s * 1000

    def rows(self, candidates: Iterable[Candidate], closed: Collection[str]) -> list[Row]:
        """A row for each that is closed; the others are waited for. Blocking.

        ``closed``: paths that were seen being closed.
        """
        rows = []
        for candidate in candidates:
            path = candidate.entry.path
            row = self._judged(candidate, path in closed)
            if row is not None:
                self.waiting.pop(path, None)
                rows.append(row)
            elif path not in self.waiting and len(self.waiting) >= MOST_WAITING:
                self.crowded = True
            elif path not in self.waiting or self.waiting[path].shape != candidate.entry.shape:
                self.waiting[path] = Waiting(
                    candidate.entry.shape,
                    self._clock.mono_ms(),
                    candidate.named.camera,
                    candidate.named.start_ms,
                )
        return rows

    def unlike(self, rewritten: Iterable[tuple[Entry, str]]) -> set[str]:
        """Paths of the files that are not the recordings any more as which they were listed:
        (file as it is now, id). What cannot be read counts as what it was. Blocking."""
        return {entry.path for entry, known in rewritten if self._id(entry, known) != known}

    def _id(self, entry: Entry, known: str) -> str | None:
        named = self.source.named(entry)
        try:
            return None if named is None else self.source.examine(entry, named).id
        except OSError:
            return known

    def _judged(self, candidate: Candidate, seen_closed: bool) -> Row | None:
        entry, named = candidate.entry, candidate.named
        written_ago_ms = self._clock.wall_ms() - entry.mtime_ns // 1_000_000
        signs = Signs(
            said=self.source.closed(entry),
            seen=seen_closed,
            succeeded=candidate.next_start_ms is not None,
            written_ago_ms=written_ago_ms,
            unchanged_ms=self._unchanged_ms(entry),
        )
        if entry.size_bytes == 0 or not is_closed(signs, int(self.source.config.settle_s * 1000)):
            return None
        young = may_be_unfinished(written_ago_ms)
        try:
            examined = self.source.examine(entry, named, thorough=not young)
        except OSError as error:
            log.debug("%s: %s", entry.path, error)
            return None
        unfinished = examined.container is not None and not examined.container.complete
        if unfinished and young:
            return None
        end_ms, end_source, confidence = _end(candidate, examined)
        sure = examined.start_sure
        return Row(
            id=examined.id,
            source=self.source.name,
            camera=shown(named.camera),
            path=entry.path,
            locked=named.locked,
            kind=named.kind,
            start_ms=examined.start_ms,
            end_ms=end_ms,
            size_bytes=entry.size_bytes,
            container=entry.path.rpartition(".")[2].lower(),
            start_source=examined.start_source,
            end_source=end_source,
            confidence=confidence if sure else "guessed",
            damaged=unfinished,
            inode=entry.inode,
            mtime_ns=entry.mtime_ns,
            boot_id=self._clock.boot_id,
            closed_mono_ms=self._clock.mono_ms() if seen_closed else 0,
        )

    def _unchanged_ms(self, entry: Entry) -> int:
        waiting = self.waiting.get(entry.path)
        if waiting is None or waiting.shape != entry.shape:
            return 0
        return self._clock.mono_ms() - waiting.since_mono_ms


def _after(starts: Sequence[int], start_ms: int | None) -> int | None:
    if start_ms is None:
        return None
    at = bisect_right(starts, start_ms)
    return starts[at] if at < len(starts) else None


def _trust(container: Container) -> str:
    return "sure" if container.complete and container.end_source == "container" else "derived"


def _end(candidate: Candidate, examined: Examined) -> tuple[int, str, str]:
    """The end of a recording, where it comes from, and how far to trust it."""
    start_ms, container = examined.start_ms, examined.container
    if container is not None and container.duration_ms is not None:
        # Of a file that was cut off, what is left of it.
        return start_ms + container.duration_ms, container.end_source, _trust(container)
    if candidate.named.duration_ms is not None:
        return start_ms + candidate.named.duration_ms, "name", "derived"
    mtime_ms = candidate.entry.mtime_ns // 1_000_000
    next_ms = candidate.next_start_ms
    if next_ms is not None and next_ms <= max(mtime_ms, start_ms) + 5_000:
        return next_ms, "next-recording", "derived"
    return max(mtime_ms, start_ms), "mtime", "guessed"
