"""The stage of the demo: a central, a depot, three buses and a shop, each behind its link."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from layover_sim.fleet import SimulatedSite
from layover_sim.headquarters import Headquarters
from layover_sim.link import Link
from layover_sim.meter import Meter
from layover_sim.recorder_settings import RecorderSettings

DEPOT = "north"
BITRATE_BPS = 2_000_000
SEGMENT_S = 2.0
ROOMY_S = 600
"""A ring so long that nothing is overwritten during the story."""
SHORT_RING_S = 34
"""The ring of bus-217: what it recorded first is overwritten before it is back."""
LINK_BPS = 40_000_000

CAMERAS = {
    "bus-217": ("front", "rear", "door"),
    "bus-218": ("front", "rear", "door", "driver"),
    "bus-301": ("front", "rear"),
    "shop-12": ("till", "entrance"),
}


@dataclass(slots=True)
class Stage:
    """Everything that runs, ready to be played with."""

    central: Headquarters
    sites: dict[str, SimulatedSite]
    links: dict[str, Link]
    depot_meter: Meter


@contextlib.asynccontextmanager
async def staged(folder: Path, port: int) -> AsyncIterator[Stage]:
    """Builds the stage, and takes it down whatever happens."""
    central = Headquarters(folder / "central", port)
    sites = {label: _site(folder, label, cameras) for label, cameras in CAMERAS.items()}
    meter = Meter(asyncio.get_running_loop().time)
    links = {label: Link(site.target) for label, site in sites.items()}
    for link in links.values():
        link.down.rate_bps = LINK_BPS
        link.depot_meter = meter
    try:
        yield Stage(central, sites, links, meter)
    finally:
        await asyncio.shield(_struck(central, sites, links))


async def _struck(
    central: Headquarters, sites: dict[str, SimulatedSite], links: dict[str, Link]
) -> None:
    await asyncio.gather(*(link.close() for link in links.values()))
    await asyncio.gather(central.stop(), *(site.stop() for site in sites.values()))


def _site(folder: Path, label: str, cameras: tuple[str, ...]) -> SimulatedSite:
    ring_s = SHORT_RING_S if label == "bus-217" else ROOMY_S
    recorder = RecorderSettings(
        folder=folder / label / "recordings",
        cameras=cameras,
        segment_s=SEGMENT_S,
        bitrate_bps=BITRATE_BPS,
        ring_bytes=int(ring_s * len(cameras) * BITRATE_BPS / 8),
    )
    return SimulatedSite(label, folder / label, recorder)
