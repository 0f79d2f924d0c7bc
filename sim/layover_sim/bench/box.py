"""A real agent, enrolled, on a folder of recordings, and central's own client to it."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from layover_agent.wire.types import Recording
from layover_central.clock import SystemClock
from layover_central.links.agent_client import AgentClient
from layover_central.trust.authority import Authority
from layover_sim.fleet import NotReady, SimulatedSite
from layover_sim.recorder_settings import RecorderSettings

CALL_S = 120.0
NEVER_SEQ = 1 << 60
"""Behind every change there will ever be: asked for what came after it, the head is the answer."""
_POLL_S = 0.2
"""Asking costs the agent some milliseconds of its own."""
_SETTINGS = {"LAYOVER_AGENT_RESCAN__EVERY_S": "30"}
"""The simulated site looks more often than a real one; here it shall be a real one."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What reading the manifest gave."""

    epoch: str
    head_seq: int
    as_of_ms: int
    """When the last look at the folders began that it rests on."""
    rows: int


async def read_list(
    client: AgentClient, epoch: str, after: int, take: Callable[[Recording], object] | None = None
) -> Listed:
    """Everything that changed after a position, read as central reads it. ``take`` gets each."""
    rows = 0
    while True:
        page = None
        async for page in client.changes(epoch, after):
            rows += len(page.rows)
            if take is not None:
                for row in page.rows:
                    take(row)
        if page is None:
            raise NotReady("the agent sent no page at all")
        if not page.rows or page.rows[-1].seq >= page.head_seq:
            return Listed(page.epoch, page.head_seq, page.as_of_ms, rows)
        epoch, after = page.epoch, page.rows[-1].seq


class Box:
    """One agent on one folder; its recorder is at rest unless it is started."""

    def __init__(self, folder: Path, recorder: RecorderSettings) -> None:
        self.trust_folder = folder / "trust"
        self.authority = Authority(self.trust_folder)
        self.site = SimulatedSite("bench", folder / "box", recorder, _SETTINGS)
        self.identity = ""
        self._folder = folder

    async def enrol(self) -> None:
        request = (await self.site.certificate_request()).encode()
        self.identity, bundle = self.authority.certify_site(request)
        await self.site.enrol(bundle.decode())

    @contextlib.asynccontextmanager
    async def client(self, port: int | None = None) -> AsyncIterator[AgentClient]:
        """Central's client on connections of its own; ``port``: of a link on the way."""
        address = f"127.0.0.1:{port or self.site.port}"
        client = AgentClient(self.authority, SystemClock(), address, self.identity, CALL_S)
        try:
            yield client
        finally:
            await client.close()

    async def looked(self, client: AgentClient, epoch: str, since_ms: int) -> float:
        """Waits for the end of a look that began at ``since_ms`` or later; how long ago that
        moment is by then, in seconds, exact to the 0.2 s of asking."""
        await self.head_until(client, epoch, lambda head: head.as_of_ms >= since_ms)
        return time.time() - since_ms / 1000

    async def head_until(
        self, client: AgentClient, epoch: str, reached: Callable[[Listed], bool]
    ) -> Listed:
        """The manifest's head, once it satisfies. NotReady where the agent ends before."""
        while True:
            if not self.site.agent.running:
                raise NotReady(f"the agent ended\n{self.site.agent.tail()}")
            head = await read_list(client, epoch, NEVER_SEQ)
            if reached(head):
                return head
            await asyncio.sleep(_POLL_S)

    def hashed(self) -> int:
        """How many recordings have digests by now; read beside the running agent."""
        database = self.site.folder / "data" / "manifest.db"
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as reader:
            (count,) = reader.execute("SELECT count(*) FROM digests").fetchone()
        return int(count)

    def provoke_rescan(self) -> int:
        """Makes the agent look at everything: a folder is carried out of its sight, so what was
        in it must be found missing. When that happened, in ms."""
        inside = self.site.recordings / "carried-away"
        outside = self._folder / "carried-away"
        inside.mkdir()
        now_ms = time.time_ns() // 1_000_000
        inside.rename(outside)
        outside.rmdir()
        return now_ms
