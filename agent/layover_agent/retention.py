"""Watches what the recorder keeps and deletes, and how each camera records: facts from the scans.

The scanner tells of every recording that was listed or is gone; when a look is over, what it
showed becomes observations. They are written together now and then, because each write wears the
box's flash; a power cut loses some minutes of them, and no more.
"""

import asyncio
import os
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from layover_agent.clock import Clock
from layover_agent.core.fill import Fill
from layover_agent.core.lateness import Lateness, Rhythm
from layover_agent.core.retention import Learned, learn
from layover_agent.core.sweeps import Deletion
from layover_agent.gathering import MAX_CAMERAS, Gathering
from layover_agent.journal import KEPT_DELETIONS, Habits, Journal
from layover_agent.rows import Row
from layover_agent.wire.types import Retention

WRITE_EVERY_MS = 900_000
RECOUNT_EVERY_MS = 6 * 3_600_000
"""Sums drift where a file is listed twice; so often they are counted from the manifest."""
BOOTING_MS = 2_100_000
"""After a boot the recorder may be late to sweep: until then nothing that is still there counts
as having been kept on purpose."""
FORGOTTEN_MS = 90 * 86_400_000
"""A camera that recorded nothing for so long is not late any more, but no more."""
OLDER_LIMIT = 50
"""So many older recordings of a camera are counted at most."""
BEHIND_SHARE = 0.5
"""Of the cameras that never pause."""


class Observer:
    """One for all sources. Made by ``opened``."""

    def __init__(self, journal: Journal, folders: Mapping[str, str], clock: Clock) -> None:
        self._journal = journal
        self._folders = dict(folders)
        self._clock = clock
        self._began_ms = clock.wall_ms()
        self._gathered = {source: Gathering() for source in folders}
        self._seen_ms: dict[str, int] = {}
        """By source: until when all that is not known as gone was surely there. Missing: it is
        not known what happened since."""
        self._free_bytes: dict[str, int | None] = {}
        self._habits: dict[tuple[str, str], Habits] = {}
        self._touched: set[tuple[str, str]] = set()
        self._pending: defaultdict[str, list[Deletion]] = defaultdict(list)
        self._learned: dict[str, list[Learned]] = {}
        self._written_mono_ms = self._recounted_mono_ms = clock.mono_ms()

    @classmethod
    async def opened(cls, journal: Journal, folders: Mapping[str, str], clock: Clock) -> "Observer":
        """With what the journal has. ``folders``: of each source, to know its disk."""
        observer = cls(journal, folders, clock)
        last_look_ms = await journal.last_look_ms()
        for source, gathered in observer._gathered.items():
            gathered.restart(await journal.totals(source))
            if last_look_ms is not None:
                observer._seen_ms[source] = last_look_ms
            for camera, habits in (await journal.habits(source)).items():
                observer._habits[source, camera] = habits
        return observer

    async def changed(self, listed: Sequence[Row], gone: Sequence[Row]) -> None:
        """Told by the scanner, during a look, after the manifest was written."""
        now_ms = self._clock.wall_ms()
        for row in listed:
            if (gathered := self._gathered.get(row.source)) is not None:
                gathered.listed(row)
                self._note_habit(row, now_ms)
        for row in gone:
            if (gathered := self._gathered.get(row.source)) is not None:
                gathered.gone(row)

    async def looked(self, began_ms: int, hidden: Collection[str], *, everything: bool) -> None:
        """A look is over that began at ``began_ms``.

        ``hidden``: sources whose folders did not show all they hold. ``everything``: whatever
        had vanished before would have been noticed, by a whole look or a watch that can be
        trusted.
        """
        for source, gathered in self._gathered.items():
            if source in hidden:
                # Its disk may come back changed by other hands: nothing of that is a sweep.
                self._seen_ms.pop(source, None)
                gathered.settle()
                continue
            await self._over(source, gathered, began_ms, everything)
        now_ms = self._clock.mono_ms()
        if now_ms - self._recounted_mono_ms >= RECOUNT_EVERY_MS:
            self._recounted_mono_ms = now_ms
            for source, gathered in self._gathered.items():
                gathered.restart(await self._journal.totals(source))
        if now_ms - self._written_mono_ms >= WRITE_EVERY_MS:
            await self.save()

    async def _over(
        self, source: str, gathered: Gathering, began_ms: int, everything: bool
    ) -> None:
        free = await asyncio.to_thread(_free_bytes, self._folders[source])
        seen_ms = self._seen_ms.get(source)
        if gathered.lost and seen_ms is not None:
            youngest_ms = max(last.start_ms for _, last in gathered.lost.values())
            older = {
                camera: await self._journal.older(source, camera, youngest_ms, OLDER_LIMIT)
                for camera in gathered.cameras
            }
            self._pending[source] += gathered.deletions(
                seen_ms, self._clock.wall_ms(), older, (self._free_bytes.get(source), free)
            )
        booted = self._clock.mono_ms() >= BOOTING_MS
        if everything and (booted or seen_ms is None):
            self._seen_ms[source] = began_ms
        gathered.settle()
        self._free_bytes[source] = free

    def _note_habit(self, row: Row, now_ms: int) -> None:
        key = row.source, row.camera
        if key not in self._habits:
            if len(self._habits) >= MAX_CAMERAS * len(self._gathered):
                return
            self._habits[key] = Habits(Fill(), Rhythm())
        habits = self._habits[key]
        written_ms = row.mtime_ns // 1_000_000
        counted = habits.fill.add(row.start_ms, row.end_ms, row.size_bytes, now_ms)
        if written_ms <= now_ms:
            counted |= habits.rhythm.closed(row.start_ms, row.end_ms, written_ms, self._began_ms)
        if counted:
            self._touched.add(key)

    def stepped(self, shift_ms: int) -> None:
        """The wall clock was set: what is remembered of before is told in its new time."""
        self._began_ms += shift_ms
        self._seen_ms.clear()
        for habits in self._habits.values():
            habits.rhythm.stepped(shift_ms)

    async def learned(self, source: str) -> list[Learned]:
        """The rules by which the recorder of a source deletes, best first, as of the last time
        that observations were written."""
        if source not in self._learned:
            observed = await self._journal.deletions(source) + self._pending[source]
            self._learned[source] = await asyncio.to_thread(learn, observed)
        return self._learned[source]

    async def rules(self, source: str) -> list[Retention]:
        """What was learned, for the wire: of each kind the one that explains most."""
        best: dict[tuple[str, str], Learned] = {}
        for rule in await self.learned(source):
            best.setdefault((rule.kind, rule.camera), rule)
        return [_told(source, rule) for rule in best.values()]

    def lateness(self) -> dict[tuple[str, str], Lateness]:
        """By source and camera, now; without cameras that were taken out long ago."""
        now_ms = self._clock.wall_ms()
        up_since_ms = max(now_ms - self._clock.mono_ms(), self._began_ms)
        judged = {key: one.rhythm.judge(now_ms, up_since_ms) for key, one in self._habits.items()}
        oldest_ms = now_ms - FORGOTTEN_MS
        return {key: one for key, one in judged.items() if one.last_close_ms >= oldest_ms}

    def recorder_behind(self) -> bool:
        """Whether half of the cameras that never pause close their recordings late."""
        steady = [one for one in self.lateness().values() if one.state == "on-time"]
        steady = [one for one in steady if not one.pauses]
        return bool(steady) and sum(o.behind for o in steady) >= BEHIND_SHARE * len(steady)

    def fill(self, source: str, camera: str) -> Fill | None:
        """How a camera fills the disk; None: nothing of it was seen yet."""
        habits = self._habits.get((source, camera))
        return None if habits is None else habits.fill

    async def save(self) -> None:
        """Writes down what was not written yet; to be called at the end, too."""
        self._written_mono_ms = self._clock.mono_ms()
        self._learned.clear()
        touched, self._touched = self._touched, set()
        pending, self._pending = self._pending, defaultdict(list)
        habits = {key: self._habits[key] for key in touched}
        if not await self._journal.write(pending, habits):
            self._touched |= touched
            for source, some in pending.items():
                self._pending[source] = [*some, *self._pending[source]][-KEPT_DELETIONS:]


def _told(source: str, rule: Learned) -> Retention:
    """The careful end of the interval stands for the rule: the one that deletes earlier."""
    age = rule.kind == "age"
    return Retention(
        source=source,
        kind=rule.kind,
        max_bytes=rule.lo if rule.kind == "ring" else 0,
        max_age_s=rule.lo // 1000 if age else 0,
        age_from=rule.age_from or "start",
        min_free_bytes=rule.hi if rule.kind == "floor" else 0,
        camera=rule.camera,
        exempt_locked=rule.exempt_locked,
        learned=True,
        lo=rule.lo // 1000 if age else rule.lo,
        hi=-(-rule.hi // 1000) if age else rule.hi,
        support=rule.support,
        contradictions=rule.contradictions,
        rivals=list(rule.rivals),
    )


def _free_bytes(folder: str) -> int | None:
    try:
        facts = os.statvfs(folder)
    except OSError:
        return None
    return facts.f_bavail * facts.f_frsize
