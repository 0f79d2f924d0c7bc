"""Central at a glance, and whether it lives."""

import asyncio
from collections import Counter

from fastapi import APIRouter, Request
from sqlalchemy import text

from layover_central import __version__
from layover_central.archive.files import Archive
from layover_central.context import Central
from layover_central.core.presence import State
from layover_central.core.requests import RequestState
from layover_central.errors import LayoverError
from layover_central.store import sites, transfers, warnings
from layover_central.web import reads
from layover_central.web.models import ArchiveOut, CentralFault, SiteCounts, StatusOut
from layover_central.web.parts import Here
from layover_central.web.problems import documented
from layover_central.web.wording import moment

router = APIRouter(tags=["status"])
health = APIRouter()


@router.get("/status", summary="Central at a glance", responses=documented())
async def status(request: Request, central: Here) -> StatusOut:
    async with central.store.begin() as connection:
        states = Counter(site.state for site in await sites.listing(connection))
        by_state = await reads.requests_by_state(connection)
        count, size_bytes, received_bytes = await transfers.totals(connection)
        open_warnings = await warnings.listing(connection, ended=False)
    live = central.live.sites.values()
    return StatusOut(
        version=__version__,
        now=moment(central.clock.now_ms()),
        started_at=moment(central.started_ms),
        sites=SiteCounts(
            total=states.total(),
            in_contact=sum(site.state is State.REACHABLE for site in live),
            enrolled=states["enrolled"],
            pending=states["pending"],
        ),
        requests={state: by_state.get(state, 0) for state in RequestState},
        warnings_open=len(open_warnings),
        archive=ArchiveOut(
            recordings=count,
            size_bytes=size_bytes,
            received_bytes=received_bytes,
            resent_bytes=max(received_bytes - size_bytes, 0),
            free_bytes=await _free_bytes(request.app.state.archive),
        ),
        faults=_faults(central),
    )


@health.get("/healthz", include_in_schema=False)
async def alive(central: Here) -> dict[str, str]:
    """Answers as long as the store answers."""
    async with central.store.begin() as connection:
        await connection.execute(text("SELECT 1"))
    return {"status": "ok"}


async def _free_bytes(archive: Archive) -> int | None:
    """None where the archive's disk cannot be asked: the rest is worth showing all the more."""
    try:
        return await asyncio.to_thread(archive.free_bytes)
    except LayoverError:
        return None


def _faults(central: Central) -> list[CentralFault]:
    return [
        CentralFault(
            code=fault.code, since=moment(fault.since_ms), text=fault.text, remedy=fault.remedy
        )
        for fault in central.live.faults.values()
    ]
