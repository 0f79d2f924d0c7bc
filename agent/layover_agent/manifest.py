"""The manifest: which recordings are here, and everything that ever changed about that.

A database that is not whole is built anew from the files, under a new epoch, which tells central
to read it from the start.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layover_agent.database import Database, glanced, opened_whole
from layover_agent.wire.types import (
    MAX_PAGE_ROWS,
    Camera,
    ManifestHead,
    ManifestPage,
    Recording,
    RecordingState,
    SignedStatement,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A recording as the database has it; ``path`` is relative to its source's folder."""

    id: str
    seq: int = 0
    source: str
    camera: str
    path: str
    path_there: bool = True
    held: bool = False
    start_ms: int
    end_ms: int
    size_bytes: int
    container: str
    end_source: str
    confidence: str
    damaged: bool
    inode: int
    mtime_ns: int
    boot_id: str
    closed_mono_ms: int
    gone_ms: int = 0

    @property
    def present(self) -> bool:
        return self.path_there or self.held


_NAMES = tuple(Row.__dataclass_fields__)
_SELECT = f"SELECT {', '.join(_NAMES)} FROM recordings"  # noqa: S608
_FLAGS = frozenset({"path_there", "held", "damaged"})


@dataclass(frozen=True, slots=True)
class HoldRow:
    recording_id: str
    method: str
    until_uptime_s: int
    size_bytes: int
    mtime_ns: int


class Manifest(Database):
    """An open manifest. Made by ``opened``."""

    async def head(self) -> ManifestHead:
        (seq,) = await self._one("SELECT coalesce(max(seq), 0) FROM recordings")
        return ManifestHead(
            epoch=self.epoch, seq=seq, scanned_ms=int(await self.note("scanned_ms") or 0)
        )

    async def page(self, epoch: str, after: int, limit: int) -> ManifestPage:
        """The changes after ``after``; from the start where ``epoch`` is not ours."""
        begin = after if epoch == self.epoch else 0
        limit = max(1, min(limit, MAX_PAGE_ROWS))
        rows = await self._rows("WHERE seq > ? ORDER BY seq LIMIT ?", (begin, limit))
        head = await self.head()
        return ManifestPage(
            epoch=self.epoch,
            head_seq=head.seq,
            as_of_ms=head.scanned_ms,
            rows=[_public(row) for row in rows],
        )

    async def get(self, recording_id: str) -> Row | None:
        rows = await self._rows("WHERE id = ?", (recording_id,))
        return rows[0] if rows else None

    async def of_source(self, source: str) -> list[Row]:
        """The source's recordings whose file was where the recorder put it at the last look."""
        return await self._rows("WHERE source = ? AND path_there = 1", (source,))

    async def of_other_sources(self, names: Collection[str]) -> list[str]:
        """Ids of what counts as there in sources that are no longer configured."""
        marks = ", ".join("?" for _ in names)
        found = await self._read(
            f"SELECT id FROM recordings WHERE path_there = 1 AND source NOT IN ({marks})",  # noqa: S608
            list(names),
        )
        return [recording_id for (recording_id,) in found]

    async def cameras(self) -> list[Camera]:
        found = await self._read(
            "SELECT camera, source, count(*), sum(size_bytes), min(start_ms), max(end_ms)"
            " FROM recordings WHERE path_there = 1 OR held = 1"
            " GROUP BY camera, source ORDER BY camera"
        )
        return [
            Camera(
                name=name,
                source=source,
                recordings=count,
                size_bytes=size,
                first_start_ms=first,
                last_end_ms=last,
            )
            for name, source, count, size, first, last in found
        ]

    async def write(
        self,
        added: Sequence[Row],
        gone: Iterable[str],
        now_ms: int,
        scanned_ms: int | None = None,
    ) -> None:
        """What a scan found, in one transaction. ``gone``: ids whose file is missing."""
        async with self._transaction():
            ((seq,),) = await self._fetch("SELECT coalesce(max(seq), 0) FROM recordings")
            for row in added:
                seq += 1
                # A hold may be older than the row: after a damaged manifest was built anew.
                held = await self._fetch("SELECT 1 FROM holds WHERE recording_id = ?", (row.id,))
                values = [_stored(row, name) for name in _NAMES]
                values[_NAMES.index("seq")] = seq
                values[_NAMES.index("held")] = bool(held)
                marks = ", ".join("?" for _ in _NAMES)
                await self._connection.execute(
                    f"INSERT OR REPLACE INTO recordings ({', '.join(_NAMES)}) VALUES ({marks})",  # noqa: S608
                    values,
                )
            for recording_id in gone:
                seq += 1
                await self._connection.execute(
                    "UPDATE recordings SET seq = ?, path_there = 0, gone_ms = ? WHERE id = ?",
                    (seq, now_ms, recording_id),
                )
            if scanned_ms is not None:
                await self._remember("scanned_ms", str(scanned_ms))

    async def set_hold(self, hold: HoldRow) -> None:
        async with self._transaction():
            await self._connection.execute(
                "INSERT OR REPLACE INTO holds VALUES (?, ?, ?, ?, ?)",
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
        found = await self._read("SELECT * FROM holds ORDER BY recording_id")
        return [HoldRow(*row) for row in found]

    async def statement(
        self, row: Row, ctime_ns: int | None = None
    ) -> tuple[bytes, SignedStatement] | None:
        """The digest and the signed statement of the file as ``row`` describes it, and of
        exactly the change time ``ctime_ns`` if that is given."""
        found = await self._one_or_none(
            "SELECT sha256, payload, signature FROM digests"
            " WHERE recording_id = ? AND size_bytes = ? AND mtime_ns = ? AND inode = ?"
            " AND ctime_ns = coalesce(?, ctime_ns)",
            (row.id, row.size_bytes, row.mtime_ns, row.inode, ctime_ns),
        )
        if found is None:
            return None
        return found[0], SignedStatement(payload=found[1], signature=found[2])

    async def relinked(self, recording_id: str, before_ns: int, after_ns: int) -> None:
        """Our own link moved the file's change time: its digests hold on."""
        async with self._transaction():
            await self._connection.execute(
                "UPDATE digests SET ctime_ns = ? WHERE recording_id = ? AND ctime_ns = ?",
                (after_ns, recording_id, before_ns),
            )

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
                    row.inode,
                    ctime_ns,
                    sha256,
                    statement.payload,
                    statement.signature,
                ),
            )

    async def without_statement(self, but: Collection[str]) -> Row | None:
        """The youngest recording that is there, has no digests yet, and is none of ``but``."""
        rows = await self._rows(
            "WHERE path_there = 1 AND id NOT IN (SELECT recording_id FROM digests)"
            " ORDER BY start_ms DESC LIMIT ?",
            (len(but) + 1,),
        )
        return next((row for row in rows if row.id not in but), None)

    async def _rows(self, where: str, values: Sequence[Any]) -> list[Row]:
        return [_row(found) for found in await self._read(f"{_SELECT} {where}", values)]


@contextlib.asynccontextmanager
async def opened(path: Path, *, read_only: bool = False) -> AsyncIterator[Manifest]:
    """The manifest in a file, made if missing, set aside and made anew if damaged.

    ``read_only`` looks beside a running agent: it neither writes nor checkpoints.
    """
    manifest = Manifest(*await (glanced(path) if read_only else opened_whole(path)))
    try:
        yield manifest
    finally:
        await asyncio.shield(manifest.close())


def _row(found: Any) -> Row:
    values: dict[str, Any] = dict(zip(_NAMES, found, strict=True))
    values["path"] = os.fsdecode(values["path"])
    for flag in _FLAGS:
        values[flag] = bool(values[flag])
    return Row(**values)


def _stored(row: Row, name: str) -> Any:
    value = getattr(row, name)
    return os.fsencode(value) if name == "path" else value


def _public(row: Row) -> Recording:
    return Recording(
        id=row.id,
        seq=row.seq,
        state=RecordingState.PRESENT if row.present else RecordingState.GONE,
        camera=row.camera,
        start_ms=row.start_ms,
        end_ms=row.end_ms,
        size_bytes=row.size_bytes,
        container=row.container,
        end_source=row.end_source,
        confidence=row.confidence,
        damaged=row.damaged,
        held=row.held,
        boot_id=row.boot_id,
        closed_mono_ms=row.closed_mono_ms,
        gone_ms=0 if row.present else row.gone_ms,
    )
