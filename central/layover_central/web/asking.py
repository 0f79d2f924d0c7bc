"""From what a person typed to what is stored: sites, cameras and the span, nothing guessed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from layover_central.core.moments import parse_next, parse_span, rfc3339
from layover_central.errors import Kind, LayoverError
from layover_central.store import depots, sites
from layover_central.store.requests import Wish
from layover_central.store.sites import Site
from layover_central.web.cameras import known_cameras, match_camera
from layover_central.web.parts import naming
from layover_central.web.said import RequestIn

T = TypeVar("T")

PRIORITIES = {"low": -1, "normal": 0, "high": 1, "urgent": 2}
PRIORITY_NAMES = {value: name for name, value in PRIORITIES.items()}

MAX_AHEAD_MS = 3_600_000
"""How far into the future a span may reach: a recording that is being made is waited for."""

MAX_CAMERAS = 5000


@dataclass(slots=True)
class Understood:
    """A wish, and what the person should know of how it was read."""

    wish: Wish
    notes: list[str] = field(default_factory=list)


async def understand(connection: AsyncConnection, asked: RequestIn, now_ms: int) -> Understood:
    """BAD_INPUT, or NOT_FOUND for a site, where the request is not one clear thing."""
    wanted_sites = await _sites(connection, asked.sites)
    zone_of = {depot.id: depot.zone for depot in await depots.listing(connection)}
    zones = {zone_of.get(site.depot_id or 0, "UTC") for site in wanted_sites}
    from_ms, to_ms = _span(asked, sorted(zones), now_ms)
    notes = []
    if to_ms > now_ms:
        notes.append("the span ends in the future: what is still being recorded is waited for")
    cameras: list[tuple[int, str]] = []
    for site in wanted_sites:
        known = await known_cameras(connection, site)
        found, said = _cameras(site, known, asked.cameras)
        cameras += [(site.id, camera) for camera in found]
        notes += said
    if len(cameras) > MAX_CAMERAS:
        raise LayoverError(
            Kind.BAD_INPUT,
            f"cameras: {len(cameras)} cameras in one request, at most {MAX_CAMERAS}",
            "Ask for fewer sites at a time.",
        )
    needed_by_ms = None
    if asked.needed_by is not None:
        with naming("needed_by"):
            needed_by_ms = _alike({parse_next(asked.needed_by, zone, now_ms) for zone in zones})
    wish = Wish(
        cameras, from_ms, to_ms, PRIORITIES[asked.priority], needed_by_ms, asked.reason, asked.case
    )
    return Understood(wish, notes)


async def _sites(connection: AsyncConnection, labels: Sequence[str]) -> list[Site]:
    found = {}
    for label in labels:
        site = await sites.labelled(connection, label)
        found[site.id] = site
    return list(found.values())


def _span(asked: RequestIn, zones: Sequence[str], now_ms: int) -> tuple[int, int]:
    with naming("span"):
        from_ms, to_ms = _alike({parse_span(asked.from_, asked.to, zone, now_ms) for zone in zones})
    if from_ms >= now_ms:
        raise LayoverError(
            Kind.BAD_INPUT,
            f"span: footage that does not exist yet: it begins at {rfc3339(from_ms)}, "
            f"and now it is {rfc3339(now_ms - now_ms % 1000)}",
            "Ask for it once it has been recorded.",
        )
    if to_ms > now_ms + MAX_AHEAD_MS:
        raise LayoverError(
            Kind.BAD_INPUT,
            f"span: it ends at {rfc3339(to_ms)}, more than an hour from now",
            "Let it end within the next hour.",
        )
    return from_ms, to_ms


def _alike(readings: set[T]) -> T:
    """The one reading of a time, whichever site's zone it is read in."""
    if len(readings) > 1:
        raise ValueError("the sites are in different zones: write times with an offset, or Z")
    return readings.pop()


def _cameras(
    site: Site, known: Sequence[str], names: Sequence[str] | None
) -> tuple[list[str], list[str]]:
    if names is None:
        if not known:
            raise LayoverError(
                Kind.BAD_INPUT,
                f"cameras: no camera of {site.label} is known yet",
                "It was never in reach: name the cameras.",
            )
        return list(known), []
    if not known:
        note = f"{site.label} was never in reach: its cameras could not be checked"
        return list(dict.fromkeys(names)), [note]
    matched = [match_camera(name, known, site.label) for name in names]
    cameras = list(dict.fromkeys(camera for camera, _ in matched))
    return cameras, list(dict.fromkeys(note for _, note in matched if note))
