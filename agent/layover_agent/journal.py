"""What the agent learned over time, beside the manifest: deletions, rhythms, clock steps, faults.

All of it is bounded. Callers gather what they have and write it at once: each transaction here is
a flush of the box's flash. What cannot be written (a full disk) is logged and costs nothing else.
"""

import contextlib
import logging
import sqlite3
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from dataclasses import astuple, dataclass, fields
from typing import Any

from layover_agent.core.fill import BadFill, Fill
from layover_agent.core.lateness import BadRhythm, Rhythm
from layover_agent.core.steps import Reading, Step
from layover_agent.core.sweeps import Deletion
from layover_agent.database import Database

log = logging.getLogger(__name__)

KEPT_DELETIONS = 2_000
"""Per source."""
KEPT_STEPS = 500
KEPT_FAULTS = 500
FRESH_MS = 3_600_000
"""How old the written time may be at which a lasting fault was last there."""

_DELETION = tuple(f.name for f in fields(Deletion))
_INSERT_DELETION = (
    f"INSERT INTO deletions (source, {', '.join(_DELETION)})"  # noqa: S608
    f" VALUES (?{', ?' * len(_DELETION)})"
)
_SELECT_DELETIONS = f"SELECT {', '.join(_DELETION)} FROM deletions WHERE source = ? ORDER BY number"  # noqa: S608

Subject = tuple[str, str]
"""A fault: its code, and what it is about."""


@dataclass(slots=True)
class Habits:
    """How one camera records."""

    fill: Fill
    rhythm: Rhythm


@dataclass(frozen=True, slots=True)
class Since:
    """Since when a fault has been there: by the wall clock of then, and by the agent's uptime."""

    since_ms: int
    since_uptime_s: int


class Journal:
    """The small tables of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def deletions(self, source: str) -> list[Deletion]:
        """What was seen to vanish from a source, in order of observation."""
        rows = await self._database._read(_SELECT_DELETIONS, (source,))
        place = _DELETION.index("locked")
        return [Deletion(**_named(row, place)) for row in rows]

    async def habits(self, source: str) -> dict[str, Habits]:
        """By camera. What cannot be read is left out: it is learned anew."""
        rows = await self._database._read(
            "SELECT camera, fill, rhythm FROM rhythms WHERE source = ?", (source,)
        )
        found = {}
        for camera, fill, rhythm in rows:
            try:
                found[camera] = Habits(Fill.from_bytes(fill), Rhythm.from_bytes(rhythm))
            except (BadFill, BadRhythm):
                continue
        return found

    async def write(
        self,
        deletions: Mapping[str, Collection[Deletion]],
        habits: Mapping[tuple[str, str], Habits],
    ) -> bool:
        """Deletions by source, and habits by source and camera, in one transaction; False: they
        could not be written."""
        if not habits and not any(deletions.values()):
            return True
        async with self._written("observations") as done, self._database._transaction():
            execute = self._database._connection.execute
            for source, some in deletions.items():
                for one in some:
                    await execute(_INSERT_DELETION, (source, *astuple(one)))
                await execute(
                    "DELETE FROM deletions WHERE source = ? AND number <= (SELECT number"
                    " FROM deletions WHERE source = ? ORDER BY number DESC LIMIT 1 OFFSET ?)",
                    (source, source, KEPT_DELETIONS),
                )
            for (source, camera), one_camera in habits.items():
                await execute(
                    "INSERT OR REPLACE INTO rhythms (source, camera, fill, rhythm)"
                    " VALUES (?, ?, ?, ?)",
                    (source, camera, one_camera.fill.to_bytes(), one_camera.rhythm.to_bytes()),
                )
        return not done.failed

    async def last_look_ms(self) -> int | None:
        """When the last look of an earlier run began; None: there was none."""
        return int(await self._database.note("scanned_ms") or 0) or None

    async def totals(self, source: str) -> dict[str, int]:
        """Bytes of the unlocked recordings that are there, by camera. Reads all of the source."""
        rows = await self._database._read(
            "SELECT camera, sum(size_bytes) FROM recordings"
            " WHERE source = ? AND path_there = 1 AND locked = 0 GROUP BY camera",
            (source,),
        )
        return dict(rows)

    async def older(
        self, source: str, camera: str, before_ms: int, limit: int
    ) -> list[tuple[int, bool]]:
        """End and lock of a camera's recordings that began earlier and are there, oldest first."""
        rows = await self._database._read(
            "SELECT end_ms, locked FROM recordings WHERE source = ? AND camera = ?"
            " AND path_there = 1 AND start_ms < ? ORDER BY start_ms LIMIT ?",
            (source, camera, before_ms, limit),
        )
        return [(end_ms, bool(locked)) for end_ms, locked in rows]

    async def note_steps(self, steps: Iterable[Step]) -> None:
        async with self._written("clock steps"), self._database._transaction():
            execute = self._database._connection.execute
            for step in steps:
                await execute(
                    "INSERT INTO clock_steps (boot_id, mono_ms, before_ms, after_ms, kind)"
                    " VALUES (?, ?, ?, ?, ?)",
                    (step.boot_id, step.mono_ms, step.before_ms, step.after_ms, step.kind),
                )
            await execute(
                "DELETE FROM clock_steps WHERE number <= (SELECT number FROM clock_steps"
                " ORDER BY number DESC LIMIT 1 OFFSET ?)",
                (KEPT_STEPS,),
            )

    async def steps(self) -> list[Step]:
        """The steps of the wall clock, oldest first."""
        rows = await self._database._read(
            "SELECT boot_id, mono_ms, before_ms, after_ms, kind FROM clock_steps ORDER BY number"
        )
        return [
            Step(boot_id=boot_id, mono_ms=mono_ms, before_ms=before, after_ms=after, kind=kind)
            for boot_id, mono_ms, before, after, kind in rows
        ]

    async def last_reading(self) -> Reading | None:
        """Both clocks as they were written down last; None: never, or not readable."""
        boot_id, _, times = (await self._database.note("clock") or "").partition(" ")
        try:
            mono_ms, wall_ms = map(int, times.split())
        except ValueError:
            return None
        return Reading(boot_id=boot_id, mono_ms=mono_ms, wall_ms=wall_ms)

    async def set_last_reading(self, now: Reading) -> None:
        async with self._written("the clocks"):
            await self._database.set_note("clock", f"{now.boot_id} {now.mono_ms} {now.wall_ms}")

    async def faults(
        self, present: Collection[Subject], now_ms: int, uptime_s: int
    ) -> dict[Subject, Since]:
        """Since when each of the faults that are there now has been there, over restarts too.

        Faults that are no longer there are forgotten. Writes only where something changed.
        """
        rows = await self._database._read(
            "SELECT code, subject, since_ms, since_uptime_s, last_ms FROM faults"
        )
        known = {(code, subject): Since(ms, s) for code, subject, ms, s, _ in rows}
        stale = {(row[0], row[1]) for row in rows if abs(now_ms - row[4]) >= FRESH_MS}
        wanted = list(dict.fromkeys(present))[:KEPT_FAULTS]
        result = {one: known.get(one, Since(now_ms, uptime_s)) for one in wanted}
        over = known.keys() - result.keys()
        due = [one for one in result if one not in known or one in stale]
        if over or due:
            async with self._written("faults"), self._database._transaction():
                execute = self._database._connection.execute
                for one in over:
                    await execute("DELETE FROM faults WHERE code = ? AND subject = ?", one)
                for one in due:
                    since = result[one]
                    await execute(
                        "INSERT OR REPLACE INTO faults (code, subject, since_ms,"
                        " since_uptime_s, last_ms) VALUES (?, ?, ?, ?, ?)",
                        (*one, since.since_ms, since.since_uptime_s, now_ms),
                    )
        return result

    @contextlib.asynccontextmanager
    async def _written(self, what: str) -> AsyncIterator["_Done"]:
        done = _Done()
        try:
            yield done
        except sqlite3.OperationalError as error:
            done.failed = True
            log.warning("%s cannot be written down: %s", what, error)


@dataclass(slots=True)
class _Done:
    failed: bool = False


def _named(row: Any, locked_at: int) -> dict[str, Any]:
    values = dict(zip(_DELETION, row, strict=True))
    values["locked"] = bool(row[locked_at])
    return values
