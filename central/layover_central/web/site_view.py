"""One site as it may be seen: rows, live board and last status in one place."""

from collections.abc import Sequence
from dataclasses import dataclass

from layover_agent.wire.identity import spoken
from layover_agent.wire.types import Status
from layover_central.core.labels import display_name
from layover_central.core.presence import State
from layover_central.live import SiteLive
from layover_central.outlook import last_status
from layover_central.store.mirror import CameraExtent
from layover_central.store.sites import Site
from layover_central.web.models import (
    AgentOut,
    CameraOut,
    FaultOut,
    HoldsOut,
    ManifestOut,
    QueueOut,
    SiteOut,
)
from layover_central.web.reads import Queue
from layover_central.web.wording import moment, plain_words, site_moment

MAX_FAULTS = 50


@dataclass(frozen=True, slots=True)
class SiteFacts:
    site: Site
    depot: str | None
    cameras: Sequence[CameraExtent]
    queue: Queue
    live: SiteLive | None


def site_out(facts: SiteFacts) -> SiteOut:
    """Times by the site's clock are mapped to true time with its last measured offset."""
    site, live = facts.site, facts.live
    status = last_status(site)
    return SiteOut.model_validate(
        {
            "label": site.label,
            "depot": facts.depot,
            "state": site.state,
            "identity": site.identity,
            "identity_spoken": None if site.identity is None else spoken(site.identity),
            "address": site.address,
            "presence": live.state if live else State.ABSENT,
            "presence_since": moment(live.since_ms if live else site.seen_ms),
            "last_seen": moment(site.seen_ms),
            "expected": moment(site.expected_ms),
            "offset_ms": site.offset_ms,
            "offset_uncertainty_ms": site.uncertainty_ms,
            "manifest": ManifestOut(
                as_of=site_moment(site.as_of_ms, site.correction_ms), epoch=site.epoch, seq=site.seq
            ),
            "cameras": [_camera(extent, site) for extent in facts.cameras],
            "agent": None if status is None else _agent(status),
            "faults": [] if status is None else _faults(status, site),
            "queue": QueueOut(transfers=facts.queue.transfers, bytes=facts.queue.bytes),
            "link_bps": live.link_bps if live else None,
        }
    )


def _camera(extent: CameraExtent, site: Site) -> CameraOut:
    return CameraOut(
        name=display_name(extent.camera),
        recordings=extent.present,
        size_bytes=extent.present_bytes,
        first_start=site_moment(extent.first_ms, site.correction_ms),
        last_end=site_moment(extent.last_end_ms, site.correction_ms),
    )


def _agent(status: Status) -> AgentOut:
    holds = status.holds
    return AgentOut(
        version=display_name(status.agent_version),
        link=display_name(status.link),
        clock_synced=status.clock.synced,
        holds=HoldsOut(
            possible=holds.possible,
            method=display_name(holds.method),
            reason=plain_words(holds.reason),
            count=holds.count,
            size_bytes=holds.size_bytes,
        ),
    )


def _faults(status: Status, site: Site) -> list[FaultOut]:
    return [
        FaultOut(
            code=display_name(fault.code),
            severity=display_name(fault.severity),
            since=site_moment(fault.since_ms, site.correction_ms),
            text=plain_words(fault.text),
            remedy=plain_words(fault.remedy),
        )
        for fault in status.faults[:MAX_FAULTS]
    ]
