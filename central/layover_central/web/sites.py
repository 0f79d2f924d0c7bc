"""Sites: the boxes, and what was last known of each."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncConnection

from layover_central.changes import Topic
from layover_central.core.labels import check_label
from layover_central.core.moments import parse_next
from layover_central.errors import Kind, LayoverError
from layover_central.store import depots, sites
from layover_central.store.sites import Site
from layover_central.web import reads
from layover_central.web.addresses import parse_address
from layover_central.web.models import SiteOut
from layover_central.web.parts import Here, naming
from layover_central.web.problems import documented
from layover_central.web.reads import Extents
from layover_central.web.said import SiteIn, SitePatch, Text
from layover_central.web.site_view import SiteFacts, site_out

router = APIRouter(prefix="/sites", tags=["sites"])

EXPECTED_GRACE_MS = 60_000
PEM_MEDIA = "application/x-pem-file"


@router.get("", summary="All sites, with what was last known of each", responses=documented())
async def listing(request: Request, central: Here) -> list[SiteOut]:
    async with central.store.begin() as connection:
        return await _shown(request, central, connection, await sites.listing(connection))


@router.get("/{label}", summary="One site", responses=documented(Kind.NOT_FOUND))
async def show(request: Request, central: Here, label: Text) -> SiteOut:
    async with central.store.begin() as connection:
        site = await sites.labelled(connection, label)
        return (await _shown(request, central, connection, [site]))[0]


@router.post(
    "",
    status_code=201,
    summary="Add a site",
    description="It stays pending until its box has a certificate.",
    responses=documented(Kind.BAD_INPUT, Kind.NOT_FOUND, Kind.CONFLICT),
)
async def add(request: Request, central: Here, wanted: SiteIn) -> SiteOut:
    with naming("label"):
        label = check_label(wanted.label)
    address = None if wanted.address is None else parse_address(wanted.address)
    async with central.store.begin() as connection:
        depot_id = await _depot_id(connection, wanted.depot)
        site = await sites.add(connection, label, central.clock.now_ms(), depot_id, address)
        shown = await _shown(request, central, connection, [site])
    central.changes.publish(Topic.SITES)
    return shown[0]


@router.patch(
    "/{label}",
    summary="Change a site's depot, address, or when it is expected",
    description="What is left away stays as it is; null clears. `expected` is read in the "
    "depot's zone: `22:10` is the next such time.",
    responses=documented(Kind.BAD_INPUT, Kind.NOT_FOUND),
)
async def change(request: Request, central: Here, label: Text, wanted: SitePatch) -> SiteOut:
    given = wanted.model_fields_set
    values: dict[str, Any] = {}
    async with central.store.begin() as connection:
        site = await sites.labelled(connection, label)
        if "depot" in given:
            values["depot_id"] = await _depot_id(connection, wanted.depot)
        if "address" in given:
            values["address"] = None if wanted.address is None else parse_address(wanted.address)
        if "expected" in given:
            depot_id = values.get("depot_id", site.depot_id)
            zone = (await zones(connection)).get(depot_id, "UTC")
            values["expected_ms"] = _expected_ms(wanted.expected, zone, central.clock.now_ms())
        if values:
            await sites.change(connection, site.id, values)
        site = await sites.by_id(connection, site.id)
        shown = await _shown(request, central, connection, [site])
    central.changes.publish(Topic.SITES)
    return shown[0]


@router.post(
    "/{label}/certificate",
    summary="Enrol a site's box: its certificate for its key",
    description="The body is a PEM certificate request that the box made. The same key again "
    "gives a certificate again; another key for an enrolled site needs `replace=true`.",
    response_class=Response,
    responses={
        200: {"description": "The certificate, then the fleet's CA.", "content": {PEM_MEDIA: {}}},
        **documented(Kind.BAD_INPUT, Kind.NOT_FOUND, Kind.CONFLICT),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/pkcs10": {"schema": {"type": "string"}}},
        }
    },
)
async def certify(request: Request, central: Here, label: Text, replace: bool = False) -> Response:
    body = await request.body()
    async with central.store.begin() as connection:
        site = await sites.labelled(connection, label)
        identity, bundle = central.authority.certify_site(body)
        _refuse_other_key(site, identity, replace)
        await sites.change(connection, site.id, {"identity": identity, "state": "enrolled"})
    central.changes.publish(Topic.SITES)
    return Response(bundle, media_type=PEM_MEDIA)


def _refuse_other_key(site: Site, identity: str, replace: bool) -> None:
    if replace or site.state == "pending" or (site.state, site.identity) == ("enrolled", identity):
        return
    if site.state == "revoked":
        why = f"site {site.label!r} is revoked"
    else:
        why = f"site {site.label!r} is enrolled with another key"
    raise LayoverError(
        Kind.CONFLICT, why, "If its box was really exchanged, repeat this with replace=true."
    )


async def zones(connection: AsyncConnection) -> dict[int | None, str]:
    """The zone of each depot, by id."""
    return {depot.id: depot.zone for depot in await depots.listing(connection)}


async def _depot_id(connection: AsyncConnection, name: str | None) -> int | None:
    return None if name is None else (await depots.named(connection, name)).id


def _expected_ms(text: str | None, zone: str, now_ms: int) -> int | None:
    if text is None:
        return None
    with naming("expected"):
        expected_ms = parse_next(text, zone, now_ms)
        if expected_ms < now_ms - EXPECTED_GRACE_MS:
            raise ValueError(f"{text!r} has passed")
    return expected_ms


async def _shown(
    request: Request, central: Here, connection: AsyncConnection, shown: list[Site]
) -> list[SiteOut]:
    extents: Extents = request.app.state.extents
    cameras = await extents.of(connection, shown)
    queues = await reads.queues(connection)
    names = {depot.id: depot.name for depot in await depots.listing(connection)}
    return [
        site_out(
            SiteFacts(
                site=site,
                depot=names.get(site.depot_id) if site.depot_id is not None else None,
                cameras=cameras[site.id],
                queue=queues.get(site.id, reads.Queue()),
                live=central.live.sites.get(site.id),
            )
        )
        for site in shown
    ]
