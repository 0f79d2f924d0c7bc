"""One contract, two databases: every test that takes ``store`` runs on SQLite and PostgreSQL."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from central.store.cluster import Cluster, binaries, running

from layover_agent.wire.types import ManifestPage, Recording, RecordingState
from layover_central.store import Store, mirror, requests, sites, transfers
from layover_central.store.requests import Request, Wish
from layover_central.store.sites import Site
from layover_central.store.transfers import Transfer

NOW_MS = 1_795_258_800_000
"""2026-11-21 11:00 UTC."""
MINUTE_MS = 60_000
YEAR_9999_MS = 253_402_300_799_999
"""The last millisecond of the calendar."""
HUGE_BYTES = 10**15


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    programs = binaries()
    if programs is None:
        assert "CI" not in os.environ, "PostgreSQL is not installed; CI has to test it"
        pytest.skip("PostgreSQL is not installed")
    with running(programs) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def migrated(cluster: Cluster) -> str:
    """The name of a database at its newest schema, to be copied: quicker than migrating each."""

    async def open_once(url: str) -> None:
        await (await Store.open(url)).close()

    name = cluster.new_database()
    asyncio.run(open_once(cluster.url(name)))
    return name


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if kind == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'layover.db'}"
    cluster: Cluster = request.getfixturevalue("cluster")
    return cluster.url(cluster.new_database())


@pytest.fixture
def ready_url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of each kind that has to do no more than open."""
    if kind == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'layover.db'}"
    cluster: Cluster = request.getfixturevalue("cluster")
    return cluster.url(cluster.new_database(like=request.getfixturevalue("migrated")))


@pytest.fixture
async def store(ready_url: str) -> AsyncIterator[Store]:
    store = await Store.open(ready_url)
    yield store
    await store.close()


@dataclass
class Fleet:
    """Short ways to say what is in the database."""

    store: Store

    async def site(self, label: str = "bus-1") -> Site:
        async with self.store.begin() as connection:
            return await sites.add(connection, label, NOW_MS)

    async def recorded(self, site: Site, *rows: Recording, epoch: str = "e1") -> None:
        async with self.store.begin() as connection:
            await mirror.apply(connection, site.id, page(rows, epoch=epoch))

    async def request(self, *asked: Site, camera: str = "front", priority: int = 0) -> Request:
        wish = Wish(
            [(site.id, camera) for site in asked], NOW_MS, NOW_MS + MINUTE_MS, priority=priority
        )
        async with self.store.begin() as connection:
            return (await requests.add(connection, wish, NOW_MS, None))[0]

    async def wanted(
        self, request: Request, site: Site, recording_id: str = "r1", size_bytes: int = 1000
    ) -> Transfer:
        async with self.store.begin() as connection:
            await transfers.want(
                connection, request.id, site.id, {recording_id: size_bytes}, NOW_MS
            )
            return (await transfers.of_recordings(connection, site.id, [recording_id]))[
                recording_id
            ]


@pytest.fixture
def fleet(store: Store) -> Fleet:
    return Fleet(store)


@pytest.fixture
async def site(fleet: Fleet) -> Site:
    return await fleet.site()


def recording(
    seq: int,
    recording_id: str = "",
    *,
    start_ms: int = NOW_MS,
    length_ms: int = MINUTE_MS,
    camera: str = "front",
    size_bytes: int = 1000,
    gone_ms: int = 0,
    damaged: bool = False,
    held: bool = False,
) -> Recording:
    return Recording(
        id=recording_id or f"r{seq}",
        seq=seq,
        state=RecordingState.GONE if gone_ms else RecordingState.PRESENT,
        camera=camera,
        start_ms=start_ms,
        end_ms=start_ms + length_ms,
        size_bytes=size_bytes,
        container="mp4",
        end_source="container",
        confidence="sure",
        damaged=damaged,
        held=held,
        gone_ms=gone_ms,
    )


def page(
    rows: Sequence[Recording], *, epoch: str = "e1", head_seq: int = 0, as_of_ms: int = NOW_MS
) -> ManifestPage:
    last = rows[-1].seq if rows else 0
    return ManifestPage(
        epoch=epoch, head_seq=max(head_seq, last), as_of_ms=as_of_ms, rows=list(rows)
    )
