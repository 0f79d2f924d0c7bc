"""A hostile site on a real socket, and central's client for it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from central.links.hostile import Box, Hostile

from layover_central.links.agent_client import AgentClient
from layover_central.trust.authority import Authority


@pytest.fixture(scope="session")
def box(tmp_path_factory: pytest.TempPathFactory) -> Box:
    folder = tmp_path_factory.mktemp("fleet")
    return Box(Authority(folder / "trust"), folder / "box")


@pytest.fixture
async def hostile(box: Box) -> AsyncIterator[Hostile]:
    hostile = Hostile(box)
    async with hostile.serving(box.context()):
        yield hostile


@pytest.fixture
async def client(hostile: Hostile) -> AsyncIterator[AgentClient]:
    client = hostile.client()
    yield client
    await client.close()


@pytest.fixture
def other_fleet(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "other")
