"""SIGKILL in the middle of transfers, on both sides: nothing acknowledged is forgotten, and no
file in the archive is anything but its source."""

from pathlib import Path

import pytest
from e2e import kit

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

COUNT, SIZE = 10, 1_500_000


async def test_kill_both_sides_mid_transfer(tmp_path: Path, video: bytes) -> None:
    async with (
        kit.central(tmp_path) as hq,
        kit.box(hq, tmp_path, "bus-217", cap="24Mbit/s") as box,
    ):
        box.record(video, COUNT, SIZE)
        await box.site.start_agent()
        await box.link.up()
        await box.seen(COUNT)

        async def arriving() -> bool:
            parts = (hq.data / "archive" / ".incoming").glob("*.part")
            return any(0 < part.stat().st_size < SIZE for part in parts)

        acknowledged = [(await box.ask(0, 6))["id"]]
        await kit.until(arriving, "a transfer in the middle of a file")
        acknowledged.append((await box.ask(4, 4))["id"])
        await hq.program.kill()

        await hq.start()
        acknowledged.append((await box.ask(8, 2))["id"])
        await kit.until(arriving, "a transfer after central came back")
        await box.site.agent.kill()
        await box.site.start_agent()

        found = await hq.requests_until(acknowledged, kit.TERMINAL, 60)
        assert [one["state"] for one in found] == ["complete"] * 3
        assert len(box.archived()) == COUNT
        assert box.wrong_files() == []
        assert list((hq.data / "archive" / ".incoming").iterdir()) == []


async def test_a_cut_costs_no_byte(tmp_path: Path, video: bytes) -> None:
    """The link is reset inside a file, again and again: what came is never sent twice."""
    async with kit.central(tmp_path) as hq, kit.box(hq, tmp_path, "bus-218") as box:
        box.record(video, 2, 6_000_000)
        box.link.down.rate_bps = 40_000_000
        await box.site.start_agent()
        await box.link.up()
        await box.seen(2)
        request = await box.ask(0, 2)
        for cut_after in (700_001, 2_000_003, 1_048_576, 333_333):
            box.link.cut_after(cut_after)
            passed = box.link.meter.total_bytes + cut_after

            async def cut(passed: int = passed) -> bool:
                return box.link.meter.total_bytes >= passed

            await kit.until(cut, "the cut")
        (found,) = await hq.requests_until([request["id"]], kit.TERMINAL, 60)
        assert found["state"] == "complete"
        assert box.wrong_files() == []
        status = await hq.get("/status")
        assert status["archive"]["resent_bytes"] == 0


async def test_a_hold_outlives_the_recorders_delete(tmp_path: Path, video: bytes) -> None:
    """Held in the first moment of contact, deleted by the recorder, and still saved."""
    async with (
        kit.central(tmp_path) as hq,
        kit.box(hq, tmp_path, "bus-301", cap="4Mbit/s") as box,
    ):
        box.record(video, 4, 1_000_000)
        sources = [path.read_bytes() for path in box.recordings]
        await box.site.start_agent()
        await box.link.up()
        await box.seen(4)
        request = await box.ask(0, 4)

        async def held() -> bool:
            found = (await hq.request(request["id"]))["transfers"]
            return len(found) == 4 and all(t["held"] or t["state"] == "complete" for t in found)

        await kit.until(held, "holds")
        for path in box.recordings:
            path.unlink()
        (found,) = await hq.requests_until([request["id"]], kit.TERMINAL, 60)
        assert found["state"] == "complete"
        assert sorted(path.read_bytes() for path in box.archived()) == sorted(sources)

        async def released() -> bool:
            return not list((box.site.folder / "data" / "holds").iterdir())

        await kit.until(released, "the release of the holds")


async def test_a_silent_departure_is_noticed_and_its_return_too(
    tmp_path: Path, video: bytes
) -> None:
    """Nothing is reset, nothing answers, in the middle of a transfer; then all is well again."""
    async with (
        kit.central(tmp_path) as hq,
        kit.box(hq, tmp_path, "bus-9", cap="8Mbit/s") as box,
    ):
        box.record(video, 6, 1_000_000)
        await box.site.start_agent()
        await box.link.up()
        await box.seen(6)
        request = await box.ask(0, 6)

        async def arriving() -> bool:
            found = (await hq.request(request["id"]))["transfers"]
            return any(t["received_bytes"] > 0 for t in found)

        async def away() -> bool:
            return (await hq.site("bus-9"))["presence"] != "reachable"

        await kit.until(arriving, "the first bytes")
        box.link.stall()
        await kit.until(away, "the notice of the departure", 25)
        box.link.flow()
        (found,) = await hq.requests_until([request["id"]], kit.TERMINAL, 60)
        assert found["state"] == "complete"
        assert box.wrong_files() == []
