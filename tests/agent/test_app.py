"""The agent as a process: its commands, its start and end, and what survives a kill."""

import asyncio
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from agent.kit import eventually
from agent.process import Agent, Running, documents

from layover_agent import __version__, config
from layover_agent.wire.codec import decode, encode
from layover_agent.wire.types import Hold, HoldWish
from layover_agent.wire.version import RATE_HEADER


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    made = Agent(tmp_path)
    made.enrol()
    return made


async def has(running: Running, count: int) -> bool:
    return len([row for row in await running.manifest() if row.state == "present"]) == count


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "layover_agent", *arguments],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


def test_the_version() -> None:
    assert run("--version").stdout == f"layover-agent {__version__}\n"


def test_the_settings_are_printed_as_they_are_documented() -> None:
    done = run("settings")
    assert done.returncode == 0
    assert config.reference() in done.stdout
    assert "LAYOVER_AGENT_" in done.stdout


@pytest.mark.parametrize("arguments", [[], ["fly"], ["run"], ["run", "--config", "/nowhere.toml"]])
def test_a_command_that_cannot_be_understood(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_a_box_that_is_not_enrolled_says_what_to_run(tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    done = agent.call("run")
    assert done.returncode == 3
    for command in ("identity", "site enrol", "enrol"):
        assert command in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bundle_for_another_box_is_refused(agent: Agent) -> None:
    other = agent.folder / "other"
    other.mkdir()
    stranger = Agent(other, fleet=agent.fleet)
    stranger.enrol()
    done = agent.call("enrol", str(other / "box.pem"))
    assert done.returncode == 2
    assert "another box" in done.stderr


def test_a_bundle_that_is_missing(agent: Agent) -> None:
    done = agent.call("enrol", "/nowhere.pem")
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr


def test_recordings_before_the_first_run(agent: Agent) -> None:
    done = agent.call("recordings")
    assert done.returncode == 1
    assert "has not run" in done.stderr


def test_recordings_of_a_damaged_manifest_are_refused_in_words(agent: Agent) -> None:
    (agent.data / "manifest.db").write_bytes(b"junk" * 1000)
    done = agent.call("recordings")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert (agent.data / "manifest.db").read_bytes() == b"junk" * 1000


async def test_a_closed_recording_is_offered_within_a_second(agent: Agent, mp4: bytes) -> None:
    async with agent.running() as running:
        agent.record("09-00-00.mp4", mp4)
        await eventually(lambda: has(running, 1), "the first recording")
        closed = time.monotonic()
        agent.record("10-00-00.mp4", mp4)
        await eventually(lambda: has(running, 2), "the recording")
        assert time.monotonic() - closed < 1
        assert await running.stop() == 0


async def test_the_list_beside_a_running_agent(agent: Agent, mp4: bytes) -> None:
    async with agent.running() as running:
        agent.record("10-00-00.mp4", mp4)
        await eventually(lambda: has(running, 1), "the recording")
        table = await asyncio.to_thread(agent.call, "recordings")
        assert "2026-11-21T10:00:00Z" in table.stdout
        listed = await asyncio.to_thread(agent.call, "recordings", "--json")
        (row,) = documents(listed.stdout)["recordings"]  # type: ignore[index]
        assert row["camera"] == "front"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_agent_ends_at_once_when_told(agent: Agent, number: int) -> None:
    async with agent.running() as running:
        await running.status()
        began = time.monotonic()
        assert await running.stop(number) == 0
        assert time.monotonic() - began < 2
    assert "Traceback" not in agent.log.read_text()


async def test_the_agent_ends_at_once_while_it_serves(agent: Agent) -> None:
    async with agent.running() as running:
        agent.record("10-00-00.h264", os.urandom(2_000_000))
        await eventually(lambda: has(running, 1), "the recording")
        (row,) = await running.manifest()
        with pytest.raises(httpx.HTTPError):
            async with running.client.stream(
                "GET", f"/recordings/{row.id}", headers={RATE_HEADER: "100000"}
            ) as response:
                began = time.monotonic()
                running.process.terminate()
                async for _ in response.aiter_raw():
                    pass
        assert await running.process.wait() == 0
        assert time.monotonic() - began < 2
    assert "Traceback" not in agent.log.read_text()


@pytest.mark.slow
async def test_the_agent_ends_at_once_while_it_hashes(agent: Agent) -> None:
    path = agent.recordings / "front" / "2026-11-21" / "10-00-00.h264"
    path.parent.mkdir(parents=True)
    async with agent.running() as running:
        with path.open("wb") as file:
            file.truncate(6 << 30)  # a hole: no disk is used
        await eventually(lambda: has(running, 1), "the recording")
        began = time.monotonic()
        assert await running.stop(timeout_s=40) == 0
        assert time.monotonic() - began < 2


async def test_a_port_that_is_taken_is_said_in_words(agent: Agent) -> None:
    async with agent.running() as running:
        own = agent.folder / "second"
        shutil.copytree(agent.data / "identity", own / "identity")
        text = agent.config.read_text().replace("port = 0", f"port = {running.port}")
        text = text.replace(str(agent.data), str(own))
        second = agent.folder / "second.toml"
        second.write_text(text)
        done = await asyncio.to_thread(run, "run", "--config", str(second))
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert (await running.status()).identity == agent.id
        await running.stop()


async def test_a_hold_survives_a_kill(agent: Agent) -> None:
    data = os.urandom(100_000)
    async with agent.running() as running:
        path = agent.record("10-00-00.h264", data)
        await eventually(lambda: has(running, 1), "the recording")
        (row,) = await running.manifest()
        answer = await running.client.put(
            f"/holds/{row.id}", content=encode(HoldWish(lease_s=3600))
        )
        assert decode(Hold, answer.content).state == "held"
        running.process.kill()
        await running.process.wait()
    path.unlink()
    async with agent.running() as running:
        assert (await running.client.get(f"/recordings/{row.id}")).content == data
        (after,) = await running.manifest()
        assert (after.state, after.held) == ("present", True)
        await running.stop()


async def test_the_feed_goes_on_after_a_kill(agent: Agent) -> None:
    async with agent.running() as running:
        agent.record("10-00-00.h264", b"a" * 5000)
        await eventually(lambda: has(running, 1), "the recording")
        before = (await running.status()).manifest
        digest = await running.client.get(f"/recordings/{(await running.manifest())[0].id}/digests")
        running.process.kill()
        await running.process.wait()
    async with agent.running() as running:
        after = (await running.status()).manifest
        assert (after.epoch, after.seq) == (before.epoch, before.seq)
        again = await running.client.get(f"/recordings/{(await running.manifest())[0].id}/digests")
        assert again.content == digest.content
        await running.stop()


async def test_the_recorders_files_are_never_touched(agent: Agent, mp4: bytes) -> None:
    async with agent.running() as running:
        paths = [agent.record(f"10-0{n}-00.mp4", mp4) for n in range(3)]
        await eventually(lambda: has(running, 3), "the recordings")
        before = {path: (hashlib.sha256(path.read_bytes()).digest(), path.stat().st_mtime_ns)
                  for path in paths}  # fmt: skip
        for row in await running.manifest():
            await running.client.get(f"/recordings/{row.id}")
            await running.client.put(f"/holds/{row.id}", content=encode(HoldWish(lease_s=60)))
            await running.client.delete(f"/holds/{row.id}")
        await running.stop()
    for path, (digest, written_ns) in before.items():
        assert hashlib.sha256(path.read_bytes()).digest() == digest
        assert path.stat().st_mtime_ns == written_ns
        assert path.stat().st_nlink == 1


async def test_a_box_without_any_recordings_folder_still_answers(agent: Agent) -> None:
    agent.recordings.rmdir()
    async with agent.running() as running:
        await eventually(lambda: faulty(running), "the fault")
        assert await running.stop() == 0


async def faulty(running: Running) -> bool:
    return [f.severity for f in (await running.status()).faults[:1]] == ["critical"]


@pytest.mark.slow
async def test_ten_thousand_recordings_fit_into_a_small_box(agent: Agent) -> None:
    folder = agent.recordings / "front" / "2026-11-21"
    folder.mkdir(parents=True)
    for n in range(10_000):
        second = n % 86_400
        day = folder.parent / f"2026-11-{1 + n // 5000:02}"
        day.mkdir(exist_ok=True)
        name = f"{second // 3600:02}-{second // 60 % 60:02}-{second % 60:02}.h264"
        (day / name).write_bytes(b"%d" % n)
    async with agent.running() as running:

        async def all_there() -> bool:
            return (await running.status()).manifest.seq >= 10_000

        await eventually(all_there, "listing", 60)
        assert running.rss_bytes < 64 << 20
        await running.stop()
