"""Real agents and recorders as children: started, spoken to, killed, restarted, cleaned up."""

import asyncio
import os
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from sim.kit import eventually

from layover_agent.wire.identity import identity_of_certificate
from layover_central.trust.authority import Authority
from layover_sim.fleet import NotReady, Program, SimulatedSite, running, until
from layover_sim.link import Link
from layover_sim.recorder_settings import RecorderSettings

SLEEPER = ["sleep", "600"]


def box(folder: Path, label: str = "bus-217") -> SimulatedSite:
    recorder = RecorderSettings(
        folder=folder / label / "recordings",
        cameras=("front",),
        segment_s=0.5,
        ring_bytes=4_000_000,
    )
    return SimulatedSite(label, folder / label, recorder)


async def enrolled(site: SimulatedSite, authority: Authority) -> str:
    """Enrols a site; its identity."""
    request = await site.certificate_request()
    identity, bundle = authority.certify_site(request.encode())
    await site.enrol(bundle.decode())
    return identity


async def status_of(port: int, authority: Authority) -> Any:
    async with httpx.AsyncClient(verify=authority.client_context) as client:
        answer = await client.get(
            f"https://127.0.0.1:{port}/v1/status", headers={"Accept": "application/json"}
        )
        return answer.raise_for_status().json()


async def recordings_of(port: int, authority: Authority, at_least: int) -> int:
    """How many recordings the site lists, once there are that many."""
    async with asyncio.timeout(15):
        while True:
            status = await status_of(port, authority)
            count = sum(camera["recordings"] for camera in status["cameras"])
            if count >= at_least:
                return count
            await asyncio.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
async def test_a_site_lists_what_its_recorder_writes_through_its_link(tmp_path: Path) -> None:
    site, authority = box(tmp_path), Authority(tmp_path / "trust")
    identity = await enrolled(site, authority)
    link = Link(site.target)
    async with running(site):
        await asyncio.gather(site.camera_box.start(), site.start_agent())
        await link.up()
        status = await status_of(link.port, authority)
        assert status["identity"] == identity
        assert status["holds"]["possible"] is True
        assert status["retention"][0]["max_bytes"] == 4_000_000
        await recordings_of(link.port, authority, 2)
        await link.down_now()
        with pytest.raises(httpx.ConnectError):
            await status_of(link.port, authority)
    await link.close()


@pytest.mark.slow
async def test_a_killed_agent_comes_back_as_itself_behind_the_same_link(tmp_path: Path) -> None:
    site, authority = box(tmp_path), Authority(tmp_path / "trust")
    identity = await enrolled(site, authority)
    link = Link(site.target)
    async with running(site):
        await asyncio.gather(site.camera_box.start(), site.start_agent())
        await link.up()
        await recordings_of(link.port, authority, 2)
        before = await status_of(link.port, authority)
        await site.agent.kill()
        with pytest.raises(httpx.HTTPError):
            await status_of(link.port, authority)
        await site.start_agent()
        after = await status_of(link.port, authority)
        assert after["identity"] == identity
        assert after["manifest"]["epoch"] == before["manifest"]["epoch"]
        assert await recordings_of(link.port, authority, 2) >= 2
    await link.close()


@pytest.mark.slow
async def test_two_sites_are_two_identities(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "trust")
    sites = [box(tmp_path, label) for label in ("bus-217", "bus-218")]
    identities = await asyncio.gather(*(enrolled(site, authority) for site in sites))
    assert len(set(identities)) == 2
    async with running(*sites):
        await asyncio.gather(*(site.start_agent() for site in sites))
        for site, identity in zip(sites, identities, strict=True):
            _, writer = await asyncio.open_connection(
                "127.0.0.1", site.port, ssl=authority.client_context
            )
            certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            assert identity_of_certificate(certificate) == identity
            writer.close()
            await writer.wait_closed()


async def test_an_agent_that_is_not_enrolled_says_so_in_the_error(tmp_path: Path) -> None:
    site = box(tmp_path)
    async with running(site):
        with pytest.raises(NotReady, match=r"(?s)ended.*enrol"):
            await site.start_agent()


async def test_a_bundle_for_somebody_else_is_refused_in_words(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "trust")
    first, second = box(tmp_path, "bus-217"), box(tmp_path, "bus-218")
    _, bundle = authority.certify_site((await first.certificate_request()).encode())
    await second.certificate_request()
    with pytest.raises(NotReady, match="enrol failed"):
        await second.enrol(bundle.decode())


def test_a_site_that_never_ran_has_no_address(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="port"):
        box(tmp_path).target()


async def test_children_end_when_the_block_fails(tmp_path: Path) -> None:
    programs = [Program(f"sleeper {n}", SLEEPER, tmp_path / "log") for n in range(2)]
    with pytest.raises(LookupError):
        async with running(*programs):
            for program in programs:
                await program.start()
            pids = [program.pid for program in programs]
            raise LookupError
    assert not any(alive(pid) for pid in pids)


async def test_children_end_when_the_block_is_cancelled(tmp_path: Path) -> None:
    program = Program("sleeper", SLEEPER, tmp_path / "log")
    started = asyncio.Event()

    async def block() -> None:
        async with running(program):
            await program.start()
            started.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(block())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not alive(program.pid)


async def test_children_end_even_when_the_end_is_cancelled(tmp_path: Path) -> None:
    """Ctrl-C, and again while the children are being ended."""
    deaf = ["bash", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.1; done"]
    programs = [Program(f"deaf {n}", deaf, tmp_path / f"log-{n}") for n in range(2)]

    async def block() -> None:
        async with running(*programs):
            for program in programs:
                await program.start()
            await asyncio.Event().wait()

    task = asyncio.create_task(block())
    await eventually(lambda: all("deaf" in program.tail() for program in programs))
    await eventually(lambda: all(program.running for program in programs))
    pids = [program.pid for program in programs]
    task.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    try:
        assert not any(alive(pid) for pid in pids)
    finally:
        await asyncio.gather(*(program.kill() for program in programs))


async def test_a_cancelled_command_leaves_no_child(tmp_path: Path) -> None:
    site = box(tmp_path)
    task = asyncio.create_task(site.certificate_request())

    def commands() -> list[psutil.Process]:
        return [one for one in psutil.Process().children() if "layover_agent" in one.cmdline()]

    await eventually(lambda: bool(commands()))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    left = commands()
    try:
        assert left == []
    finally:
        for child in left:
            child.wait(10)


async def test_a_child_that_ignores_the_request_to_end_is_killed(tmp_path: Path) -> None:
    deaf = ["bash", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.1; done"]
    program = Program("deaf", deaf, tmp_path / "log")
    async with running(program):
        await program.start()
        await eventually(lambda: "deaf" in program.tail())
        assert await program.stop(timeout_s=0.2) == -9
    assert not program.running


async def test_a_program_can_be_killed_twice_and_started_again(tmp_path: Path) -> None:
    program = Program("sleeper", SLEEPER, tmp_path / "log")
    async with running(program):
        await program.start()
        first = program.pid
        await program.kill()
        await program.kill()
        assert not program.running
        await program.start()
        assert program.running
        assert program.pid != first


async def test_waiting_in_vain_names_what_did_not_happen() -> None:
    with pytest.raises(NotReady, match="the moon did not happen"):
        await until(lambda: False, "the moon", 0.05)
