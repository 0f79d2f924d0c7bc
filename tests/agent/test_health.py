import asyncio
import dataclasses
import shutil
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from agent.conftest import Box, Opened
from agent.facts.trees import Tree, usb_disk
from agent.kit import eventually

from layover_agent.contacts import Contacts
from layover_agent.core.lateness import Lateness
from layover_agent.core.retention import Learned
from layover_agent.core.steps import Step
from layover_agent.facts.box import Box as BoxReader
from layover_agent.facts.box import BoxFacts
from layover_agent.health import Health
from layover_agent.journal import Journal
from layover_agent.wire.codec import decode, encode
from layover_agent.wire.types import Fault, Queue, Retention, Status

HOUR_MS = 3_600_000


class Habits:
    """What the cameras do, said by hand."""

    def __init__(self) -> None:
        self.late: dict[tuple[str, str], Lateness] = {}
        self.rules: list[Learned] = []

    def lateness(self) -> Mapping[tuple[str, str], Lateness]:
        return self.late

    def recorder_behind(self) -> bool:
        return False

    async def learned(self, source: str) -> list[Learned]:
        return self.rules


@pytest.fixture
def habits() -> Habits:
    return Habits()


@pytest.fixture
def tree(box: Box, tmp_path: Path) -> Tree:
    return usb_disk(tmp_path / "root", box.recordings)


@pytest.fixture
def health(box: Box, habits: Habits, tree: Tree, tmp_path: Path) -> Health:
    """The box's health, its kernel's files in a tree of our own."""
    return reader(box, habits, tree, tmp_path)


def reader(box: Box, habits: Habits, tree: Tree, data_folder: Path) -> Health:
    configs = {
        name: dataclasses.replace(source.config, process="mediamtx")
        for name, source in box.sources.items()
    }
    return Health(
        box.identity.id, box.manifest, box.sources, box.scanner, box.holds, box.clock,
        habits=habits, box=BoxReader(configs, box.clock, data_folder, tree.root),
    )  # fmt: skip


def codes(status: Status) -> list[str]:
    return [fault.code for fault in status.faults]


def only(status: Status) -> Fault:
    (fault,) = status.faults
    return fault


async def test_a_box_in_order_has_no_faults(box: Box) -> None:
    box.record()
    await box.scanner.scan()
    status = await box.health.status()
    assert status.faults == []
    assert decode(Status, encode(status)) == status


async def test_what_a_status_tells(box: Box, health: Health, tree: Tree) -> None:
    tree.process(50, "mediamtx", 100, "/opt/mediamtx")
    tree.write("proc/meminfo", "MemTotal: 500000 kB\nMemAvailable: 400000 kB\n")
    zone = "sys/class/thermal/thermal_zone0"
    tree.write(f"{zone}/temp", "48312\n")
    tree.write(f"{zone}/trip_point_0_type", "critical\n")
    tree.write(f"{zone}/trip_point_0_temp", "95000\n")
    box.record()
    await box.scanner.scan()
    status = await health.status()
    assert status.faults == []
    (disk,) = status.disks
    assert (disk.source, disk.device, disk.mount) == ("main", "sda1", str(box.recordings))
    assert disk.held_ms > 0
    (recorder,) = status.recorders
    assert recorder.running
    assert recorder.since_ms == box.clock.wall - 999_000
    assert (status.temperature_c, status.temperature_limit_c) == (48.312, 95.0)
    assert status.memory_free_bytes == 400_000 * 1024
    assert status.own is not None
    assert decode(Status, encode(status)) == status


async def test_retention_is_told_as_configured(open_box: Opened) -> None:
    async with open_box(max_bytes=1000, max_age_s=60) as box:
        assert (await box.health.status()).retention == [
            Retention(source="main", kind="ring", max_bytes=1000),
            Retention(source="main", kind="age", max_age_s=60),
        ]


async def test_retention_is_told_as_learned_where_it_is_not_configured(
    health: Health, habits: Habits
) -> None:
    """In its careful reading: the one by which recordings go earlier."""
    habits.rules = [
        Learned(kind="age", lo=3_599_001, hi=3_660_001, age_from="end", support=9,
                contradictions=1, rivals=("ring",)),
        Learned(kind="floor", lo=5, hi=9, support=6, contradictions=0),
    ]  # fmt: skip
    age, floor = (await health.status()).retention
    assert (age.max_age_s, age.lo, age.hi, age.age_from) == (3599, 3599, 3661, "end")
    assert (age.learned, age.support, age.contradictions, age.rivals) == (True, 9, 1, ["ring"])
    assert (floor.kind, floor.min_free_bytes) == ("floor", 9)


async def test_the_worst_fault_comes_first_and_each_has_a_remedy(box: Box) -> None:
    box.record()
    await box.scanner.scan()
    box.clock.in_sync = False
    box.health.advertise_fault = "no multicast"
    box.manifest.rebuilt_because = "quick_check"
    shutil.rmtree(box.recordings)
    await box.scanner.scan()
    status = await box.health.status()
    assert [fault.severity for fault in status.faults] == [
        "critical", "warning", "notice", "notice",
    ]  # fmt: skip
    assert status.faults[0].code == "source-unreadable"
    for fault in status.faults:
        assert fault.remedy
        assert fault.text
        assert fault.title
        assert fault.since_ms
    assert [c.recordings for c in status.cameras] == [1]


async def test_an_unknown_clock_state_is_no_fault(box: Box) -> None:
    box.clock.in_sync = None
    status = await box.health.status()
    assert status.faults == []
    assert status.clock.synced is None


async def test_a_broken_hold_is_said_at_once(box: Box) -> None:
    """A promise that was not kept is the first thing an operator must hear."""
    row = await box.listed(path := box.record(data=b"a" * 9000))
    await box.holds.place(row, 60)
    path.write_bytes(b"b" * 9000)
    await box.scanner.scan()
    await box.holds.round()
    box.clock.pass_s(60)
    fault = only(await box.health.status())
    assert (fault.code, fault.severity) == ("hold-broken", "critical")
    assert fault.since_ms == box.clock.wall - 60_000


async def test_since_when_outlives_a_restart(open_box: Opened) -> None:
    async with open_box() as box:
        box.clock.in_sync = False
        before = only(await box.health.status())
        clock = box.clock
        await box.holds.save()
    clock.pass_s(7200)
    async with open_box(clock) as box:
        after = only(await box.health.status())
    assert after.since_ms == before.since_ms == clock.wall - 2 * HOUR_MS


async def test_a_fault_that_went_and_came_again_is_new(box: Box) -> None:
    box.clock.in_sync = False
    await box.health.status()
    box.clock.in_sync = True
    await box.health.status()
    box.clock.pass_s(60)
    box.clock.in_sync = False
    assert only(await box.health.status()).since_ms == box.clock.wall


async def test_late_cameras_fold_under_the_recorder_that_is_gone(
    box: Box, health: Health, habits: Habits, tree: Tree
) -> None:
    box.record()
    await box.scanner.scan()
    late = Lateness(state="late", last_close_ms=5, expected_close_ms=9, late_since_ms=10)
    habits.late = {("main", "front"): late, ("main", "removed"): late}
    tree.process(1, "init", 1, "/sbin/init")
    box.clock.mono = 10 * HOUR_MS
    fault = only(await health.status())
    assert fault.code == "recorder-not-running"
    assert [one.subject for one in fault.consequences] == ["main/front", "main/removed"]
    cameras = (await health.status()).cameras
    assert [(one.name, one.lateness, one.recordings) for one in cameras] == [
        ("front", "late", 1), ("removed", "late", 0),
    ]  # fmt: skip


async def test_what_central_says_of_its_queue_outlives_a_restart(open_box: Opened) -> None:
    queue = Queue(requests=2, transfers=9, size_bytes=4_000, as_of_ms=1_795_258_800_000 - 1_500)
    async with open_box() as box:
        box.clock.pass_s(1)
        await box.health.told(queue)
        clock = box.clock
    clock.pass_s(60)
    async with open_box(clock) as box:
        box.health._contacts = await Contacts.opened(box.manifest, clock)
        status = await box.health.status()
    assert status.contact is not None
    assert status.contact.queue == queue
    assert status.contact.as_of_ms == clock.wall - 60_000
    assert status.clock.offset_ms == 2_500


async def test_a_contact_keeps_the_queue_that_was_told_before(box: Box) -> None:
    await box.health.told(Queue(requests=1, transfers=1, size_bytes=1, as_of_ms=box.clock.wall))
    box.clock.pass_s(90)
    box.health.contacted()
    contact = (await box.health.status()).contact
    assert contact is not None
    assert contact.queue is not None
    assert contact.as_of_ms == box.clock.wall


@pytest.mark.parametrize(
    "note", ["", "{", "[]", "5", '{"contact": 5}', '{"contact": {"queue": 1}}']
)
async def test_a_note_that_cannot_be_read_is_no_contact(box: Box, note: str) -> None:
    await box.manifest.set_note("contact", note)
    contacts = await Contacts.opened(box.manifest, box.clock)
    assert contacts.last is None
    assert contacts.offset_ms is None


async def test_a_clock_that_was_set_says_so(box: Box) -> None:
    box.record()
    await box.scanner.scan()
    step = Step(boot_id="b", mono_ms=5, before_ms=box.clock.wall, after_ms=box.clock.wall + HOUR_MS,
                kind="step")  # fmt: skip
    await Journal(box.manifest).note_steps([step])
    status = await box.health.status()
    assert (status.clock.steps, status.clock.stepped_by_ms) == (1, HOUR_MS)
    assert codes(status) == ["times-uncertain"]


async def test_a_boot_in_1970_is_a_fault_and_no_crash(box: Box) -> None:
    box.clock.wall = 5_000
    box.clock.in_sync = False
    status = await box.health.status()
    assert codes(status) == ["clock-unsynced"]
    assert [one.code for one in status.faults[0].consequences] == ["clock-unset"]
    assert status.faults[0].severity == "warning"
    assert not status.clock.was_set


async def test_a_database_that_takes_no_writes_still_gives_a_status(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    await box.manifest._connection.execute("PRAGMA query_only = 1")
    box.clock.in_sync = False
    with pytest.raises(sqlite3.Error):
        await box.manifest.set_note("x", "y")
    assert codes(await box.health.status()) == ["clock-unsynced"]


async def test_a_mount_that_does_not_answer_is_told_as_that(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader of the box's files hangs in the kernel, as a dead NFS server makes it."""
    free = asyncio.Event()
    loop = asyncio.get_running_loop()

    class Hanging(BoxReader):
        def look(self) -> BoxFacts:
            asyncio.run_coroutine_threadsafe(free.wait(), loop).result()
            return super().look()

    configs = {name: source.config for name, source in box.sources.items()}
    health = Health(
        box.identity.id, box.manifest, box.sources, box.scanner, box.holds, box.clock,
        box=Hanging(configs, box.clock, root=Path("/no-kernel")),
    )  # fmt: skip
    monkeypatch.setattr("layover_agent.health.LOOK_S", 0.05)
    assert codes(await health.status()) == ["disk-stuck"]
    free.set()
    monkeypatch.undo()
    async with asyncio.timeout(10):
        while codes(await health.status()):
            await asyncio.sleep(0.01)


async def test_while_it_runs_it_asks_the_disks_and_keeps_the_last_contact(
    box: Box, health: Health, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = tmp_path / "bin/smartctl"
    command.parent.mkdir()
    command.write_text('#!/bin/sh\necho \'{"smart_status":{"passed":false}}\'\nexit 8\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(command.parent))
    health.contacted()

    async def contact() -> str | None:
        return await box.manifest.note("contact")

    task = asyncio.create_task(health.run())
    await eventually(contact, "writing the contact down")
    task.cancel()
    assert codes(await health.status()) == ["disk-failing"]


async def test_a_status_is_cheap(box: Box, health: Health) -> None:
    """Twenty milliseconds, generously measured on a busy machine: the best of many."""
    box.record()
    await box.scanner.scan()
    took = []
    for _ in range(20):
        began = time.perf_counter()
        await health.status()
        took.append(time.perf_counter() - began)
    assert min(took) < 0.02


def test_a_status_is_frozen() -> None:
    assert Status.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert all(f.name for f in dataclasses.fields(Status))
