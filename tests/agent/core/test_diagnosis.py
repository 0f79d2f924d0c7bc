import dataclasses
from typing import Any

import pytest

from layover_agent.core.diagnosis import Beside, diagnosed
from layover_agent.core.fault_kinds import KINDS
from layover_agent.core.faults import Finding, ranked
from layover_agent.wire.types import (
    Camera,
    Clock,
    Contact,
    Disk,
    HoldUsage,
    ManifestHead,
    Own,
    Recorder,
    Status,
)

NOW_MS = 1_795_258_800_000
DAY_MS = 86_400_000
GB = 1_000_000_000

CLOCK = Clock(wall_ms=NOW_MS, mono_ms=10 * DAY_MS, boot_id="b", synced=True)
DISK = Disk(
    source="nvr", size_bytes=1000 * GB, free_bytes=50 * GB, mount="/rec", device="sda1", errors=0
)
CAMERA = Camera(
    name="front", source="nvr", recordings=5, size_bytes=5, last_end_ms=NOW_MS - 60_000,
    first_start_ms=NOW_MS - 9 * DAY_MS, lateness="on-time",
)  # fmt: skip
RECORDER = Recorder(source="nvr", process="mediamtx", running=True)
HEALTHY = Status(
    identity="i", api_versions=[1], agent_version="1", capabilities=[], clock=CLOCK,
    manifest=ManifestHead(epoch="e", seq=5, scanned_ms=NOW_MS), cameras=[CAMERA], disks=[DISK],
    retention=[], holds=HoldUsage(possible=True, method="link"), recorders=[RECORDER],
    contact=Contact(as_of_ms=NOW_MS - DAY_MS), own=Own(
        since_ms=NOW_MS - DAY_MS, uptime_s=90_000, rss_bytes=40 << 20, cpu_permille=4
    ), temperature_c=50.0, temperature_limit_c=95.0, memory_bytes=GB // 2,
    memory_free_bytes=GB // 5,
)  # fmt: skip


def status(**changes: Any) -> Status:
    return dataclasses.replace(HEALTHY, **changes)


def disk(**changes: Any) -> Status:
    return status(disks=[dataclasses.replace(DISK, **changes)])


def clock(**changes: Any) -> Status:
    return status(clock=dataclasses.replace(CLOCK, **changes))


def camera(**changes: Any) -> Status:
    return status(cameras=[dataclasses.replace(CAMERA, **changes)])


def recorder(**changes: Any) -> Status:
    return status(recorders=[dataclasses.replace(RECORDER, **changes)])


def codes(told: Status, beside: Beside | None = None) -> list[str]:
    findings = diagnosed(told, beside or Beside())
    assert ranked(findings, {}, NOW_MS) or not findings, "every template must be filled"
    return [finding.code for finding in findings]


SICK = {
    "device out": (disk(present=False), "disk-gone"),
    "shut by an error": (disk(read_only=True), "disk-read-only"),
    "nothing left": (disk(free_bytes=0), "disk-full"),
    "31 MB of a terabyte": (disk(free_bytes=31 << 20), "disk-full"),
    "no more files": (disk(inodes_left=0), "disk-full"),
    "an error long ago": (disk(errors=1), "disk-errors"),
    "an error just now": (disk(errors=2, errored_ms=NOW_MS), "disk-errors"),
    "worn": (disk(health="worn", health_text="97 %"), "disk-worn"),
    "failing": (disk(health="failing", health_text="x"), "disk-failing"),
    "no answer": (disk(stuck_s=45), "disk-stuck"),
    "late": (camera(lateness="late", late_since_ms=NOW_MS - 5), "camera-late"),
    "process gone": (recorder(running=False), "recorder-not-running"),
    "process comes and goes": (recorder(restarts=3), "recorder-restarts"),
    "no holds": (
        status(holds=HoldUsage(possible=False, method="none", reason="vfat")), "holds-impossible",
    ),
    "reserve gone": (
        status(holds=HoldUsage(possible=True, method="link", reserve_bytes=GB)), "reserve-used",
    ),
    "a promise broken": (
        status(holds=HoldUsage(possible=True, method="link", broken=2)), "hold-broken",
    ),
    "not of a fleet": (status(enrolled=False), "not-enrolled"),
    "silent for 8 days": (status(contact=Contact(as_of_ms=NOW_MS - 8 * DAY_MS)), "no-contact"),
    "never heard in a week": (
        status(contact=None, own=dataclasses.replace(HEALTHY.own, uptime_s=8 * 86_400)),  # type: ignore[type-var]
        "no-contact",
    ),
    "above the limit": (status(temperature_c=95.0), "too-hot"),
    "near the limit": (status(temperature_c=91.0), "hot"),
    "memory": (status(memory_free_bytes=9_000_000), "memory-low"),
    "heavy": (
        status(own=Own(since_ms=1, uptime_s=1, rss_bytes=200 << 20, cpu_permille=1)),
        "agent-heavy",
    ),
    "1970": (clock(wall_ms=90_000, was_set=False), "clock-unset"),
    "no time source": (clock(synced=False), "clock-unsynced"),
    "an hour ahead": (clock(offset_ms=3_600_000), "clock-off"),
    "an hour behind": (clock(offset_ms=-3_600_000), "clock-off"),
    "set among recordings": (
        clock(steps=1, stepped_ms=NOW_MS - DAY_MS, stepped_by_ms=3_600_000), "times-uncertain",
    ),
}  # fmt: skip


def test_a_healthy_box_has_nothing() -> None:
    assert codes(HEALTHY) == []


@pytest.mark.parametrize("case", SICK)
def test_a_sick_box_has_what_it_has_and_nothing_else(case: str) -> None:
    told, code = SICK[case]
    assert codes(told) == [code]


@pytest.mark.parametrize(
    ("case", "told"),
    [
        ("a small card with a few MB", disk(size_bytes=2 * GB, free_bytes=25_000_000)),
        ("a ring at the brim", disk(free_bytes=2 * GB)),
        ("nothing can be read of it", disk(size_bytes=0, free_bytes=0)),
        ("file systems without inodes", disk(inodes_left=None)),
        ("a busy disk", disk(stuck_s=5)),
        ("habit not known", camera(lateness="unknown")),
        ("processes hidden", recorder(running=None)),
        ("sensor without limit", status(temperature_limit_c=None)),
        ("clock not knowable", clock(synced=None)),
        ("a little off", clock(offset_ms=-900)),
        ("new in the fleet", status(contact=None)),
        ("set before all recordings", clock(steps=1, stepped_ms=NOW_MS - 20 * DAY_MS,
                                            stepped_by_ms=3_600_000)),
        ("set by a second", clock(steps=1, stepped_ms=NOW_MS - DAY_MS, stepped_by_ms=-1_000)),
        ("box just started", dataclasses.replace(
            recorder(running=False), clock=dataclasses.replace(CLOCK, mono_ms=60_000))),
    ],
)  # fmt: skip
def test_what_is_no_fault(case: str, told: Status) -> None:
    assert codes(told) == [], case


BESIDE = {
    "source-unreadable": Beside(
        unreadable={"nvr": (7, "the folder is suddenly empty")}, hiding={"nvr"}
    ),
    "source-incomplete": Beside(unreadable={"nvr": (7, "2 recordings are on another disk")}),
    "part-failed": Beside(failing={"looking": "OSError: no"}),
    "trigger-dead": Beside(triggers={"button": (7, "no such folder")}),
    "not-watching": Beside(deaf="/rec is a network mount (nfs4)"),
    "recorder-behind": Beside(recorder_behind=True),
    "data-folder-full": Beside(data_folder=dataclasses.replace(DISK, free_bytes=0)),
    "manifest-rebuilt": Beside(rebuilt="quick_check"),
    "not-advertised": Beside(not_advertised="no multicast"),
    "certificate-unusable": Beside(certificate="torn"),
}


@pytest.mark.parametrize("code", BESIDE)
def test_what_the_agents_parts_say(code: str) -> None:
    assert codes(HEALTHY, BESIDE[code]) == [code]


def test_every_kind_of_fault_can_be_found() -> None:
    """Those about the agent itself are found by whoever asks it."""
    elsewhere = {code for code in KINDS if code.startswith("agent-not-")} | {"manifest-unreadable"}
    assert {code for _, code in SICK.values()} | set(BESIDE) | elsewhere == set(KINDS)


def test_one_disk_under_two_sources_is_one_fault() -> None:
    other = dataclasses.replace(DISK, source="cab", read_only=True)
    told = status(disks=[dataclasses.replace(DISK, read_only=True), other])
    (finding,) = diagnosed(told, Beside())
    assert finding == Finding(
        code="disk-read-only", subject="/rec", facts={"mount": "/rec"},
        sources=frozenset({"nvr", "cab"}),
    )  # fmt: skip


def test_the_whole_story_of_a_pulled_disk_is_one_fault() -> None:
    cameras = [dataclasses.replace(CAMERA, name=f"c{n}", lateness="late") for n in range(8)]
    told = dataclasses.replace(
        disk(present=False), cameras=cameras, recorders=[Recorder(source="nvr", process="m",
        running=False)], holds=HoldUsage(possible=False, method="none", reason="no such folder"),
    )  # fmt: skip
    faults = ranked(diagnosed(told, BESIDE["source-unreadable"]), {}, NOW_MS)
    assert [(fault.code, len(fault.consequences)) for fault in faults] == [("disk-gone", 11)]
