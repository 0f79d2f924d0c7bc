"""A real central on a real store, and a stage on which sites come and go."""

import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fastapi import FastAPI

from layover_agent.wire.codec import to_plain
from layover_agent.wire.types import (
    Camera,
    Clock,
    Disk,
    Fault,
    HoldUsage,
    ManifestHead,
    ManifestPage,
    Recording,
    RecordingState,
    Retention,
    Status,
)
from layover_central import fulfilment
from layover_central.config import Settings
from layover_central.context import Central
from layover_central.core.presence import State
from layover_central.live import SiteLive
from layover_central.store import Store, mirror, requests, sites, transfers
from layover_central.store.transfers import TransferState
from layover_central.trust.authority import Authority
from layover_central.web.app import create_app

NOW_MS = 1_795_258_800_000
"""2026-11-21 11:00 UTC, a Saturday."""
BASE = "http://127.0.0.1:8440"
MINUTE = 60_000


@dataclass
class HandClock:
    ms: int = NOW_MS

    def now_ms(self) -> int:
        return self.ms

    def mono_s(self) -> float:
        return self.ms / 1000


def site_status(
    cameras: tuple[str, ...] = (), faults: tuple[Fault, ...] = (), link: str = "wifi"
) -> Status:
    return Status(
        identity="ab" * 32,
        api_versions=[1],
        agent_version="0.1.0",
        capabilities=["holds"],
        clock=Clock(wall_ms=NOW_MS, mono_ms=5_000_000, boot_id="boot-1", synced=True),
        manifest=ManifestHead(epoch="e1", seq=1, scanned_ms=NOW_MS),
        cameras=[
            Camera(
                name=name,
                source="nvr",
                recordings=1,
                size_bytes=1,
                first_start_ms=NOW_MS,
                last_end_ms=NOW_MS,
            )
            for name in cameras
        ],
        disks=[Disk(source="nvr", size_bytes=64 << 30, free_bytes=8 << 30)],
        retention=[Retention(source="nvr", kind="age", max_age_s=86_400)],
        holds=HoldUsage(possible=True, method="link", count=2, size_bytes=1 << 20),
        faults=list(faults),
        link=link,
    )


def signing_request(key: ec.EllipticCurvePrivateKey | None = None) -> bytes:
    key = key or ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "box")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM)


@dataclass
class Stage:
    """Plays the parts that fill the store and the live board in a running central."""

    central: Central
    clock: HandClock
    seqs: dict[int, int] = field(default_factory=dict)
    status = staticmethod(site_status)
    signing_request = staticmethod(signing_request)

    async def site(self, label: str, address: str | None = None) -> int:
        async with self.central.store.begin() as connection:
            return (await sites.add(connection, label, self.clock.ms, None, address)).id

    async def depot_of(self, site_id: int, depot_id: int) -> None:
        async with self.central.store.begin() as connection:
            await sites.change(connection, site_id, {"depot_id": depot_id})

    async def seen(self, site_id: int, status: Status, offset_ms: int = 0) -> None:
        """The site was in contact just now."""
        async with self.central.store.begin() as connection:
            await sites.change(
                connection,
                site_id,
                {
                    "seen_ms": self.clock.ms,
                    "offset_ms": offset_ms,
                    "uncertainty_ms": 0,
                    "status": json.dumps(to_plain(status, text_only=True)),
                },
            )

    def in_reach(self, site_id: int, link_bps: int | None = None) -> None:
        self.central.live.sites[site_id] = SiteLive(
            State.REACHABLE, self.clock.ms, "10.0.0.7:8441", "Yard", link_bps
        )

    async def records(
        self,
        site_id: int,
        camera: str,
        start_ms: int,
        count: int = 1,
        size_bytes: int = 1_000_000,
        length_ms: int = MINUTE,
        gone: bool = False,
    ) -> list[str]:
        """Puts closed recordings, one after the other, into the mirror; their ids."""
        first = self.seqs.get(site_id, 0) + 1
        self.seqs[site_id] = first + count - 1
        rows = []
        for i in range(count):
            begin_ms = start_ms + i * length_ms
            name = hashlib.sha256(f"{site_id} {camera} {begin_ms}".encode()).hexdigest()[:24]
            rows.append(
                Recording(
                    id=name,
                    seq=first + i,
                    state=RecordingState.GONE if gone else RecordingState.PRESENT,
                    camera=camera,
                    start_ms=begin_ms,
                    end_ms=begin_ms + length_ms,
                    size_bytes=size_bytes,
                    container="mp4",
                    end_source="container",
                    confidence="sure",
                    gone_ms=self.clock.ms if gone else 0,
                )
            )
        page = ManifestPage(
            epoch="e1", head_seq=rows[-1].seq, as_of_ms=self.clock.ms - 5_000, rows=rows
        )
        async with self.central.store.begin() as connection:
            await mirror.apply(connection, site_id, page)
        return [row.id for row in rows]

    async def saved(self, transfer_id: int, data: bytes, path: str) -> None:
        """A transfer is complete, and its file is in the archive."""
        file = self.central.settings.archive_folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        async with self.central.store.begin() as connection:
            await transfers.change(
                connection,
                transfer_id,
                {
                    "state": TransferState.COMPLETE,
                    "finished_ms": self.clock.ms,
                    "received_bytes": len(data) + 100,
                    "size_bytes": len(data),
                    "sha256": hashlib.sha256(data).hexdigest(),
                    "path": path,
                },
            )
        await self.review_all()

    async def review_all(self) -> None:
        async with self.central.store.begin() as connection:
            everything = await requests.listing(connection)
        for request in everything:
            await fulfilment.review(self.central, request.id)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def central(tmp_path: Path, clock: HandClock) -> AsyncIterator[Central]:
    settings = Settings(data=tmp_path / "data")
    settings.data.mkdir()
    store = await Store.open(settings.database_url)
    authority = Authority(settings.data / "trust")
    yield Central(settings, clock, store, authority, started_ms=NOW_MS - 3_600_000)
    await store.close()


@pytest.fixture
def stage(central: Central, clock: HandClock) -> Stage:
    return Stage(central, clock)


@pytest.fixture
def app(central: Central) -> FastAPI:
    return create_app(central)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
        yield client
