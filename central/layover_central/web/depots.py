"""Depots: named places whose link is shared."""

from dataclasses import replace
from zoneinfo import ZoneInfo, available_timezones

from fastapi import APIRouter

from layover_central.changes import Topic
from layover_central.core.labels import check_label, nearest
from layover_central.core.timetable import Timetable
from layover_central.errors import Kind, LayoverError
from layover_central.store import depots
from layover_central.store.depots import Depot
from layover_central.web.addresses import parse_networks
from layover_central.web.models import DepotOut
from layover_central.web.parts import Here, naming
from layover_central.web.problems import documented
from layover_central.web.said import DepotIn, DepotPatch, Text
from layover_central.web.wording import moment

router = APIRouter(prefix="/depots", tags=["depots"])


@router.get("", summary="All depots, with their rate now", responses=documented())
async def listing(central: Here) -> list[DepotOut]:
    now_ms = central.clock.now_ms()
    async with central.store.begin() as connection:
        return [_out(depot, now_ms) for depot in await depots.listing(connection)]


@router.post(
    "",
    status_code=201,
    summary="Add a depot",
    responses=documented(Kind.BAD_INPUT, Kind.CONFLICT),
)
async def add(central: Here, wanted: DepotIn) -> DepotOut:
    with naming("name"):
        name = check_label(wanted.name)
    zone = _zone(wanted.zone)
    cap = _cap(wanted.cap, zone)
    networks = parse_networks(wanted.networks)
    async with central.store.begin() as connection:
        depot = await depots.add(connection, name, zone, cap, networks, wanted.slots)
    central.changes.publish(Topic.DEPOTS)
    return _out(depot, central.clock.now_ms())


@router.patch(
    "/{name}",
    summary="Change a depot's zone, cap, networks or slots",
    description="What is left away stays as it is; the cap is read in the depot's zone.",
    responses=documented(Kind.BAD_INPUT, Kind.NOT_FOUND),
)
async def change(central: Here, name: Text, wanted: DepotPatch) -> DepotOut:
    async with central.store.begin() as connection:
        depot = await depots.named(connection, name)
        zone = depot.zone if wanted.zone is None else _zone(wanted.zone)
        depot = replace(
            depot,
            zone=zone,
            cap=_cap(depot.cap if wanted.cap is None else wanted.cap, zone),
            networks=(
                depot.networks if wanted.networks is None else parse_networks(wanted.networks)
            ),
            slots=depot.slots if wanted.slots is None else wanted.slots,
        )
        await depots.change(connection, depot)
    central.changes.publish(Topic.DEPOTS)
    return _out(depot, central.clock.now_ms())


def _out(depot: Depot, now_ms: int) -> DepotOut:
    cap = Timetable.parse(depot.cap, depot.zone)
    return DepotOut(
        name=depot.name,
        zone=depot.zone,
        cap=depot.cap,
        networks=list(depot.networks),
        slots=depot.slots,
        rate_now_bps=cap.rate_bps(now_ms),
        next_change=moment(cap.next_change_ms(now_ms)),
    )


def _cap(text: str, zone: str) -> str:
    with naming("cap"):
        return Timetable.parse(text, zone).text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        near = nearest(name, sorted(available_timezones()))
        hint = f"Did you mean {', '.join(near)}?" if near else "Write one like Europe/Berlin."
        raise LayoverError(Kind.BAD_INPUT, f"zone: there is no zone {name!r}", hint) from error
    return name
