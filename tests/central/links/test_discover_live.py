"""An agent's own announcement, heard by central's own ears over real multicast on loopback."""

import asyncio

import pytest

from layover_agent.advertise import advertising
from layover_agent.settings import Advertise
from layover_agent.wire.identity import announced_id
from layover_central.links.discover import Sighting, discovering

IDENTITY = "ab" * 32


@pytest.mark.slow
async def test_an_announcement_is_sighted_with_its_address_and_opaque_id() -> None:
    heard: asyncio.Queue[Sighting] = asyncio.Queue()
    faults: list[str] = []
    settings = Advertise(enabled=True, interfaces=("127.0.0.1",))
    async with (
        discovering(heard.put_nowait, list),
        advertising(settings, IDENTITY, 18441, faults.append),
    ):
        async with asyncio.timeout(15):
            while (sighting := await heard.get()).announced_id != announced_id(IDENTITY):
                pass
    assert "127.0.0.1:18441" in sighting.addresses
    assert not any(faults)
