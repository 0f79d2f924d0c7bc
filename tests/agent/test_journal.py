import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from agent.recorders_kept import BEGIN_MS, deletion

from layover_agent import journal as module
from layover_agent.core.fill import Fill
from layover_agent.core.lateness import Rhythm
from layover_agent.core.steps import Reading, Step
from layover_agent.journal import FRESH_MS, Habits, Journal, Since
from layover_agent.manifest import Manifest, opened
from layover_agent.rows import Row

T = BEGIN_MS


@pytest.fixture
async def manifest(tmp_path: Path) -> AsyncIterator[Manifest]:
    async with opened(tmp_path / "m.db") as made:
        yield made


@pytest.fixture
def journal(manifest: Manifest) -> Journal:
    return Journal(manifest)


def row(number: int, camera: str = "front", **values: object) -> Row:
    plain: dict[str, object] = {
        "id": f"{number:032x}",
        "source": "main",
        "camera": camera,
        "path": f"{camera}/{number}.ts",
        "start_ms": T + number * 60_000,
        "end_ms": T + number * 60_000 + 60_000,
        "size_bytes": 1000,
        "container": "ts",
        "end_source": "mtime",
        "confidence": "guessed",
        "damaged": False,
        "inode": number,
        "mtime_ns": 5,
        "boot_id": "b",
        "closed_mono_ms": 0,
        **values,
    }
    return Row(**plain)  # type: ignore[arg-type]


def habits(recordings: int = 5) -> Habits:
    made = Habits(Fill(), Rhythm())
    for n in range(recordings):
        start = T + n * 60_000
        made.fill.add(start, start + 60_000, 1_000_000, T + 86_400_000)
        made.rhythm.closed(start, start + 60_000, start + 60_000, T)
    return made


async def test_deletions_come_back_as_they_were_seen(journal: Journal) -> None:
    some = [
        deletion(0, size_bytes=7, free_before_bytes=5, free_after_bytes=None),
        deletion(60, "rear", locked=True, camera_older_kept=3, locked_older_kept=2),
    ]
    await journal.write({"main": some, "other": [deletion(5)]}, {})
    assert await journal.deletions("main") == some
    assert await journal.deletions("nobody") == []


async def test_of_deletions_only_the_latest_are_kept(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT_DELETIONS", 10)
    await journal.write({"other": [deletion(0)]}, {})
    for n in range(7):
        await journal.write({"main": [deletion(10 * n + k) for k in range(3)]}, {})
    kept = await journal.deletions("main")
    assert [one.missed_ms - T for one in kept] == [
        1000 * (10 * n + k) for n in range(3, 7) for k in range(3)
    ][-10:]
    assert len(await journal.deletions("other")) == 1


async def test_nothing_to_write_writes_nothing(journal: Journal, tmp_path: Path) -> None:
    before = (tmp_path / "m.db-wal").stat()
    await journal.write({"main": []}, {})
    await journal.faults([], T, 0)
    after = (tmp_path / "m.db-wal").stat()
    assert (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)


async def test_habits_come_back(journal: Journal) -> None:
    await journal.write({}, {("main", "front"): habits(5), ("main", "rear"): habits(9)})
    await journal.write({}, {("main", "front"): habits(6)})
    found = await journal.habits("main")
    assert {camera: one.fill.recordings for camera, one in found.items()} == {"front": 6, "rear": 9}
    assert found["rear"].rhythm.closes == 9


async def test_damaged_habits_are_learned_anew(journal: Journal, tmp_path: Path) -> None:
    await journal.write({}, {("main", "front"): habits(), ("main", "rear"): habits()})
    with closing(sqlite3.connect(tmp_path / "m.db")) as database, database:
        database.execute("UPDATE rhythms SET fill = x'00' WHERE camera = 'front'")
    assert list(await journal.habits("main")) == ["rear"]


async def test_sums_of_what_is_there(manifest: Manifest, journal: Journal) -> None:
    rows = [row(1), row(2), row(3, locked=True), row(4, "rear"), row(5, source="other")]
    await manifest.write(rows, [], T)
    await manifest.write([], [row(1).id], T)
    assert await journal.totals("main") == {"front": 1000, "rear": 1000}


async def test_older_ones_that_are_there(manifest: Manifest, journal: Journal) -> None:
    rows = [row(n, locked=n == 2) for n in range(1, 9)] + [row(20, "rear")]
    await manifest.write(rows, [], T)
    await manifest.write([], [row(1).id], T)
    end = T + 60_000
    older = await journal.older("main", "front", row(5).start_ms, 50)
    assert older == [(end + 60_000 * n, n == 2) for n in (2, 3, 4)]
    assert len(await journal.older("main", "front", row(9).start_ms, 3)) == 3


async def test_older_ones_are_found_without_reading_the_table(manifest: Manifest) -> None:
    plan = await manifest._read(
        "EXPLAIN QUERY PLAN SELECT end_ms, locked FROM recordings WHERE source = ? AND camera = ?"
        " AND path_there = 1 AND start_ms < ? ORDER BY start_ms LIMIT ?",
        ("main", "front", T, 50),
    )
    assert "USING INDEX recordings_age" in plan[0][-1]
    assert len(plan) == 1


def step(number: int) -> Step:
    return Step(boot_id="b", mono_ms=number, before_ms=1_000_000, after_ms=T, kind="step")


async def test_clock_steps_come_back_the_latest_500(journal: Journal) -> None:
    assert await journal.steps() == []
    await journal.note_steps([step(n) for n in range(505)])
    await journal.note_steps([step(505)])
    assert await journal.steps() == [step(n) for n in range(6, 506)]


async def test_the_last_reading(manifest: Manifest, journal: Journal) -> None:
    assert await journal.last_reading() is None
    now = Reading(boot_id="b-1", mono_ms=5, wall_ms=-7)
    await journal.set_last_reading(now)
    assert await journal.last_reading() == now
    for text in ("", "b", "b 5", "b 5 x", "b 1 2 3", "\0"):
        await manifest.set_note("clock", text)
        assert await journal.last_reading() is None


async def test_a_fault_keeps_its_since_until_it_is_gone(journal: Journal) -> None:
    late, disk = ("camera-late", "front"), ("disk-full", "main")
    assert await journal.faults([late], T, 100) == {late: Since(T, 100)}
    assert await journal.faults([late, disk], T + 50, 200) == {
        late: Since(T, 100),
        disk: Since(T + 50, 200),
    }
    assert await journal.faults([disk], T + 60, 210) == {disk: Since(T + 50, 200)}
    assert (await journal.faults([late], T + 70, 220))[late] == Since(T + 70, 220)


async def test_since_when_survives_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path / "m.db") as manifest:
        await Journal(manifest).faults([("a", "b")], T, 100)
    async with opened(tmp_path / "m.db") as manifest:
        found = await Journal(manifest).faults([("a", "b")], T - 10 * FRESH_MS, 90_000)
    assert found == {("a", "b"): Since(T, 100)}


async def test_a_lasting_fault_is_written_once_an_hour(
    manifest: Manifest, journal: Journal
) -> None:
    async def last_ms() -> int:
        ((value,),) = await manifest._read("SELECT last_ms FROM faults")
        return int(value)

    for minute in range(130):
        await journal.faults([("a", "b")], T + minute * 60_000, minute * 60)
    assert await last_ms() == T + 2 * FRESH_MS


async def test_what_cannot_be_written_is_logged_and_costs_nothing_else(
    manifest: Manifest, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    await manifest._connection.execute("PRAGMA query_only = ON")
    assert not await journal.write({"main": [deletion(0)]}, {})
    await journal.note_steps([step(1)])
    await journal.set_last_reading(Reading(boot_id="b", mono_ms=1, wall_ms=2))
    assert await journal.faults([("a", "b")], T, 5) == {("a", "b"): Since(T, 5)}
    assert len(caplog.records) == 4
    await manifest._connection.execute("PRAGMA query_only = OFF")
    assert await journal.write({"main": [deletion(0)]}, {})
    assert len(await journal.deletions("main")) == 1


async def test_faults_are_bounded(journal: Journal) -> None:
    many = [("a", str(n)) for n in range(module.KEPT_FAULTS + 50)]
    assert len(await journal.faults(many, T, 0)) == module.KEPT_FAULTS
