"""Signed digest statements in the agent's database, each for one state of one file."""

from collections.abc import Collection

from layover_agent.database import Database, stored
from layover_agent.rows import Row
from layover_agent.wire.types import SignedStatement


class Statements(Database):
    async def statement(
        self, row: Row, ctime_ns: int | None = None
    ) -> tuple[bytes, SignedStatement] | None:
        """The digest and the signed statement of the file as ``row`` describes it, and of
        exactly the change time ``ctime_ns`` if that is given."""
        found = await self._one_or_none(
            "SELECT sha256, payload, signature FROM digests"
            " WHERE recording_id = ? AND size_bytes = ? AND mtime_ns = ? AND inode = ?"
            " AND ctime_ns = coalesce(?, ctime_ns)",
            (row.id, row.size_bytes, row.mtime_ns, stored(row.inode), ctime_ns),
        )
        if found is None:
            return None
        return found[0], SignedStatement(payload=found[1], signature=found[2])

    async def set_statement(
        self, row: Row, sha256: bytes, statement: SignedStatement, ctime_ns: int = 0
    ) -> None:
        async with self._transaction():
            await self._connection.execute(
                "INSERT OR REPLACE INTO digests VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    row.id,
                    row.size_bytes,
                    row.mtime_ns,
                    stored(row.inode),
                    ctime_ns,
                    sha256,
                    statement.payload,
                    statement.signature,
                ),
            )
            await self._connection.execute(
                "UPDATE recordings SET hashed = 1 WHERE id = ?", (row.id,)
            )

    async def without_statement(self, but: Collection[str]) -> str | None:
        """Id of the youngest recording there that has no digests yet and is none of ``but``."""
        found = await self._read(
            "SELECT id FROM recordings WHERE hashed = 0 AND path_there = 1"
            " ORDER BY start_ms DESC LIMIT ?",
            (len(but) + 1,),
        )
        return next((recording_id for (recording_id,) in found if recording_id not in but), None)
