import dataclasses
import shutil

from agent.conftest import Box, Opened

from layover_agent.wire.codec import decode, encode
from layover_agent.wire.types import Retention, Status


async def test_a_box_in_order_has_no_faults(box: Box) -> None:
    box.record()
    await box.scanner.scan()
    status = await box.health.status()
    assert status.faults == []
    assert decode(Status, encode(status)) == status


async def test_retention_is_told_as_configured(open_box: Opened) -> None:
    async with open_box(max_bytes=1000, max_age_s=60) as box:
        assert (await box.health.status()).retention == [
            Retention(source="main", kind="ring", max_bytes=1000),
            Retention(source="main", kind="age", max_age_s=60),
        ]


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
        assert fault.since_ms
    assert status.disks == []
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
    status = await box.health.status()
    assert [fault.severity for fault in status.faults] == ["critical"]


def test_a_status_is_frozen() -> None:
    assert Status.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert all(f.name for f in dataclasses.fields(Status))
