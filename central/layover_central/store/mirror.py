"""The mirror: central's copy of the manifests, with its age."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Double, Row, and_, cast, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from layover_agent.wire.types import ManifestPage, RecordingState
from layover_central.store.schema import recordings, sites


@dataclass(frozen=True, slots=True)
class MirroredRecording:
    """A row of ``recordings``: times in the site's own clock."""

    id: str
    camera: str
    start_ms: int
    end_ms: int
    size_bytes: int
    container: str
    end_source: str
    confidence: str
    damaged: bool
    held: bool
    gone_ms: int | None


_COLUMNS = tuple(recordings.c[name] for name in MirroredRecording.__dataclass_fields__)


def _recording(row: Row[Any]) -> MirroredRecording:
    return MirroredRecording(**row._asdict())


async def apply(connection: AsyncConnection, site_id: int, page: ManifestPage) -> None:
    """Takes a page over, and the position after it, in the caller's transaction.

    A new epoch only restarts the count: rows of the old one stay what they were, since a
    recording's id outlives a rebuilt database and absence never means deletion.
    """
    ids = [row.id for row in page.rows]
    if ids:
        await connection.execute(
            delete(recordings).where(recordings.c.site_id == site_id, recordings.c.id.in_(ids))
        )
        await connection.execute(
            insert(recordings),
            [
                {
                    "site_id": site_id,
                    "id": row.id,
                    "camera": row.camera,
                    "start_ms": row.start_ms,
                    "end_ms": row.end_ms,
                    "size_bytes": row.size_bytes,
                    "container": row.container,
                    "end_source": row.end_source,
                    "confidence": row.confidence,
                    "damaged": row.damaged,
                    "held": row.held,
                    "gone_ms": row.gone_ms if row.state is RecordingState.GONE else None,
                }
                for row in {row.id: row for row in page.rows}.values()
            ],
        )
    seq = page.rows[-1].seq if page.rows else page.head_seq
    await connection.execute(
        update(sites)
        .where(sites.c.id == site_id)
        .values(epoch=page.epoch, seq=seq, as_of_ms=page.as_of_ms)
    )


async def mark_gone(
    connection: AsyncConnection, site_id: int, recording_id: str, gone_ms: int
) -> None:
    """The site itself said that a recording is gone, before its manifest did."""
    await connection.execute(
        update(recordings)
        .where(
            recordings.c.site_id == site_id,
            recordings.c.id == recording_id,
            recordings.c.gone_ms.is_(None),
        )
        .values(gone_ms=gone_ms)
    )


async def get(
    connection: AsyncConnection, site_id: int, recording_id: str
) -> MirroredRecording | None:
    row = (
        await connection.execute(
            select(*_COLUMNS).where(
                recordings.c.site_id == site_id, recordings.c.id == recording_id
            )
        )
    ).first()
    return None if row is None else _recording(row)


async def touching(
    connection: AsyncConnection, site_id: int, camera: str, from_ms: int, to_ms: int
) -> list[MirroredRecording]:
    """The recordings of a camera, gone ones among them, that overlap a span, oldest first."""
    rows = await connection.execute(
        select(*_COLUMNS)
        .where(
            recordings.c.site_id == site_id,
            recordings.c.camera == camera,
            recordings.c.start_ms < to_ms,
            or_(recordings.c.end_ms > from_ms, recordings.c.start_ms >= from_ms),
        )
        .order_by(recordings.c.start_ms, recordings.c.id)
    )
    return [_recording(row) for row in rows]


@dataclass(frozen=True, slots=True)
class CameraExtent:
    """What the mirror knows of one camera, gone recordings included in the ends."""

    camera: str
    first_ms: int
    last_end_ms: int
    longest_ms: int
    present: int
    present_bytes: int


async def cameras(connection: AsyncConnection, site_id: int) -> list[CameraExtent]:
    there = recordings.c.gone_ms.is_(None)
    # As floats, exact to 2**53: sizes are a site's word, and a sum of integers may overflow.
    size_bytes = cast(recordings.c.size_bytes, Double)
    rows = await connection.execute(
        select(
            recordings.c.camera,
            func.min(recordings.c.start_ms),
            func.max(recordings.c.end_ms),
            func.max(recordings.c.end_ms - recordings.c.start_ms),
            func.count().filter(there),
            func.coalesce(func.sum(size_bytes).filter(there), 0),
        )
        .where(recordings.c.site_id == site_id)
        .group_by(recordings.c.camera)
        .order_by(recordings.c.camera)
    )
    return [CameraExtent(r[0], r[1], r[2], r[3], r[4], int(r[5])) for r in rows]


@dataclass(frozen=True, slots=True)
class Edge:
    """From when to when a camera's recordings were ever known, and how long they get."""

    first_start_ms: int
    last_end_ms: int
    longest_ms: int


async def edge(
    connection: AsyncConnection, site_id: int, camera: str, youngest: int = 50
) -> Edge | None:
    """Where the recordings of one camera begin and end, gone ones among them; None: none."""
    of_camera = (recordings.c.site_id == site_id, recordings.c.camera == camera)
    first_ms = await connection.scalar(select(func.min(recordings.c.start_ms)).where(*of_camera))
    if first_ms is None:
        return None
    rows = (
        await connection.execute(
            select(recordings.c.start_ms, recordings.c.end_ms)
            .where(*of_camera)
            .order_by(recordings.c.start_ms.desc())
            .limit(youngest)
        )
    ).all()
    return Edge(first_ms, max(r[1] for r in rows), max(r[1] - r[0] for r in rows))


async def listing(
    connection: AsyncConnection,
    site_id: int,
    camera: str | None,
    from_ms: int,
    to_ms: int,
    limit: int,
) -> list[MirroredRecording]:
    wanted = [
        recordings.c.site_id == site_id,
        recordings.c.start_ms < to_ms,
        recordings.c.end_ms > from_ms,
    ]
    if camera is not None:
        wanted.append(recordings.c.camera == camera)
    rows = await connection.execute(
        select(*_COLUMNS)
        .where(and_(*wanted))
        .order_by(recordings.c.start_ms, recordings.c.id)
        .limit(limit)
    )
    return [_recording(row) for row in rows]


async def present_since(
    connection: AsyncConnection, site_id: int, cameras_of_source: Sequence[str], start_ms: int
) -> list[tuple[int, int]]:
    """``(start_ms, size_bytes)`` of a source's recordings that are there, oldest first."""
    rows = await connection.execute(
        select(recordings.c.start_ms, recordings.c.size_bytes)
        .where(
            recordings.c.site_id == site_id,
            recordings.c.camera.in_(cameras_of_source),
            recordings.c.start_ms >= start_ms,
            recordings.c.gone_ms.is_(None),
        )
        .order_by(recordings.c.start_ms)
    )
    return [(row[0], row[1]) for row in rows]


async def lately(
    connection: AsyncConnection, site_id: int, cameras_of_source: Sequence[str], limit: int = 500
) -> list[tuple[int, int, int]]:
    """``(start_ms, end_ms, size_bytes)`` of a source's youngest recordings."""
    rows = await connection.execute(
        select(recordings.c.start_ms, recordings.c.end_ms, recordings.c.size_bytes)
        .where(recordings.c.site_id == site_id, recordings.c.camera.in_(cameras_of_source))
        .order_by(recordings.c.start_ms.desc())
        .limit(limit)
    )
    return [(r[0], r[1], r[2]) for r in rows]
