"""The manifest: which recordings are here, and everything that ever changed about that.

A database that is not whole is built anew from the files, under a new epoch, which tells central
to read it from the start.
"""

import asyncio
import contextlib
import os
import time
from array import array
from bisect import bisect_left
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from layover_agent.database import glanced, opened_whole, stored, unstored
from layover_agent.manifest_holds import HoldBook
from layover_agent.rows import Known, Row
from layover_agent.statements import Statements
from layover_agent.wire.pages import FIELDS, packed_rows, unpacked
from layover_agent.wire.types import MAX_PAGE_ROWS, Camera, ManifestHead, ManifestPage

_AS_TOLD = {
    "state": "CASE WHEN path_there OR held THEN 'present' ELSE 'gone' END",
    "gone_ms": "CASE WHEN path_there OR held THEN 0 ELSE gone_ms END",
}
"""What central is told in other terms than ours, as SQL."""
_NAMES = tuple(Row.__dataclass_fields__)
_SELECT = f"SELECT {', '.join(_NAMES)} FROM recordings"  # noqa: S608
_INSERT = (
    f"INSERT OR REPLACE INTO recordings ({', '.join(_NAMES)})"  # noqa: S608
    f" VALUES ({', '.join('?' for _ in _NAMES)})"
)
_KNOWN = (
    "SELECT path, id, seq, size_bytes, inode, mtime_ns FROM recordings"
    " WHERE source = ? AND path_there = 1"
)
_STRANGERS = "SELECT id FROM recordings WHERE path_there = 1 AND source NOT IN"
_HASHED = "SELECT recording_id FROM digests WHERE recording_id IN"
_PAGE = (
    f"SELECT {', '.join(_AS_TOLD.get(name, name) for name in FIELDS)}"  # noqa: S608
    " FROM recordings WHERE seq > ? ORDER BY seq LIMIT ?"
)
_FLAGS = frozenset({"path_there", "held", "locked", "damaged"})
ASKED_AT_ONCE = 500
KEPT_GONE_ROWS = 50_000
"""So many of the latest deletions are told to a reader who comes back late; older ones are
forgotten, and such a reader learns of them when it asks for the recording."""


class Manifest(HoldBook, Statements):
    """An open manifest. Made by ``opened``."""

    scanned_ms: int | None = None
    """When the last look began that this run of the agent took; None: none yet."""
    _cameras: tuple[float, int, list[Camera]] = (0.0, -1, [])

    async def head(self) -> ManifestHead:
        (seq,) = await self._one("SELECT coalesce(max(seq), 0) FROM recordings")
        scanned_ms = self.scanned_ms
        if scanned_ms is None:
            scanned_ms = int(await self.note("scanned_ms") or 0)
        return ManifestHead(epoch=self.epoch, seq=seq, scanned_ms=scanned_ms)

    async def packed_page(self, epoch: str, after: int, limit: int) -> tuple[bytes, int | None]:
        """The changes after ``after``, as they travel; from the start where ``epoch`` is not
        ours. And after what to read on, or None: this is all."""
        begin = after if epoch == self.epoch else 0
        # The head first: a reader of an empty page goes on from there.
        head = await self.head()
        rows = await self._read(_PAGE, (begin, max(1, min(limit, MAX_PAGE_ROWS))))
        page = await asyncio.to_thread(packed_rows, self.epoch, head.seq, head.scanned_ms, rows)
        last_seq = rows[-1][FIELDS.index("seq")] if rows else head.seq
        return page, last_seq if last_seq < head.seq else None

    async def page(self, epoch: str, after: int, limit: int) -> ManifestPage:
        page, _ = await self.packed_page(epoch, after, limit)
        return unpacked(page)

    async def get(self, recording_id: str) -> Row | None:
        return (await self.of_ids([recording_id])).get(recording_id)

    async def of_ids(self, ids: Sequence[str]) -> dict[str, Row]:
        """The recordings of these ids, at most ``ASKED_AT_ONCE``, as far as there are any."""
        found = await self._read(f"{_SELECT} WHERE id IN ({_marks(ids)})", ids)
        return {row.id: row for row in map(_row, found)}

    async def known(self, source: str, paths: Sequence[str]) -> dict[str, Known]:
        """Which of the paths are listed as there, and as what."""
        known = {}
        for start in range(0, len(paths), ASKED_AT_ONCE):
            some = [os.fsencode(path) for path in paths[start : start + ASKED_AT_ONCE]]
            found = await self._read(f"{_KNOWN} AND path IN ({_marks(some)})", [source, *some])
            for path, recording_id, seq, size_bytes, inode, mtime_ns in found:
                shape = (size_bytes, unstored(inode), mtime_ns)
                known[os.fsdecode(path)] = Known(recording_id, seq, shape)
        return known

    async def unseen(
        self, source: str, seen: "array[int]", until_seq: int
    ) -> AsyncIterator[list[tuple[int, str, str]]]:
        """(seq, id, path) of what is listed as there up to ``until_seq`` and was not ``seen``,
        in batches. ``seen``: sorted numbers of change."""
        after = 0
        while True:
            found = await self._read(
                "SELECT seq, id, path FROM recordings WHERE seq > ? AND seq <= ?"
                " AND source = ? AND path_there = 1 ORDER BY seq LIMIT 2000",
                (after, until_seq, source),
            )
            if not found:
                return
            after = found[-1][0]
            gone = [(seq, i, os.fsdecode(path)) for seq, i, path in found if not _among(seen, seq)]
            if gone:
                yield gone

    async def next_start_ms(self, source: str, camera: str, after_ms: int) -> int | None:
        """When the camera's next listed recording begins; None: none does."""
        (found,) = await self._one(
            "SELECT min(start_ms) FROM recordings"
            " WHERE source = ? AND path_there = 1 AND camera = ? AND start_ms > ?",
            (source, camera, after_ms),
        )
        return None if found is None else int(found)

    async def count(self, source: str, after_seq: int, until_seq: int) -> int:
        """How many recordings of a source are listed as there by changes above ``after_seq`` and
        up to ``until_seq``."""
        (count,) = await self._one(
            "SELECT count(*) FROM recordings"
            " WHERE source = ? AND path_there = 1 AND seq > ? AND seq <= ?",
            (source, after_seq, until_seq),
        )
        return int(count)

    async def of_other_sources(self, names: Collection[str]) -> list[str]:
        """Ids of what counts as there in sources that are no longer configured: some of many."""
        found = await self._read(f"{_STRANGERS} ({_marks(list(names))}) LIMIT 2000", list(names))
        return [recording_id for (recording_id,) in found]

    async def cameras(self) -> list[Camera]:
        """Each camera's recordings in sum. Of a long list it may be some seconds old: counting
        may take a fiftieth of the time, no more."""
        good_until_s, seq, cameras = self._cameras
        (now_seq,) = await self._one("SELECT coalesce(max(seq), 0) FROM recordings")
        began_s = time.monotonic()
        if seq == now_seq or (seq >= 0 and began_s < good_until_s):
            return cameras
        found = await self._read(
            "SELECT camera, source, count(*), sum(size_bytes), min(start_ms), max(end_ms)"
            " FROM recordings WHERE path_there = 1 OR held = 1"
            " GROUP BY camera, source ORDER BY camera"
        )
        cameras = [
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
        took_s = time.monotonic() - began_s
        good_until_s = began_s + 50 * took_s if took_s > 0.01 else began_s
        self._cameras = (good_until_s, now_seq, cameras)
        return cameras

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
            # A hold may be older than the row: after a damaged manifest was built anew.
            held = {i for (i,) in await self._fetch("SELECT recording_id FROM holds")}
            # So may digests, where a recording comes back under another name.
            ids = [row.id for row in added]
            hashed = await self._fetch(f"{_HASHED} ({_marks(ids)})", ids)
            await self._connection.executemany(_INSERT, self._values(added, seq, held))
            for (recording_id,) in hashed:
                await self._connection.execute(
                    "UPDATE recordings SET hashed = 1 WHERE id = ?", (recording_id,)
                )
            await self._connection.executemany(
                "UPDATE recordings SET seq = ?, path_there = 0, gone_ms = ?"
                " WHERE id = ? AND path_there = 1",
                (
                    (seq + len(added) + nth, now_ms, recording_id)
                    for nth, recording_id in enumerate(gone, 1)
                ),
            )
            if scanned_ms is not None:
                await self._remember("scanned_ms", str(scanned_ms))

    def _values(
        self, rows: Sequence[Row], seq: int, held: Collection[str]
    ) -> Iterator[tuple[Any, ...]]:
        for nth, row in enumerate(rows, 1):
            own = {
                "seq": seq + nth,
                "held": row.id in held,
                "path": os.fsencode(row.path),
                "inode": stored(row.inode),
            }
            yield tuple(own.get(name, getattr(row, name)) for name in _NAMES)

    async def forget_gone(self, keep: int = KEPT_GONE_ROWS) -> int:
        """Forgets the oldest deletions beyond the latest ``keep``; how many."""
        (gone,) = await self._one(
            "SELECT count(*) FROM recordings WHERE path_there = 0 AND held = 0"
        )
        if gone <= keep + keep // 10:
            return 0
        async with self._transaction():
            last = await self._fetch(
                "SELECT seq FROM recordings WHERE path_there = 0 AND held = 0"
                " ORDER BY seq LIMIT 1 OFFSET ?",
                (gone - keep - 1,),
            )
            for table in ("digests", "recordings"):
                column = "id" if table == "recordings" else "recording_id"
                await self._connection.execute(
                    f"DELETE FROM {table} WHERE {column} IN (SELECT id FROM recordings"  # noqa: S608
                    " WHERE path_there = 0 AND held = 0 AND seq <= ?)",
                    (last[0][0],),
                )
        return int(gone - keep)


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


def _marks(values: Sequence[Any]) -> str:
    return ", ".join("?" for _ in values)


def _among(numbers: "array[int]", number: int) -> bool:
    at = bisect_left(numbers, number)
    return at < len(numbers) and numbers[at] == number


def _row(found: Any) -> Row:
    values: dict[str, Any] = dict(zip(_NAMES, found, strict=True))
    values["path"] = os.fsdecode(values["path"])
    values["inode"] = unstored(values["inode"])
    for flag in _FLAGS:
        values[flag] = bool(values[flag])
    return Row(**values)
