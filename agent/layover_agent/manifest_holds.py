"""Holds in the agent's database: what is promised, by which method, until when."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from layover_agent.database import Database


@dataclass(frozen=True, slots=True)
class HoldRow:
    """One hold; ``until_uptime_s`` is of the lease on the recording itself, 0 where only span
    holds want it."""

    recording_id: str
    method: str
    until_uptime_s: int
    size_bytes: int
    mtime_ns: int
    sha256: bytes | None = None
    """What was promised; None: it was not hashed yet."""
    alone: bool = False
    """Only the hold still keeps these bytes, or it is a copy: the recorder's disk lacks them."""
    broken_ms: int = 0
    """Since when it is not what was promised; 0: it is."""
    broken_why: str = ""


@dataclass(frozen=True, slots=True)
class Sums:
    """All holds together."""

    count: int
    size_bytes: int
    cost_bytes: int
    broken: int
    methods: tuple[str, ...]


_COLUMNS = tuple(HoldRow.__dataclass_fields__)

# Of whoever wants a recording longest: its own lease, or that of a span hold that has it.
_WANTED_UNTIL = (
    "max(holds.until_uptime_s, (SELECT coalesce(max(s.until_uptime_s), 0)"
    " FROM span_recordings AS r JOIN span_holds AS s ON s.id = r.span_id"
    " WHERE r.recording_id = holds.recording_id AND r.state = 'held'))"
)


class HoldBook(Database):
    async def set_hold(self, hold: HoldRow) -> None:
        await self.set_holds([hold])

    async def set_holds(
        self, holds: Iterable[HoldRow], moved: Iterable[tuple[str, int, int]] = ()
    ) -> None:
        """Writes holds down as they are, in one transaction. ``moved``: (id, change time before,
        change time after) where our own link moved it, so that digests hold on."""
        async with self._transaction():
            execute = self._connection.execute
            for hold in holds:
                await execute(
                    "INSERT OR REPLACE INTO holds VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    astuple(hold),
                )
                await self._mark_held(hold.recording_id, held=True, now_ms=0)
            for recording_id, before_ns, after_ns in moved:
                await execute(
                    "UPDATE digests SET ctime_ns = ? WHERE recording_id = ? AND ctime_ns = ?",
                    (after_ns, recording_id, before_ns),
                )

    async def drop_hold(self, recording_id: str, now_ms: int) -> None:
        """Forgets a hold; a recording whose file is missing is gone from now on. Span holds that
        had it will not ask for it again."""
        async with self._transaction():
            execute = self._connection.execute
            await execute("DELETE FROM holds WHERE recording_id = ?", (recording_id,))
            await execute(
                "UPDATE span_recordings SET state = 'released' WHERE recording_id = ?"
                " AND state = 'held'",
                (recording_id,),
            )
            await self._mark_held(recording_id, held=False, now_ms=now_ms)

    async def _mark_held(self, recording_id: str, *, held: bool, now_ms: int) -> None:
        await self._connection.execute(
            "UPDATE recordings SET held = ?, seq = (SELECT max(seq) + 1 FROM recordings),"
            " gone_ms = CASE WHEN path_there = 0 AND gone_ms = 0 THEN ? ELSE gone_ms END"
            " WHERE id = ? AND held <> ?",
            (held, now_ms, recording_id, held),
        )

    async def holds(self, after: str = "", limit: int = -1) -> list[HoldRow]:
        """Holds in order of their ids, those behind ``after``."""
        found = await self._read(
            "SELECT * FROM holds WHERE recording_id > ? ORDER BY recording_id LIMIT ?",
            (after, limit),
        )
        return [_hold(row) for row in found]

    async def hold(self, recording_id: str) -> HoldRow | None:
        found = await self._one_or_none(
            "SELECT * FROM holds WHERE recording_id = ?", (recording_id,)
        )
        return None if found is None else _hold(found)

    async def ended_holds(self, uptime_s: int) -> list[str]:
        """Ids of holds that nobody wants any more."""
        found = await self._read(
            f"SELECT recording_id FROM holds WHERE {_WANTED_UNTIL} <= ?",  # noqa: S608
            (uptime_s,),
        )
        return [recording_id for (recording_id,) in found]

    async def hold_sums(self) -> Sums:
        count, size_bytes, cost_bytes, broken, methods = await self._one(
            "SELECT count(*), coalesce(sum(size_bytes), 0),"
            " coalesce(sum(size_bytes) FILTER (WHERE alone), 0),"
            " count(*) FILTER (WHERE broken_ms > 0), group_concat(DISTINCT method) FROM holds"
        )
        return Sums(
            count, size_bytes, cost_bytes, broken, tuple(sorted((methods or "").split(",")))
        )

    async def broken_holds(self) -> list[HoldRow]:
        """Longest broken first."""
        found = await self._read(
            "SELECT * FROM holds WHERE broken_ms > 0 ORDER BY broken_ms, recording_id"
        )
        return [_hold(row) for row in found]

    async def set_broken(self, recording_id: str, since_ms: int, why: str) -> None:
        async with self._transaction():
            await self._connection.execute(
                "UPDATE holds SET broken_ms = ?, broken_why = ? WHERE recording_id = ?",
                (since_ms, why, recording_id),
            )

    async def promised_digests(self) -> list[str]:
        """Takes the digests of what was held before it was hashed as promised; the ids of holds
        whose digests are other ones by now."""
        missing = await self._one(
            "SELECT count(*) FROM holds JOIN digests USING (recording_id)"
            " WHERE holds.sha256 IS NULL AND broken_ms = 0"
        )
        if missing[0]:
            async with self._transaction():
                await self._connection.execute(
                    "UPDATE holds SET sha256 = (SELECT d.sha256 FROM digests AS d"
                    " WHERE d.recording_id = holds.recording_id)"
                    " WHERE sha256 IS NULL AND broken_ms = 0"
                )
        found = await self._read(
            "SELECT recording_id FROM holds JOIN digests AS d USING (recording_id)"
            " WHERE holds.sha256 <> d.sha256"
        )
        return [recording_id for (recording_id,) in found]

    async def digest_of(self, recording_id: str) -> bytes | None:
        found = await self._one_or_none(
            "SELECT sha256 FROM digests WHERE recording_id = ?", (recording_id,)
        )
        return None if found is None else bytes(found[0])

    async def count_alone(self) -> int:
        """Finds out of which holds the recorder has lost its own file; their bytes."""
        alone = (
            "method = 'copy' OR (method <> 'protect' AND NOT EXISTS (SELECT 1 FROM recordings"
            " WHERE id = holds.recording_id AND path_there = 1))"
        )
        (changed,) = await self._one(
            f"SELECT count(*) FROM holds WHERE alone <> ({alone})"  # noqa: S608
        )
        if changed:
            async with self._transaction():
                await self._connection.execute(
                    f"UPDATE holds SET alone = ({alone}) WHERE alone <> ({alone})"  # noqa: S608
                )
        return (await self.hold_sums()).cost_bytes

    async def refused(self, recording_id: str, why: str) -> None:
        """Span holds that counted on a recording learn that it cannot be held."""
        async with self._transaction():
            await self._connection.execute(
                "UPDATE span_recordings SET state = 'refused', reason = ?"
                " WHERE recording_id = ? AND state = 'held'",
                (why, recording_id),
            )

    async def which_held(self, recording_ids: Sequence[str]) -> list[str]:
        """Those of some recordings that are held."""
        marks = ", ".join("?" for _ in recording_ids)
        found = await self._read(
            f"SELECT recording_id FROM holds WHERE recording_id IN ({marks})",  # noqa: S608
            list(recording_ids),
        )
        return [recording_id for (recording_id,) in found]


def _hold(found: Sequence[Any]) -> HoldRow:
    values = dict(zip(_COLUMNS, found, strict=True))
    return HoldRow(**{**values, "alone": bool(values["alone"])})
