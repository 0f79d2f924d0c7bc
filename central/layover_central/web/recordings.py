"""Recordings: what a site has, by the mirror, and the archived files."""

import asyncio
from pathlib import PurePosixPath
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse

from layover_central.archive.files import Archive
from layover_central.core.labels import display_name
from layover_central.core.moments import parse_past
from layover_central.errors import Kind, LayoverError
from layover_central.store import mirror, sites, transfers
from layover_central.store.mirror import MirroredRecording
from layover_central.store.transfers import TransferState
from layover_central.web.cameras import known_cameras, match_camera
from layover_central.web.models import RecordingOut, RecordingsOut
from layover_central.web.parts import Here, Id, naming
from layover_central.web.problems import documented
from layover_central.web.said import Text, Typed
from layover_central.web.sites import zones
from layover_central.web.wording import site_moment

router = APIRouter(tags=["recordings"])

MEDIA_OF_SUFFIX = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
    ".ts": "video/mp2t",
    ".avi": "video/x-msvideo",
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
    ".aac": "audio/aac",
    ".m4a": "audio/mp4",
    ".ogg": "audio/ogg",
    ".flac": "audio/flac",
}
"""Closed: nothing a site names can become a page or a script here."""

_BEGIN_MS, _END_MS = -(1 << 62), 1 << 62


@router.get(
    "/sites/{label}/recordings",
    summary="What a site has, as its mirrored manifest says",
    description="`as_of` is the age of this knowledge. Times without an offset are read in the "
    "depot's zone; `22:10` is the latest such time.",
    responses=documented(Kind.BAD_INPUT, Kind.NOT_FOUND),
)
async def of_site(
    central: Here,
    label: Text,
    camera: Annotated[Text | None, Query(max_length=4096)] = None,
    from_: Annotated[Typed | None, Query(alias="from")] = None,
    to: Typed | None = None,
    limit: Annotated[int, Query(ge=1, le=5000)] = 500,
) -> RecordingsOut:
    now_ms = central.clock.now_ms()
    async with central.store.begin() as connection:
        site = await sites.labelled(connection, label)
        zone = (await zones(connection)).get(site.depot_id, "UTC")
        offset_ms = site.correction_ms
        begin_ms, end_ms = _BEGIN_MS, _END_MS
        if from_ is not None:
            with naming("from"):
                begin_ms = parse_past(from_, zone, now_ms) - offset_ms
        if to is not None:
            with naming("to"):
                end_ms = parse_past(to, zone, now_ms) - offset_ms
        if camera is not None:
            known = await known_cameras(connection, site)
            camera = match_camera(camera, known, site.label)[0] if known else camera
        found = await mirror.listing(connection, site.id, camera, begin_ms, end_ms, limit + 1)
    return RecordingsOut(
        as_of=site_moment(site.as_of_ms, site.correction_ms),
        complete=len(found) <= limit,
        recordings=[_recording(recording, offset_ms) for recording in found[:limit]],
    )


def _recording(recording: MirroredRecording, offset_ms: int) -> RecordingOut:
    return RecordingOut(
        id=recording.id,
        camera=display_name(recording.camera),
        start=site_moment(recording.start_ms, offset_ms),
        end=site_moment(recording.end_ms, offset_ms),
        size_bytes=recording.size_bytes,
        state="present" if recording.gone_ms is None else "gone",
        held=recording.held,
        damaged=recording.damaged,
        confidence=display_name(recording.confidence),
    )


@router.get(
    "/recordings/{transfer_id}/file",
    summary="An archived recording, whole or by ranges",
    response_class=FileResponse,
    responses={
        200: {"content": {"video/mp4": {}, "application/octet-stream": {}}},
        206: {"description": "The bytes asked for by Range"},
        **documented(Kind.BAD_INPUT, Kind.NOT_FOUND),
    },
)
async def file(request: Request, central: Here, transfer_id: Id) -> FileResponse:
    async with central.store.begin() as connection:
        transfer = await transfers.by_id(connection, transfer_id)
        site = await sites.by_id(connection, transfer.site_id)
    if transfer.state is not TransferState.COMPLETE or transfer.path is None:
        raise LayoverError(
            Kind.NOT_FOUND,
            f"transfer {transfer_id} has no file: it is {transfer.state}",
            "A file is there once it is complete and verified.",
        )
    archive: Archive = request.app.state.archive
    path = await asyncio.to_thread(archive.locate, transfer.path)
    place = PurePosixPath(transfer.path)
    return FileResponse(
        path,
        media_type=MEDIA_OF_SUFFIX.get(place.suffix.lower(), "application/octet-stream"),
        filename=_download_name(site.label, place),
        content_disposition_type="inline",
    )


def _download_name(label: str, place: PurePosixPath) -> str:
    """Says what the file is, also outside its folder: site, camera, day and time."""
    return " ".join([label, *place.parts[1:]]).replace('"', "'")
