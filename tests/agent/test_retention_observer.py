"""The observer behind a real scanner on real files, and beside a manifest of made-up rows."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from agent.conftest import Box, Opened
from agent.kit import HandClock

from layover_agent.core.retention import Learned
from layover_agent.core.sweeps import Deletion
from layover_agent.gathering import MAX_CAMERAS
from layover_agent.journal import Journal
from layover_agent.manifest import Manifest, opened
from layover_agent.retention import (
    BOOTING_MS,
    RECOUNT_EVERY_MS,
    WRITE_EVERY_MS,
    Observer,
    _told,
)
from layover_agent.rows import Row
from layover_agent.scan import Scanner
from layover_agent.wire.codec import decode, encode
from layover_agent.wire.types import Retention

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


def long_up() -> HandClock:
    return HandClock(mono=BOOTING_MS)


@dataclass
class Watched:
    """A box whose scanner tells an observer, as the agent wires them."""

    box: Box
    observer: Observer
    scanner: Scanner

    async def look(self) -> None:
        began_ms = self.box.clock.wall_ms()
        await self.scanner.scan()
        await self.observer.looked(began_ms, self.scanner.faults, everything=True)

    def record(self, number: int, camera: str = "front", size: int = 3000) -> Path:
        """A recording of ten minutes, just closed; each has its own bytes."""
        start = (10 * 60 + 10 * number) % (24 * 60)
        name = f"{start // 60:02}-{start % 60:02}-00"
        data = f"{camera}{number}".encode().ljust(size, b"x")
        return self.box.record(camera, name, data, written_s_ago=10)

    async def deletions(self) -> list[Deletion]:
        await self.observer.save()
        return await Journal(self.box.manifest).deletions("main")


async def watched(box: Box) -> Watched:
    folders = {name: str(source.folder) for name, source in box.sources.items()}
    observer = await Observer.opened(Journal(box.manifest), folders, box.clock)
    scanner = Scanner(box.manifest, box.sources.values(), box.clock, [observer.changed])
    return Watched(box, observer, scanner)


@pytest.fixture
async def site(open_box: Opened) -> AsyncIterator[Watched]:
    async with open_box(long_up()) as box:
        yield await watched(box)


async def test_a_file_that_vanishes_between_two_looks_is_a_fact(site: Watched) -> None:
    paths = [site.record(n, size=1000 * (n + 1)) for n in range(4)]
    await site.look()
    seen_ms = site.box.clock.wall
    site.box.clock.pass_s(60)
    await site.look()
    paths[1].unlink()
    site.record(5, size=500)
    site.box.clock.pass_s(60)
    await site.look()
    (one,) = await site.deletions()
    assert (one.camera, one.size_bytes, one.locked) == ("front", 2000, False)
    assert (one.seen_ms, one.missed_ms) == (seen_ms + MINUTE_MS, seen_ms + 2 * MINUTE_MS)
    assert one.older_kept == one.camera_older_kept == 1
    assert one.source_before_bytes == one.camera_before_bytes == 10_000
    assert (one.source_added_bytes, one.source_after_bytes) == (500, 8_500)
    assert one.free_before_bytes
    assert one.free_after_bytes


async def test_the_age_by_which_a_folder_is_swept_is_learned(site: Watched) -> None:
    clock, kept = site.box.clock, []
    for turn in range(120):
        kept.append((clock.wall, site.record(turn)))
        if turn % 3 == 0:
            limit_ms = clock.wall - 6 * HOUR_MS
            for _, path in [one for one in kept if one[0] - 10 * MINUTE_MS < limit_ms]:
                path.unlink()
            kept = [one for one in kept if one[0] - 10 * MINUTE_MS >= limit_ms]
        await site.look()
        clock.pass_s(600)
    await site.observer.save()
    rules = {rule.name: rule for rule in await site.observer.learned("main")}
    ends = rules["age:end"]
    assert ends.lo <= 6 * HOUR_MS + 10 * MINUTE_MS
    assert ends.hi >= 6 * HOUR_MS
    assert ends.contradictions == 0
    (told,) = [rule for rule in await site.observer.rules("main") if rule.kind == "age"]
    best = rules[f"age:{told.age_from}"]
    assert (told.max_age_s, told.lo, told.support) == (
        best.lo // 1000,
        best.lo // 1000,
        best.support,
    )
    assert told.learned
    assert (told.max_bytes, told.min_free_bytes) == (0, 0)


def test_every_kind_is_told_by_its_careful_end() -> None:
    plain = {"support": 9, "contradictions": 1}
    for rule, told in [
        (Learned(kind="ring", lo=5, hi=7, camera="front", **plain), {"max_bytes": 5}),
        (Learned(kind="floor", lo=5, hi=7, **plain), {"min_free_bytes": 7}),
        (Learned(kind="age", age_from="end", lo=5_900, hi=7_100, **plain), {"max_age_s": 5}),
    ]:
        message = _told("main", rule)
        for name in ("max_bytes", "min_free_bytes", "max_age_s"):
            assert getattr(message, name) == told.get(name, 0)
        assert (message.camera, message.age_from) == (rule.camera, rule.age_from or "start")
        assert message.lo <= message.hi
        assert decode(Retention, encode(message)) == message


async def test_while_the_disk_was_missing_nothing_was_swept(site: Watched) -> None:
    paths = [site.record(n) for n in range(8)]
    await site.look()
    away = site.box.folder / "away"
    site.box.recordings.rename(away)
    site.box.clock.pass_s(60)
    await site.look()
    assert site.scanner.faults
    for path in paths[:5]:
        (away / path.relative_to(site.box.recordings)).unlink()
    away.rename(site.box.recordings)
    site.box.clock.pass_s(60)
    await site.look()
    assert not site.scanner.faults
    assert await site.deletions() == []
    paths[5].unlink()
    site.box.clock.pass_s(60)
    await site.look()
    (one,) = await site.deletions()
    assert one.source_before_bytes == 9_000


async def test_a_folder_that_is_suddenly_empty_is_no_sweep(site: Watched) -> None:
    for n in range(6):
        site.record(n)
    await site.look()
    shutil.rmtree(site.box.recordings)
    site.box.recordings.mkdir()
    site.box.clock.pass_s(60)
    await site.look()
    assert await site.deletions() == []


async def test_a_file_written_anew_is_no_deletion(site: Watched) -> None:
    path = site.record(1)
    await site.look()
    path.unlink()
    site.record(1, size=7000)
    site.box.clock.pass_s(60)
    await site.look()
    assert await site.deletions() == []
    path.unlink()
    site.box.clock.pass_s(60)
    await site.look()
    (one,) = await site.deletions()
    assert one.source_before_bytes == 7000


async def test_what_went_while_the_agent_was_off_is_a_fact_of_a_long_interval(
    open_box: Opened,
) -> None:
    clock = long_up()
    async with open_box(clock) as box:
        site = await watched(box)
        paths = [site.record(n) for n in range(4)]
        await site.look()
        seen_ms = clock.wall
    paths[0].unlink()
    clock.pass_s(3600)
    async with open_box(clock) as box:
        site = await watched(box)
        await site.look()
        (one,) = await site.deletions()
    assert (one.seen_ms, one.missed_ms) == (seen_ms, clock.wall)


async def test_a_recorder_that_is_late_to_sweep_after_a_boot_keeps_nothing_on_purpose(
    open_box: Opened,
) -> None:
    clock = long_up()
    async with open_box(clock) as box:
        site = await watched(box)
        paths = [site.record(n) for n in range(4)]
        await site.look()
        parked_ms = clock.wall
    clock.pass_s(10 * 3600)
    clock.boot_id, clock.mono = "another", 60_000
    async with open_box(clock) as box:
        site = await watched(box)
        for _ in range(5):
            await site.look()
            clock.pass_s(60)
        paths[0].unlink()
        await site.look()
        (one,) = await site.deletions()
    assert one.seen_ms == parked_ms


async def test_a_look_that_may_have_missed_something_proves_nothing(site: Watched) -> None:
    paths = [site.record(n) for n in range(4)]
    await site.look()
    seen_ms = site.box.clock.wall
    for _ in range(3):
        site.box.clock.pass_s(60)
        await site.observer.looked(site.box.clock.wall, (), everything=False)
    paths[0].unlink()
    await site.look()
    (one,) = await site.deletions()
    assert one.seen_ms == seen_ms


async def test_a_step_of_the_clock_spoils_no_age(site: Watched) -> None:
    paths = [site.record(n) for n in range(4)]
    await site.look()
    site.box.clock.wall += 50 * 365 * 24 * HOUR_MS
    site.observer.stepped(50 * 365 * 24 * HOUR_MS)
    paths[0].unlink()
    await site.look()
    assert await site.deletions() == []


# Without files: rows as the scanner would tell them.


def row(number: int, camera: str = "front", **values: object) -> Row:
    plain: dict[str, object] = {
        "id": f"{abs(hash((number, camera))):032x}"[:32],
        "source": "main",
        "camera": camera,
        "path": f"{camera}/{number}.ts",
        "start_ms": HandClock().wall + number * MINUTE_MS,
        "end_ms": HandClock().wall + (number + 1) * MINUTE_MS,
        "size_bytes": 1000,
        "container": "ts",
        "end_source": "container",
        "confidence": "sure",
        "damaged": False,
        "inode": number,
        "mtime_ns": (HandClock().wall + (number + 1) * MINUTE_MS) * 1_000_000,
        "boot_id": "b",
        "closed_mono_ms": 0,
        **values,
    }
    return Row(**plain)  # type: ignore[arg-type]


@pytest.fixture
async def manifest(tmp_path: Path) -> AsyncIterator[Manifest]:
    async with opened(tmp_path / "m.db") as made:
        yield made


@pytest.fixture
def clock() -> HandClock:
    return long_up()


@pytest.fixture
async def observer(manifest: Manifest, clock: HandClock, tmp_path: Path) -> Observer:
    made = await Observer.opened(Journal(manifest), {"main": str(tmp_path)}, clock)
    await made.looked(clock.wall, (), everything=True)
    return made


async def run_camera(
    observer: Observer, clock: HandClock, count: int, camera: str = "front", first: int = 0
) -> None:
    for n in range(first, first + count):
        clock.pass_s(60)
        await observer.changed([row(n, camera)], [])
        await observer.looked(clock.wall, (), everything=True)


async def test_a_camera_that_stops_is_late(observer: Observer, clock: HandClock) -> None:
    await run_camera(observer, clock, 20)
    assert observer.lateness()["main", "front"].state == "on-time"
    clock.pass_s(200)
    assert observer.lateness()["main", "front"].state == "late"


async def test_a_camera_that_was_taken_out_is_forgotten(
    observer: Observer, clock: HandClock
) -> None:
    await run_camera(observer, clock, 20)
    clock.pass_s(80 * 86_400)
    assert observer.lateness()["main", "front"].state == "late"
    clock.pass_s(20 * 86_400)
    assert observer.lateness() == {}


async def test_a_step_makes_no_camera_late(observer: Observer, clock: HandClock) -> None:
    await run_camera(observer, clock, 20)
    clock.wall += 10 * HOUR_MS
    observer.stepped(10 * HOUR_MS)
    assert observer.lateness()["main", "front"].state == "on-time"


async def test_closes_that_come_later_and_later_are_noticed(
    observer: Observer, clock: HandClock
) -> None:
    await run_camera(observer, clock, 60)
    assert not observer.recorder_behind()
    for n in range(60, 66):
        clock.pass_s(100)
        await observer.changed([row(n, mtime_ns=clock.wall * 1_000_000)], [])
    assert observer.recorder_behind()


async def test_habits_survive_a_restart_and_nobody_is_late_at_once(
    manifest: Manifest, observer: Observer, clock: HandClock, tmp_path: Path
) -> None:
    await run_camera(observer, clock, 30)
    await observer.save()
    clock.pass_s(3600)
    again = await Observer.opened(Journal(manifest), {"main": str(tmp_path)}, clock)
    fill = again.fill("main", "front")
    assert fill is not None
    assert fill.recordings == 30
    assert again.lateness()["main", "front"].state == "on-time"
    clock.pass_s(300)
    assert again.lateness()["main", "front"].state == "late"


async def test_flash_is_written_to_four_times_an_hour(
    manifest: Manifest, observer: Observer, clock: HandClock
) -> None:
    await manifest.write([row(n) for n in range(200)], [], clock.wall)
    await observer.changed([row(n) for n in range(200)], [])
    written = set()
    for n in range(120):
        clock.pass_s(60)
        await observer.changed([], [row(n)])
        await observer.looked(clock.wall, (), everything=True)
        written.add(len(await Journal(manifest).deletions("main")))
    assert len(written) <= 1 + 120 * MINUTE_MS // WRITE_EVERY_MS
    assert max(written) >= 100


async def test_what_could_not_be_written_is_written_later(
    manifest: Manifest, observer: Observer, clock: HandClock
) -> None:
    await run_camera(observer, clock, 3)
    await observer.changed([], [row(0)])
    await observer.looked(clock.wall, (), everything=True)
    await manifest._connection.execute("PRAGMA query_only = ON")
    await observer.save()
    await manifest._connection.execute("PRAGMA query_only = OFF")
    assert await Journal(manifest).deletions("main") == []
    await observer.save()
    assert len(await Journal(manifest).deletions("main")) == 1
    assert list(await Journal(manifest).habits("main")) == ["front"]


async def test_one_great_sweep_is_a_few_facts(
    manifest: Manifest, observer: Observer, clock: HandClock
) -> None:
    rows = [row(n, camera) for camera in ("a", "b") for n in range(3000)]
    await observer.changed(rows, [])
    clock.pass_s(60)
    await observer.looked(clock.wall, (), everything=True)
    clock.pass_s(100 * 3600)
    await observer.changed([], rows)
    await observer.looked(clock.wall, (), everything=True)
    await observer.save()
    found = await Journal(manifest).deletions("main")
    assert [(one.camera, one.start_ms) for one in found] == [
        (camera, row(n).start_ms) for camera in ("a", "b") for n in (0, 2999)
    ]
    assert {one.source_after_bytes for one in found} == {0}


async def test_thousands_of_cameras_take_bounded_room(observer: Observer, clock: HandClock) -> None:
    rows = [row(n, f"camera-{n}") for n in range(3000)]
    await observer.changed(rows, [])
    await observer.looked(clock.wall, (), everything=True)
    await observer.changed([], rows)
    gathered = observer._gathered["main"]
    assert len(gathered.cameras) == len(gathered.lost) == MAX_CAMERAS
    assert len(observer._habits) <= MAX_CAMERAS
    assert (gathered.whole.there_bytes, gathered.whole.gone_bytes) == (3_000_000, 3_000_000)


async def test_sums_that_drifted_are_counted_anew(
    manifest: Manifest, observer: Observer, clock: HandClock
) -> None:
    await manifest.write([row(1)], [], clock.wall)
    for _ in range(3):
        await observer.changed([row(1)], [])
    clock.pass_s(RECOUNT_EVERY_MS / 1000)
    await observer.looked(clock.wall, (), everything=True)
    assert observer._gathered["main"].whole.there_bytes == 1000


async def test_rows_of_an_unknown_source_are_nobodys(observer: Observer) -> None:
    await observer.changed([row(1, source="other")], [row(2, source="other")])
    assert observer.lateness() == {}


async def test_a_disk_that_cannot_be_asked_has_unknown_space(
    manifest: Manifest, clock: HandClock, tmp_path: Path
) -> None:
    observer = await Observer.opened(Journal(manifest), {"main": str(tmp_path / "missing")}, clock)
    await observer.changed([row(1), row(2)], [])
    await observer.looked(clock.wall + HOUR_MS, (), everything=True)
    await observer.changed([], [row(1)])
    clock.pass_s(7200)
    await observer.looked(clock.wall, (), everything=True)
    await observer.save()
    (one,) = await Journal(manifest).deletions("main")
    assert (one.free_before_bytes, one.free_after_bytes) == (None, None)
