"""The announcement as others see it: a real avahi-daemon on the other end of a cable.

Two network namespaces joined by a veth pair, so that nothing leaves the machine and nobody
else's announcements come in. Needs root.
"""

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from agent.conftest import in_ci
from agent.kit import eventually
from agent.process import Agent

from layover_agent.advertise import _addresses, advertising
from layover_agent.settings import Advertise
from layover_agent.wire.identity import announced_id

TOOLS = ("ip", "avahi-daemon", "avahi-browse", "dbus-daemon", "unshare")
BUS = """<busconfig>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/>
  </policy>
</busconfig>
"""
AVAHI = """[server]
use-ipv4=yes
use-ipv6=no
[wide-area]
enable-wide-area=no
[publish]
disable-publishing=yes
"""


def test_a_box_that_is_told_its_interfaces_asks_nobody() -> None:
    assert _addresses(Advertise(interfaces=("10.0.0.2", "10.0.0.1"))) == ["10.0.0.1", "10.0.0.2"]


def test_loopback_is_announced_only_where_it_is_asked_for() -> None:
    assert not [one for one in _addresses(Advertise()) if one.startswith("127.")]


async def test_nothing_happens_where_it_is_switched_off() -> None:
    told: list[str] = []
    async with advertising(Advertise(enabled=False), "a" * 64, 1, told.append):
        await asyncio.sleep(0)
    assert told == []


# zeroconf leaves the socket it could not bind to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_an_address_that_is_not_ours_is_a_fault_and_stops_nothing() -> None:
    told: list[str] = []
    async with advertising(Advertise(interfaces=("192.0.2.1",)), "a" * 64, 1, told.append):

        async def failed() -> bool:
            return bool(told and told[-1])

        await eventually(failed, "the fault")


@dataclass
class Cable:
    """The box's end and the depot's end of a cable, each in a namespace of its own."""

    box: str
    depot: str
    folder: Path

    @property
    def at_box(self) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.box)

    @property
    def bus(self) -> dict[str, str]:
        return {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.folder}/bus"}

    async def browse(self) -> list[list[str]]:
        """What the depot sees now, one list of fields for each resolved service."""
        process = await asyncio.create_subprocess_exec(
            "ip", "netns", "exec", self.depot, "avahi-browse", "-rpt", "_layover._tcp",
            stdout=asyncio.subprocess.PIPE, env=self.bus,
        )  # fmt: skip
        out, _ = await asyncio.wait_for(process.communicate(), 20)
        lines = [line.split(";") for line in out.decode().splitlines()]
        return [fields for fields in lines if fields[0] == "="]


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@pytest.fixture
def cable(tmp_path: Path) -> Iterator[Cable]:
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing or os.geteuid() != 0:
        assert not in_ci(), f"needs root and {', '.join(missing)}"
        pytest.skip("needs root and avahi")
    made = Cable(f"lay{os.getpid()}a", f"lay{os.getpid()}b", tmp_path / "avahi")
    made.folder.mkdir()
    ends = (f"l{os.getpid()}a", f"l{os.getpid()}b")
    with contextlib.ExitStack() as stack:
        for namespace in (made.box, made.depot):
            ip("netns", "add", namespace)
            stack.callback(ip, "netns", "del", namespace)
        ip("link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
        for end, namespace, address in zip(
            ends, (made.box, made.depot), ("10.77.0.1/24", "10.77.0.2/24"), strict=True
        ):
            ip("link", "set", end, "netns", namespace)
            ip("-n", namespace, "address", "add", address, "dev", end)
            ip("-n", namespace, "link", "set", end, "up")
            ip("-n", namespace, "link", "set", "lo", "up")
        yield made


@pytest.fixture
async def depot(cable: Cable) -> AsyncIterator[Cable]:
    """Avahi on the depot's end, on a bus of its own and with a /run of its own."""
    (cable.folder / "bus.conf").write_text(BUS.format(socket=cable.folder / "bus"))
    (cable.folder / "avahi.conf").write_text(AVAHI)
    script = (
        "mount -t tmpfs none /run && mkdir /run/avahi-daemon && "
        f"exec avahi-daemon -f {cable.folder}/avahi.conf --no-drop-root --no-chroot --no-rlimits"
    )
    commands = [
        ["dbus-daemon", "--nofork", f"--config-file={cable.folder}/bus.conf"],
        ["ip", "netns", "exec", cable.depot, "unshare", "--mount", "sh", "-c", script],
    ]
    children: list[asyncio.subprocess.Process] = []
    with (cable.folder / "log").open("wb") as log:
        try:
            for command in commands:
                children.append(
                    await asyncio.create_subprocess_exec(
                        *command, stdout=log, stderr=log, env=cable.bus
                    )
                )

                async def bus_is_there() -> bool:
                    return (cable.folder / "bus").exists()

                await eventually(bus_is_there, "the bus")

            async def answers() -> bool:
                return b"Server startup complete" in (cable.folder / "log").read_bytes()

            await eventually(answers, "the start of avahi")
            yield cable
        finally:
            for child in reversed(children):
                if child.returncode is None:
                    child.terminate()
                await child.wait()


@pytest.mark.slow
async def test_a_depot_sees_the_box_come_and_go(depot: Cable, tmp_path: Path) -> None:
    (tmp_path / "box").mkdir()
    agent = Agent(tmp_path / "box", advertise=True, prefix=depot.at_box)
    agent.enrol()
    command = agent.command("run", "--config", str(agent.config))
    counters = []
    for _ in range(2):
        (agent.data / "port").unlink(missing_ok=True)
        with agent.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
        try:
            seen: list[list[str]] = []

            async def sighted() -> bool:
                seen[:] = await depot.browse()  # noqa: B023
                return bool(seen)  # noqa: B023

            await eventually(sighted, "the announcement", 20)
            (fields,) = seen
            name = announced_id(agent.id)
            assert fields[3] == name
            assert fields[6] == f"layover-{name}.local"
            assert fields[7:9] == ["10.77.0.1", (agent.data / "port").read_text()]
            texts = dict(text.strip('"').split("=", 1) for text in fields[9].split())
            assert texts.keys() == {"txtvers", "id", "api", "n"}
            assert (texts["txtvers"], texts["id"], texts["api"]) == ("1", name, "1")
            counters.append(texts["n"])
        finally:
            process.terminate()
            await asyncio.wait_for(process.wait(), 10)

        async def away() -> bool:
            return await depot.browse() == []

        await eventually(away, "the farewell", 10)
    # A site that left without a word and comes back unchanged is noticed by nobody.
    assert counters[0] != counters[1]


@pytest.mark.slow
async def test_a_new_address_is_announced_anew(depot: Cable, tmp_path: Path) -> None:
    (tmp_path / "box").mkdir()
    agent = Agent(tmp_path / "box", advertise=True, prefix=depot.at_box)
    agent.enrol()
    with agent.log.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *agent.command("run", "--config", str(agent.config)), stdout=log, stderr=log
        )
    try:

        async def at(address: str) -> bool:
            return address in {fields[7] for fields in await depot.browse()}

        await eventually(lambda: at("10.77.0.1"), "the announcement", 20)
        link = f"l{os.getpid()}a"
        ip("-n", depot.box, "address", "del", "10.77.0.1/24", "dev", link)
        ip("-n", depot.box, "address", "add", "10.77.0.9/24", "dev", link)
        await eventually(lambda: at("10.77.0.9"), "the new announcement", 25)
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 10)
