"""A recording that changes while it is sent: whoever asked never takes a mixture for the whole."""

import asyncio
import os
from pathlib import Path

import httpx
import pytest
from agent.process import Agent
from faults.kit import listed, watched

from layover_agent.wire.version import RATE_HEADER

pytestmark = pytest.mark.slow

SERVED = os.urandom(2 << 20)


def shorter(path: Path) -> None:
    os.truncate(path, len(SERVED) // 2)


def rewritten(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(len(SERVED)))


def replaced(path: Path) -> None:
    path.unlink()
    path.write_bytes(bytes(len(SERVED)))


def grown(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


@pytest.mark.parametrize("change", [shorter, rewritten, grown, replaced])
async def test_a_file_that_changes_while_it_is_sent_is_never_taken_for_whole(
    tmp_path: Path, change
) -> None:  # type: ignore[no-untyped-def]
    """The peer gets a short answer, or where the old file lives on unnamed, all of the old one."""
    agent = Agent(tmp_path)
    agent.enrol()
    async with watched(agent) as running:
        path = agent.record("10-00-00.h264", SERVED)
        (row,) = await listed(running, 1)
        await running.client.get(f"/recordings/{row.id}/digests")
        got = b""
        headers = {RATE_HEADER: str(8 << 20)}
        try:
            async with running.client.stream(
                "GET", f"/recordings/{row.id}", headers=headers
            ) as answer:
                async for part in answer.aiter_raw():
                    if not got:
                        await asyncio.to_thread(change, path)
                    got += part
        except httpx.RemoteProtocolError:
            assert len(got) < len(SERVED)
        else:
            assert got == SERVED
