"""Span holds in the agent's database: what was asked for, and what became of each recording."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from layover_agent.database import Database

MAX_REASONS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What is wanted: some cameras (none: all that are shared), from then to then."""

    id: str
    origin: str
    cameras: tuple[str, ...]
    start_ms: int
    end_ms: int
    until_uptime_s: int
    asked_ms: int
    asked_uptime_s: int
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    held: int
    held_bytes: int
    refused: int
    reasons: list[str]


_COLUMNS = "id, origin, cameras, start_ms, end_ms, until_uptime_s, asked_ms, asked_uptime_s, reason"
_TRIGGER = "trigger"


class SpanBook:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, span: Span) -> None:
        """A new span hold, or new terms for a known one; what it refused is open again."""
        async with self._database._transaction():
            execute = self._database._connection.execute
            await execute(
                f"INSERT INTO span_holds ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
                " ON CONFLICT (id) DO UPDATE SET cameras = excluded.cameras,"
                " start_ms = excluded.start_ms, end_ms = excluded.end_ms,"
                " until_uptime_s = excluded.until_uptime_s, reason = excluded.reason",
                (
                    span.id,
                    span.origin,
                    json.dumps(span.cameras),
                    span.start_ms,
                    span.end_ms,
                    span.until_uptime_s,
                    span.asked_ms,
                    span.asked_uptime_s,
                    span.reason,
                ),
            )
            await execute(
                "DELETE FROM span_recordings WHERE span_id = ? AND state = 'refused'", (span.id,)
            )

    async def drop(self, span_id: str) -> None:
        async with self._database._transaction():
            execute = self._database._connection.execute
            await execute("DELETE FROM span_recordings WHERE span_id = ?", (span_id,))
            await execute("DELETE FROM span_holds WHERE id = ?", (span_id,))

    async def get(self, span_id: str) -> Span | None:
        found = await self._database._read(
            f"SELECT {_COLUMNS} FROM span_holds WHERE id = ?",  # noqa: S608
            (span_id,),
        )
        return _span(found[0]) if found else None

    async def all(self) -> list[Span]:
        """Youngest first."""
        found = await self._database._read(
            f"SELECT {_COLUMNS} FROM span_holds ORDER BY asked_uptime_s DESC, id"  # noqa: S608
        )
        return [_span(row) for row in found]

    async def open_for(self, span: Span, limit: int, among: Sequence[str] = ()) -> list[str]:
        """Ids of recordings that are there, belong to a span and are not settled yet, the oldest
        first. ``among``: look at these only.

        What a button asks for is also found by when it was written, because a recorder's own
        clock or zone may be wrong when nobody has the time to check.
        """
        values: list[Any] = [span.end_ms, span.start_ms]
        when = "start_ms < ? AND end_ms > ?"
        if span.origin == _TRIGGER:
            when = f"(({when}) OR (mtime_ns >= ? AND mtime_ns / 1000000 - (end_ms - start_ms) < ?))"
            values += [span.start_ms * 1_000_000, span.end_ms]
        if span.cameras:
            when += f" AND camera IN ({_marks(span.cameras)})"
            values += span.cameras
        if among:
            when += f" AND id IN ({_marks(among)})"
            values += among
        found = await self._database._read(
            f"SELECT id FROM recordings WHERE {when} AND (path_there = 1 OR held = 1)"  # noqa: S608
            " AND NOT EXISTS (SELECT 1 FROM span_recordings AS known"
            " WHERE known.span_id = ? AND known.recording_id = recordings.id)"
            " ORDER BY start_ms LIMIT ?",
            [*values, span.id, limit],
        )
        return [recording_id for (recording_id,) in found]

    async def settle(self, span_id: str, outcomes: Sequence[tuple[str, str]]) -> None:
        """Writes down what became of recordings: (id, why it was refused; empty: it is held)."""
        async with self._database._transaction():
            await self._database._connection.executemany(
                "INSERT OR REPLACE INTO span_recordings SELECT ?, ?, ?, ?"
                " WHERE EXISTS (SELECT 1 FROM span_holds WHERE id = ?)",
                [
                    (span_id, recording_id, "refused" if why else "held", why, span_id)
                    for recording_id, why in outcomes
                ],
            )

    async def reopen(self) -> None:
        """What was refused may be possible by now; what was never copied is still to do."""
        undone = (
            "state = 'refused' OR (state = 'held'"
            " AND recording_id NOT IN (SELECT recording_id FROM holds))"
        )
        query = f"SELECT 1 FROM span_recordings WHERE {undone} LIMIT 1"  # noqa: S608
        if await self._database._read(query):
            async with self._database._transaction():
                await self._database._connection.execute(
                    f"DELETE FROM span_recordings WHERE {undone}"  # noqa: S608
                )

    async def outcome(self, span_id: str) -> Outcome:
        held, held_bytes = (
            await self._database._read(
                "SELECT count(*), coalesce(sum(size_bytes), 0) FROM span_recordings"
                " JOIN holds USING (recording_id) WHERE span_id = ? AND state = 'held'",
                (span_id,),
            )
        )[0]
        refusals = await self._database._read(
            "SELECT reason, count(*) FROM span_recordings WHERE span_id = ? AND state = 'refused'"
            " GROUP BY reason ORDER BY count(*) DESC",
            (span_id,),
        )
        reasons = [reason for reason, _ in refusals[:MAX_REASONS]]
        return Outcome(held, held_bytes, sum(count for _, count in refusals), reasons)

    async def pressed(self, since_uptime_s: int) -> int:
        """How many holds a button began since then."""
        found = await self._database._read(
            "SELECT count(*) FROM span_holds WHERE origin = ? AND asked_uptime_s > ?",
            (_TRIGGER, since_uptime_s),
        )
        return int(found[0][0])

    async def pressed_bytes(self) -> int:
        """What is held because of a button."""
        found = await self._database._read(
            "SELECT coalesce(sum(size_bytes), 0) FROM holds WHERE recording_id IN"
            " (SELECT recording_id FROM span_recordings JOIN span_holds ON span_id = span_holds.id"
            " WHERE origin = ? AND state = 'held')",
            (_TRIGGER,),
        )
        return int(found[0][0])


def _span(row: Any) -> Span:
    names = [name.strip() for name in _COLUMNS.split(",")]
    values: dict[str, Any] = dict(zip(names, row, strict=True))
    values["cameras"] = tuple(json.loads(values["cameras"]))
    return Span(**values)


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" for _ in values)
