"""Recordings fetched side by side, as central fetches them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from layover_agent.wire.types import Recording
from layover_central.core.resume import ByteSpan
from layover_central.links.agent_client import AgentClient

SPAN_BYTES = 8 << 20
"""The grain at which central asks."""


@contextlib.asynccontextmanager
async def downloading(
    client: AgentClient, recordings: Sequence[Recording]
) -> AsyncIterator[list[int]]:
    """Fetches every recording over and over while the block runs, all at once and as fast as the
    agent sends. Gives the bytes so far of each."""
    got = [0] * len(recordings)
    etags = [(await client.digests(one.id))[0].sha256.hex() for one in recordings]

    async def fetch(place: int) -> None:
        row, etag = recordings[place], f'"{etags[place]}"'
        while True:
            for first in range(0, row.size_bytes, SPAN_BYTES):
                asked = ByteSpan(first, min(first + SPAN_BYTES, row.size_bytes) - 1)
                async with client.span(row.id, asked, row.size_bytes, etag, None) as parts:
                    async for part in parts:
                        got[place] += len(part)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(fetch(place)) for place in range(len(recordings))]
        try:
            yield got
        finally:
            for task in tasks:
                task.cancel()
