from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from agent.kit import HandClock

from layover_agent.clockwatch import BUILT_MS, SAVE_EVERY_MS, ClockWatch
from layover_agent.journal import Journal
from layover_agent.manifest import opened

HOUR_MS = 3_600_000


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    async with opened(tmp_path / "m.db") as manifest:
        yield Journal(manifest)


async def test_a_clock_that_is_kept_is_no_news(journal: Journal) -> None:
    clock, shifts = HandClock(), []
    watch = ClockWatch(journal, clock, shifts.append)
    for _ in range(100):
        assert await watch.check() is None
        clock.pass_s(30)
    assert shifts == []
    assert await journal.steps() == []


async def test_a_step_is_told_and_written_down(journal: Journal) -> None:
    clock, shifts = HandClock(), []
    watch = ClockWatch(journal, clock, shifts.append)
    await watch.check()
    clock.pass_s(30)
    clock.wall += HOUR_MS
    found = await watch.check()
    assert found is not None
    assert (found.kind, found.shift_ms) == ("step", HOUR_MS)
    assert shifts == [HOUR_MS]
    assert await journal.steps() == [found]
    clock.pass_s(30)
    assert await watch.check() is None


async def test_a_boot_in_1970_and_the_jump_to_the_present(journal: Journal) -> None:
    clock, shifts = HandClock(), []
    now_ms, clock.wall = clock.wall, 20_000
    watch = ClockWatch(journal, clock, shifts.append)
    first = await watch.check()
    assert first is not None
    assert (first.kind, first.before_ms, shifts) == ("unset", BUILT_MS, [])
    clock.wall = now_ms
    await watch.check()
    assert shifts == [now_ms - 20_000]
    assert [one.kind for one in await journal.steps()] == ["unset", "step"]


async def test_a_restart_of_the_agent_alone_misses_no_step(journal: Journal) -> None:
    clock = HandClock()
    before = ClockWatch(journal, clock, lambda _: None)
    await before.check()
    await before.save()
    clock.pass_s(600)
    assert await ClockWatch(journal, clock, lambda _: None).check() is None
    clock.wall -= HOUR_MS
    found = await ClockWatch(journal, clock, lambda _: None).check()
    assert found is not None
    assert found.shift_ms == -HOUR_MS


async def test_a_boot_that_is_earlier_than_the_one_before(journal: Journal) -> None:
    clock = HandClock()
    before = ClockWatch(journal, clock, lambda _: None)
    await before.check()
    clock.boot_id, clock.mono = "another", 5_000
    clock.wall -= 2 * HOUR_MS
    found = await ClockWatch(journal, clock, lambda _: None).check()
    assert found is not None
    assert (found.kind, found.boot_id) == ("back", "another")


async def test_where_the_clocks_are_is_written_once_an_hour(journal: Journal) -> None:
    clock = HandClock()
    watch = ClockWatch(journal, clock, lambda _: None)
    written = set()
    for _ in range(4 * SAVE_EVERY_MS // 30_000):
        await watch.check()
        written.add(await journal.last_reading())
        clock.pass_s(30)
    assert len(written) == 4
