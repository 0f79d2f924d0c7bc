"""The agent is killed at any moment of its work, again and again: nothing that it said is lost."""

import asyncio
import contextlib
import hashlib
import os
import random
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from agent.kit import eventually
from agent.process import Agent, Running
from faults.kit import hold, said, served, watched

from layover_agent.wire.codec import decode, encode
from layover_agent.wire.pages import unpacked
from layover_agent.wire.types import Hold, HoldState, HoldWish, Recording

pytestmark = pytest.mark.slow
KILLS = 20


@dataclass
class Reader:
    """Follows the feed as central does, over all the agent's lives."""

    epoch: str = ""
    after: int = 0
    rows: dict[str, Recording] = field(default_factory=dict)

    async def read(self, running: Running) -> None:
        """Up to the end of the feed."""
        while True:
            query = {"epoch": self.epoch, "after": self.after, "limit": 50}
            answer = await running.client.get("/manifest", params=query)
            page = unpacked(answer.content)
            assert self.epoch in ("", page.epoch), "the feed began anew"
            self.epoch = page.epoch
            assert page.head_seq >= self.after, "what was told before is lost"
            for row in page.rows:
                assert row.seq > self.after, "the feed went back"
                self.after = row.seq
                self.rows[row.id] = row
            if self.after >= page.head_seq:
                return

    @property
    def present(self) -> dict[str, Recording]:
        return {i: row for i, row in self.rows.items() if row.state == "present"}


@dataclass
class Recorder:
    """Writes recordings, and deletes its oldest."""

    agent: Agent
    chance: random.Random
    contents: dict[Path, str] = field(default_factory=dict)
    """SHA-256 of what is there."""
    made: int = 0

    def step(self) -> None:
        data = self.chance.randbytes(self.chance.randrange(1000, 300_000))
        second = self.made
        self.made += 1
        name = f"{second // 3600:02}-{second // 60 % 60:02}-{second % 60:02}.h264"
        path = self.agent.record(name, data, camera=f"cam-{second % 3}")
        self.contents[path] = hashlib.sha256(data).hexdigest()
        if len(self.contents) > 60:
            oldest = next(iter(self.contents))
            oldest.unlink()
            del self.contents[oldest]

    async def work(self) -> None:
        while True:
            await asyncio.to_thread(self.step)
            await asyncio.sleep(self.chance.random() / 50)


@contextlib.asynccontextmanager
async def busy(*works: object) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(work) for work in works]  # type: ignore[call-overload]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for one in await asyncio.gather(*tasks, return_exceptions=True):
            if not isinstance(one, httpx.TransportError | asyncio.CancelledError):
                raise one


async def asks(running: Running, reader: Reader, promised: dict[str, str]) -> None:
    """Reads, fetches and holds what it finds, as long as the agent lives."""
    while True:
        await reader.read(running)
        assert (await running.status()).manifest.epoch == reader.epoch
        for recording in [*reader.present.values()][-3:]:
            answer = await running.client.get(f"/recordings/{recording.id}")
            if answer.status_code != 200 or recording.id in promised:
                continue
            held = await running.client.put(
                f"/holds/{recording.id}", content=encode(HoldWish(lease_s=86_400))
            )
            if held.status_code == 200 and decode(Hold, held.content).state == HoldState.HELD:
                promised[recording.id] = hashlib.sha256(answer.content).hexdigest()
        await asyncio.sleep(0)


async def test_killed_twenty_times(tmp_path: Path) -> None:
    chance = random.Random(7)
    agent = Agent(tmp_path)
    agent.config.write_text(agent.config.read_text() + "full_s = 5\n")
    agent.enrol()
    recorder, reader = Recorder(agent, chance), Reader()
    promised: dict[str, str] = {}
    async with busy(recorder.work()):
        for _ in range(KILLS):
            async with watched(agent) as running, busy(asks(running, reader, promised)):
                await asyncio.sleep(chance.random() * 1.2)
                running.process.kill()
                await running.process.wait()
            assert (agent.data / "service.sock").exists(), "a kill leaves it behind"
    async with watched(agent) as running:
        truth = set(recorder.contents.values())
        sent: dict[str, str] = {}

        async def true() -> bool:
            """All that lies there is listed, and nothing else that is not held."""
            await reader.read(running)
            for recording in reader.present.values():
                if recording.id not in sent:
                    answer = await running.client.get(f"/recordings/{recording.id}")
                    if answer.status_code != 200:
                        return False  # deleted while nobody looked; it will be noticed
                    sent[recording.id] = hashlib.sha256(answer.content).hexdigest()
            free = {sent[row.id] for row in reader.present.values() if not row.held}
            return free <= truth <= {sent[i] for i in reader.present}

        await eventually(true, "a list that is what lies there", 60)
        assert promised
        for recording_id, sha256 in promised.items():
            assert reader.present[recording_id].held
            assert await served(running, reader.present[recording_id]) == sha256
        assert not any(one.code == "manifest-rebuilt" for one in (await running.status()).faults)
        assert await running.stop() == 0
    with contextlib.closing(sqlite3.connect(agent.data / "manifest.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert "Traceback" not in said(agent)


async def test_a_damaged_manifest_begins_a_new_epoch_and_keeps_what_was_promised(
    tmp_path: Path,
) -> None:
    agent = Agent(tmp_path)
    agent.enrol()
    data = os.urandom(20_000)
    async with watched(agent) as running:
        path = agent.record("10-00-00.h264", data)
        reader = Reader()

        async def there() -> bool:
            await reader.read(running)
            return bool(reader.present)

        await eventually(there, "the recording")
        (recording,) = reader.present.values()
        assert (await hold(running, recording)).state == "held"
        await running.stop()
    path.unlink()
    (agent.data / "manifest.db").write_bytes(b"power failed here" * 5000)
    async with watched(agent) as running:
        status = await running.status()
        assert status.manifest.epoch != reader.epoch
        assert "manifest-rebuilt" in {one.code for one in status.faults}
        assert await served(running, recording) == hashlib.sha256(data).hexdigest()
        assert await running.stop() == 0
