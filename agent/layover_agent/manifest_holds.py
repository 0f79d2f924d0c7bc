"""Holds in the agent's database: what is promised, by which method, until when."""

from layover_agent.database import Database
from layover_agent.rows import HoldRow


class HoldBook(Database):
    async def set_hold(self, hold: HoldRow) -> None:
        async with self._transaction():
            await self._connection.execute(
                "INSERT OR REPLACE INTO holds"
                " (recording_id, method, until_uptime_s, size_bytes, mtime_ns)"
                " VALUES (?, ?, ?, ?, ?)",
                (
                    hold.recording_id,
                    hold.method,
                    hold.until_uptime_s,
                    hold.size_bytes,
                    hold.mtime_ns,
                ),
            )
            await self._mark_held(hold.recording_id, held=True, now_ms=0)

    async def drop_hold(self, recording_id: str, now_ms: int) -> None:
        """Forgets a hold; a recording whose file is missing is gone from now on."""
        async with self._transaction():
            await self._connection.execute(
                "DELETE FROM holds WHERE recording_id = ?", (recording_id,)
            )
            await self._mark_held(recording_id, held=False, now_ms=now_ms)

    async def _mark_held(self, recording_id: str, *, held: bool, now_ms: int) -> None:
        await self._connection.execute(
            "UPDATE recordings SET held = ?, seq = (SELECT max(seq) + 1 FROM recordings),"
            " gone_ms = CASE WHEN path_there = 0 AND gone_ms = 0 THEN ? ELSE gone_ms END"
            " WHERE id = ? AND held <> ?",
            (held, now_ms, recording_id, held),
        )

    async def holds(self) -> list[HoldRow]:
        found = await self._read("SELECT recording_id, method, until_uptime_s, size_bytes, mtime_ns FROM holds"
            " ORDER BY recording_id")
        return [HoldRow(*row) for row in found]
