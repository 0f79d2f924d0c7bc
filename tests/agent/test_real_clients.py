"""Tools that nobody here wrote, against a real agent: curl, wget and ffprobe."""

import asyncio
import hashlib
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from agent.conftest import in_ci
from agent.kit import eventually
from agent.process import Agent, Running

from layover_agent.wire.version import RATE_HEADER


def needs(tool: str) -> None:
    if shutil.which(tool) is None:
        assert not in_ci(), f"{tool} is missing"
        pytest.skip(f"{tool} is not installed")


@dataclass
class Offer:
    agent: Agent
    running: Running
    data: bytes
    url: str

    @property
    def curl(self) -> list[str]:
        central = self.agent.central
        return [
            "curl", "--silent", "--show-error", "--fail", "--noproxy", "*",
            "--cacert", str(central.ca), "--cert", str(central.certificate),
            "--key", str(central.key),
        ]  # fmt: skip

    @property
    def wget(self) -> list[str]:
        central = self.agent.central
        return [
            "wget", "--quiet", "--no-proxy", "--tries=1", f"--ca-certificate={central.ca}",
            f"--certificate={central.certificate}", f"--private-key={central.key}",
        ]  # fmt: skip


async def run(*command: str, ok: bool = True) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert not ok or process.returncode == 0, err.decode()
    return out


async def offered(agent: Agent, name: str, data: bytes) -> AsyncIterator[Offer]:
    agent.enrol()
    async with agent.running() as running:
        agent.record(name, data)

        async def there() -> bool:
            return bool(await running.manifest())

        await eventually(there, "the recording")
        (row,) = await running.manifest()
        url = f"https://localhost:{running.port}/v1/recordings/{row.id}"
        yield Offer(agent, running, data, url)
        await running.stop()


@pytest.fixture
async def offer(tmp_path: Path) -> AsyncIterator[Offer]:
    async for made in offered(Agent(tmp_path), "10-00-00.h264", os.urandom(3_000_000)):
        yield made


@pytest.fixture
async def video(tmp_path: Path, mp4: bytes) -> AsyncIterator[Offer]:
    async for made in offered(Agent(tmp_path), "10-00-00.mp4", mp4):
        yield made


async def test_curl_gets_the_whole(offer: Offer) -> None:
    needs("curl")
    assert await run(*offer.curl, offer.url) == offer.data


async def test_curl_gets_a_part(offer: Offer) -> None:
    needs("curl")
    assert await run(*offer.curl, "-r", "1000-1999", offer.url) == offer.data[1000:2000]


async def test_curl_goes_on_where_it_stopped(offer: Offer, tmp_path: Path) -> None:
    needs("curl")
    part = tmp_path / "part.h264"
    part.write_bytes(offer.data[:1_234_567])
    await run(*offer.curl, "-C", "-", "-o", str(part), offer.url)
    assert part.read_bytes() == offer.data


async def test_curl_is_paced(offer: Offer) -> None:
    needs("curl")
    speed = await run(
        *offer.curl, "-o", os.devnull, "-r", "0-999999", "-w", "%{speed_download}",
        "-H", f"{RATE_HEADER}: 8000000", offer.url,
    )  # fmt: skip
    assert 0.8e6 <= float(speed) <= 1.05e6


async def test_curl_without_a_certificate_gets_nothing(offer: Offer) -> None:
    needs("curl")
    stranger = ["curl", "-s", "--noproxy", "*", "--cacert", str(offer.agent.central.ca), offer.url]
    assert await run(*stranger, ok=False) == b""


async def test_wget_goes_on_where_it_stopped(offer: Offer, tmp_path: Path) -> None:
    needs("wget")
    part = tmp_path / "wget.h264"
    part.write_bytes(offer.data[:2_000_001])
    await run(*offer.wget, "-c", "-O", str(part), offer.url)
    assert hashlib.sha256(part.read_bytes()).digest() == hashlib.sha256(offer.data).digest()


async def test_wget_leaves_a_whole_file_alone(offer: Offer, tmp_path: Path) -> None:
    needs("wget")
    whole = tmp_path / "whole.h264"
    whole.write_bytes(offer.data)
    await run(*offer.wget, "-c", "-O", str(whole), offer.url)
    assert whole.read_bytes() == offer.data


async def test_ffprobe_reads_the_video_in_place(video: Offer) -> None:
    needs("ffprobe")
    central = video.agent.central
    out = await run(
        "ffprobe", "-v", "error", "-ca_file", str(central.ca),
        "-cert_file", str(central.certificate), "-key_file", str(central.key),
        "-tls_verify", "1", "-show_entries", "stream=codec_name:format=duration",
        "-of", "default=nw=1", video.url,
    )  # fmt: skip
    assert b"codec_name=h264" in out
    assert b"duration=2.0" in out
