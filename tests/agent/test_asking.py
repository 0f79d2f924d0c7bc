import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from agent.kit import FleetCa, HandClock, write_at

from layover_agent.asking import status_of
from layover_agent.contacts import Contacts
from layover_agent.identity import Identity
from layover_agent.journal import Journal
from layover_agent.manifest import opened
from layover_agent.scan import Scanner
from layover_agent.settings import Config, SourceConfig
from layover_agent.sources.registry import made
from layover_agent.standing import Standing
from layover_agent.wire.types import Queue, Status


@pytest.fixture
def config(tmp_path: Path) -> Config:
    for name in ("data", "recordings"):
        (tmp_path / name).mkdir()
    source = SourceConfig(
        folder=str(tmp_path / "recordings"), layout="{camera}/%Y-%m-%d/%H-%M-%S.*", zone="+00:00"
    )
    return Config(data_folder=tmp_path / "data", sources={"main": source})


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


async def ran_once(config: Config, clock: HandClock) -> None:
    """An agent was here, saw a recording and heard central."""
    folder = Path(config.sources["main"].folder)
    write_at(folder / "front/2026-11-21/10-00-00.ts", b"x" * 9000, clock.wall - 3_000_000)
    async with opened(config.data_folder / "manifest.db") as manifest:
        sources = [made(name, one) for name, one in config.sources.items()]
        await Scanner(manifest, sources, clock).scan()
        queue = Queue(requests=1, transfers=2, size_bytes=3, as_of_ms=clock.wall)
        await Contacts(manifest, clock).told(queue)
        await Journal(manifest).faults([("clock-unsynced", "")], clock.wall - 500_000, 5)


async def asked_of(config: Config, clock: HandClock, ask_s: float = 10) -> Status:
    """On a kernel that says nothing: what is wrong with this very machine is no matter here."""
    return await status_of(config, clock, config.data_folder.parent / "no-kernel", ask_s)


def enrol(config: Config) -> str:
    identity, fleet = Identity(config.data_folder / "identity"), FleetCa()
    identity.install(fleet.bundle(identity.certificate_request(), identity.id))
    return identity.id


def codes(status: Status) -> list[str]:
    told = [fault.code for fault in status.faults]
    return told + [one.code for fault in status.faults for one in fault.consequences]


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path): (facts.st_size, facts.st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if (facts := path.lstat())
    }


async def test_without_its_agent_a_box_still_says_how_it_is(
    config: Config, clock: HandClock
) -> None:
    own = enrol(config)
    await ran_once(config, clock)
    clock.in_sync = False
    status = await asked_of(config, clock)
    assert not status.running
    assert status.identity == own
    assert status.enrolled
    assert len(status.fleet) == 16
    assert [(one.name, one.recordings) for one in status.cameras] == [("front", 1)]
    assert status.disks[0].held_ms > 0
    assert status.contact is not None
    assert status.contact.queue is not None
    assert status.faults[0].code == "agent-not-running"
    assert codes(status) == ["agent-not-running", "clock-unsynced"]
    assert status.faults[1].since_ms == clock.wall - 500_000, "since when was written down"


async def test_asking_writes_nothing(config: Config, clock: HandClock) -> None:
    enrol(config)
    await ran_once(config, clock)
    before = tree(config.data_folder)
    await asked_of(config, clock)
    after = tree(config.data_folder)
    assert {k: v for k, v in after.items() if k in before} == before
    sqlites_own = {f"{config.data_folder}/manifest.db{end}" for end in ("-shm", "-wal")}
    assert after.keys() - before.keys() <= sqlites_own


async def test_since_when_it_does_not_run(config: Config, clock: HandClock) -> None:
    await ran_once(config, clock)
    for name in ("manifest.db", "manifest.db-wal"):
        path = config.data_folder / name
        if path.exists():
            os.utime(path, ns=(0, (clock.wall - 7_200_000) * 1_000_000))
    fault = (await asked_of(config, clock)).faults[0]
    assert (fault.code, fault.since_ms) == ("agent-not-running", clock.wall - 7_200_000)
    assert "2026-11-21T09:00:00Z" in fault.text


async def test_a_box_on_which_the_agent_never_ran(config: Config, clock: HandClock) -> None:
    status = await asked_of(config, clock)
    assert set(codes(status)) == {"agent-not-running", "manifest-unreadable", "not-enrolled"}
    assert "never ran" in status.faults[0].text
    assert status.identity == ""
    assert list(config.data_folder.iterdir()) == []


async def test_everything_missing_is_no_crash(config: Config, clock: HandClock) -> None:
    shutil.rmtree(config.data_folder)
    shutil.rmtree(config.sources["main"].folder)
    status = await asked_of(config, clock)
    assert "source-unreadable" in codes(status)
    assert "agent-not-running" in codes(status)


@pytest.mark.parametrize("damage", [b"", b"no database " * 999])
async def test_a_damaged_manifest_is_told(config: Config, clock: HandClock, damage: bytes) -> None:
    (config.data_folder / "manifest.db").write_bytes(damage)
    assert "manifest-unreadable" in codes(await asked_of(config, clock))


@pytest.mark.parametrize("name", ["site.key", "site.pem", "fleet-ca.pem"])
async def test_a_torn_certificate_is_told(config: Config, clock: HandClock, name: str) -> None:
    enrol(config)
    path = config.data_folder / "identity" / name
    path.write_bytes(path.read_bytes()[:100])
    told = codes(await asked_of(config, clock))
    assert "certificate-unusable" in told
    assert told.index("certificate-unusable") < told.index("not-enrolled")


async def test_a_certificate_of_another_key_is_told(config: Config, clock: HandClock) -> None:
    enrol(config)
    shutil.move(config.data_folder / "identity/site.key", config.data_folder / "old.key")
    Identity(config.data_folder / "identity")
    assert "certificate-unusable" in codes(await asked_of(config, clock))


@pytest.fixture
async def running(config: Config, clock: HandClock) -> AsyncIterator[Status]:
    status = await asked_of(config, clock)

    async def told() -> Status:
        return status

    async with Standing(told).listening(config.data_folder):
        yield status


async def test_a_running_agent_answers_itself(
    config: Config, clock: HandClock, running: Status
) -> None:
    assert await asked_of(config, clock) == running


async def test_an_agent_that_hangs_is_the_fault(config: Config, clock: HandClock) -> None:
    async def never() -> Status:
        raise TimeoutError

    async with Standing(never).listening(config.data_folder):
        status = await asked_of(config, clock, ask_s=0.5)
    assert status.faults[0].code in ("agent-not-answering", "agent-not-running")
