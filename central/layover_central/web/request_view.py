"""Requests as they may be seen: rows, sums, outlook, pieces and transfers in one place."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from layover_central import fulfilment
from layover_central.context import Central
from layover_central.core.labels import display_name
from layover_central.core.requests import TERMINAL, Fate
from layover_central.live import TransferLive
from layover_central.store import requests, sites, transfers
from layover_central.store.requests import Request
from layover_central.store.sites import Site
from layover_central.store.transfers import Transfer, TransferState
from layover_central.web import reads
from layover_central.web.asking import PRIORITY_NAMES
from layover_central.web.models import (
    BytesOut,
    OutlookOut,
    PieceOut,
    RequestDetail,
    RequestOut,
    SiteCamera,
    TransferOut,
)
from layover_central.web.parts import API
from layover_central.web.wording import moment, plain_words, site_moment


async def requests_out(
    central: Central,
    connection: AsyncConnection,
    shown: Sequence[Request],
    notes: Sequence[str] = (),
) -> list[RequestOut]:
    fields = await _fields(central, connection, shown, notes)
    return [RequestOut.model_validate(one) for one in fields]


async def request_detail(central: Central, request_id: int) -> RequestDetail:
    """One request with the fate of every stretch and each of its transfers."""
    found = await fulfilment.pieces(central, request_id)
    async with central.store.begin() as connection:
        request = await requests.by_id(connection, request_id)
        (fields,) = await _fields(central, connection, [request], ())
        by_id = {site.id: site for site in await sites.listing(connection)}
        recordings = await reads.recordings_of(connection, request_id)
        linked = await transfers.of_request(connection, request_id)
    fields["pieces"] = [
        PieceOut.model_validate(
            {
                "site": by_id[site_id].label,
                "camera": display_name(camera),
                "from": moment(piece.from_ms),
                "to": moment(piece.to_ms),
                "fate": piece.fate,
                "recording_id": piece.recording_id,
            }
        )
        for site_id, camera, piece in found
    ]
    fields["transfers"] = [
        _transfer(
            transfer,
            by_id[transfer.site_id],
            recordings.get((transfer.site_id, transfer.recording_id)),
            central.live.transfers.get(transfer.id, TransferLive()),
        )
        for transfer in linked
    ]
    return RequestDetail.model_validate(fields)


async def _fields(
    central: Central,
    connection: AsyncConnection,
    shown: Sequence[Request],
    notes: Sequence[str],
) -> list[dict[str, Any]]:
    ids = [request.id for request in shown]
    cameras = await reads.cameras_of(connection, ids)
    sums = await reads.sums_of(connection, ids)
    labels = {site.id: site.label for site in await sites.listing(connection)}
    return [
        {
            "id": request.id,
            "state": request.state,
            "state_since": moment(request.state_ms),
            "why": plain_words(request.why),
            "asked_at": moment(request.asked_ms),
            "from": moment(request.from_ms),
            "to": moment(request.to_ms),
            "priority": PRIORITY_NAMES[request.priority],
            "needed_by": moment(request.needed_by_ms),
            "reason": request.reason,
            "case": request.case_ref,
            "cameras": [
                SiteCamera(site=labels[site_id], camera=display_name(camera))
                for site_id, camera in cameras[request.id]
            ],
            "tally_ms": {fate: request.tally.get(fate, 0) for fate in Fate},
            "bytes": _bytes(sums.get(request.id, reads.Sums())),
            "outlook": _outlook(central, request, [s for s, _ in cameras[request.id]], labels),
            "transfers_total": sums.get(request.id, reads.Sums()).total,
            "transfers_done": sums.get(request.id, reads.Sums()).done,
            "notes": list(notes),
        }
        for request in shown
    ]


def _bytes(sums: reads.Sums) -> BytesOut:
    return BytesOut(
        wanted=sums.wanted_bytes, verified=sums.verified_bytes, received=sums.received_bytes
    )


def _outlook(
    central: Central, request: Request, site_ids: Sequence[int], labels: dict[int, str]
) -> list[OutlookOut]:
    if request.state in TERMINAL:
        return []
    found = []
    for site_id in dict.fromkeys(site_ids):
        outlook = central.live.outlooks.get((request.id, site_id))
        if outlook is not None:
            found.append(
                OutlookOut(
                    site=labels[site_id],
                    chance=outlook.chance,
                    level=outlook.level,
                    why=outlook.why,
                    remedy=outlook.remedy,
                )
            )
    return found


def _transfer(
    transfer: Transfer,
    site: Site,
    recording: tuple[str, int, int] | None,
    live: TransferLive,
) -> TransferOut:
    camera, start_ms, end_ms = recording or ("", None, None)
    complete = transfer.state is TransferState.COMPLETE
    wanted = transfer.state is TransferState.WANTED
    return TransferOut.model_validate(
        {
            "id": transfer.id,
            "site": site.label,
            "recording_id": transfer.recording_id,
            "camera": display_name(camera),
            "start": site_moment(start_ms, site.correction_ms),
            "end": site_moment(end_ms, site.correction_ms),
            "state": str(transfer.state),
            "size_bytes": transfer.size_bytes,
            "verified_bytes": transfer.size_bytes if complete else transfer.verified_bytes,
            "received_bytes": transfer.received_bytes,
            "sha256": transfer.sha256,
            "path": transfer.path if complete else None,
            "file_url": f"{API}/recordings/{transfer.id}/file" if complete else None,
            "rate_bps": live.rate_bps if wanted else 0,
            "waits": live.waits if wanted else "",
            "held": transfer.held,
            "error": plain_words(transfer.error),
        }
    )
