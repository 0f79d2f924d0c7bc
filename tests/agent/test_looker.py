"""When the folders are looked at: at what was heard of at once, at everything where it must be."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from agent.conftest import Box
from agent.kit import eventually, until

from layover_agent import looker as module
from layover_agent.clockwatch import ClockWatch
from layover_agent.journal import Journal
from layover_agent.looker import MOST_HEARD, STUCK_MS, Looker
from layover_agent.retention import Observer
from layover_agent.scan import Scanner
from layover_agent.settings import Rescan
from layover_agent.watch import Watch, watching


class CountedScanner(Scanner):
    """Counts its looks, and fails when it is told to."""

    whole = 0
    fails: Exception | None = None
    in_scan: asyncio.Event | None = None
    go_on: asyncio.Event | None = None

    def __init__(self, box: Box) -> None:
        super().__init__(box.manifest, box.sources.values(), box.clock)
        self.looks: list[dict[str, bool]] = []

    async def scan(self, closed=()):  # type: ignore[no-untyped-def]
        self.whole += 1
        if self.in_scan and self.go_on:
            self.in_scan.set()
            await self.go_on.wait()
        self._fail()
        return await super().scan(closed)

    async def look(self, heard: Mapping[str, bool], *, all_heard: bool = True) -> float | None:
        self.looks.append(dict(heard))
        self._fail()
        return await super().look(heard, all_heard=all_heard)

    def _fail(self) -> None:
        if self.fails:
            error, self.fails = self.fails, None
            raise error


@pytest.fixture
def scanner(box: Box) -> CountedScanner:
    return CountedScanner(box)


@pytest.fixture
async def looker(box: Box, scanner: CountedScanner) -> Looker:
    journal = Journal(box.manifest)
    observer = await Observer.opened(journal, {"main": str(box.recordings)}, box.clock)
    watch = ClockWatch(journal, box.clock, observer.stepped)
    return Looker(scanner, box.hasher, observer, watch, box.clock, Rescan())


@contextlib.asynccontextmanager
async def running(looker: Looker, box: Box) -> AsyncIterator[Watch]:
    async with watching([box.recordings], looker) as watch:
        task = asyncio.create_task(looker.run(watch))
        try:
            yield watch
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def named(path: Path, box: Box) -> str:
    return str(path.relative_to(box.recordings))


async def test_a_recording_is_listed_when_it_is_closed_without_a_look_at_everything(
    box: Box, looker: Looker, scanner: CountedScanner
) -> None:
    for minute in range(10):
        box.record(start=f"09-{minute:02}-00")
    async with running(looker, box):
        await until(lambda: scanner.whole == 1, "the first look")
        new = box.record(written_s_ago=0)

        async def listed() -> bool:
            return named(new, box) in await box.present()

        await eventually(listed, "listing it")
        assert scanner.whole == 1


async def test_one_closed_file_among_many_costs_what_one_alone_does(
    box: Box, looker: Looker, scanner: CountedScanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted in questions to the database and to the file system, not in time."""

    async def costs() -> tuple[int, int]:
        statements: list[str] = []
        stats: list[str] = []
        entry = box.source.entry
        await box.manifest._connection.set_trace_callback(statements.append)
        monkeypatch.setattr(box.source, "entry", lambda path: (stats.append(path), entry(path))[1])
        new = box.record(start=f"1{costs_of}-00-00", data=b"%d" % costs_of * 5000, written_s_ago=0)
        await scanner.look({str(new): True})
        await box.manifest._connection.set_trace_callback(None)
        monkeypatch.undo()
        return len(statements), len(stats)

    costs_of = 1
    await scanner.scan()
    alone = await costs()
    for minute in range(700):
        box.record(start=f"0{minute // 60 % 9}-{minute % 60:02}-00", camera=f"c{minute // 540}")
    await scanner.scan()
    costs_of = 2
    assert await costs() == alone


async def test_what_happens_while_everything_is_looked_at_is_looked_at_next(
    box: Box, looker: Looker, scanner: CountedScanner
) -> None:
    scanner.in_scan, scanner.go_on = asyncio.Event(), asyncio.Event()
    async with running(looker, box):
        await scanner.in_scan.wait()
        looker.anything()
        looker.file("/elsewhere/a.ts", closed=True)
        scanner.go_on.set()
        await until(lambda: scanner.whole == 2, "a second look at everything")


async def test_nothing_told_during_the_following_of_folders_is_lost(
    box: Box, looker: Looker, scanner: CountedScanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(looker, box) as watch:
        await until(lambda: scanner.whole == 1, "the first look")
        follow = watch.follow

        async def told_meanwhile() -> bool:
            monkeypatch.setattr(watch, "follow", follow)
            looker.anything()
            return await follow()

        monkeypatch.setattr(watch, "follow", told_meanwhile)
        looker.file("/elsewhere/a.ts", closed=False)
        await until(lambda: scanner.whole == 2, "a look at everything")


async def test_a_look_that_fails_loses_nothing_and_everything_is_looked_at_after_it(
    box: Box, looker: Looker, scanner: CountedScanner
) -> None:
    box.record(start="00-00-00", data=b"")
    async with watching([box.recordings], looker) as watch:
        new = box.record(written_s_ago=0)
        looker.file(str(new), closed=True)
        scanner.fails = OSError(28, "No space left on device")
        with pytest.raises(OSError, match="No space"):
            await looker.run(watch)
        task = asyncio.create_task(looker.run(watch))

        async def listed() -> bool:
            return named(new, box) in await box.present()

        await eventually(listed, "listing it, for its close was seen")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert scanner.whole == 2


async def test_more_files_than_are_looked_at_singly_take_no_memory_without_end(
    box: Box, looker: Looker, scanner: CountedScanner
) -> None:
    async with running(looker, box):
        await until(lambda: scanner.whole == 1, "the first look")
        for number in range(10 * MOST_HEARD):
            looker.file(f"/elsewhere/{number}.ts", closed=True)
        assert len(looker._heard) <= 2 * MOST_HEARD
        await until(lambda: scanner.whole == 2, "a look at everything")
        assert scanner.looks == []


async def test_a_root_that_was_mounted_anew_is_noticed_without_an_event(
    box: Box, looker: Looker, scanner: CountedScanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel says nothing when a disk is mounted over a folder."""
    monkeypatch.setattr(module, "ALIVE_S", 0.05)
    async with running(looker, box) as watch:
        await until(lambda: scanner.whole == 1, "the first look")
        box.recordings.rename(box.folder / "below")
        box.recordings.mkdir()
        box.record(start="12-00-00")

        async def listed() -> bool:
            return "front/2026-11-21/12-00-00.h264" in await box.present()

        await eventually(listed, "listing what is on it")
        assert watch.deaf == ""


async def test_a_deaf_watch_makes_no_single_look_the_truth_about_everything(
    box: Box, scanner: CountedScanner
) -> None:
    await scanner.scan()
    good_ms = (await box.manifest.head()).scanned_ms
    box.clock.pass_s(20)
    await scanner.look({}, all_heard=False)
    assert (await box.manifest.head()).scanned_ms == good_ms
    await scanner.look({}, all_heard=True)
    assert (await box.manifest.head()).scanned_ms == good_ms + 20_000


async def test_looking_is_alive_until_a_turn_takes_too_long(
    box: Box, looker: Looker, scanner: CountedScanner
) -> None:
    scanner.in_scan, scanner.go_on = asyncio.Event(), asyncio.Event()
    async with running(looker, box):
        await scanner.in_scan.wait()
        box.clock.pass_s(STUCK_MS / 1000 - 1)
        assert looker.alive()
        box.clock.pass_s(2)
        assert not looker.alive()
        scanner.go_on.set()
        await until(looker.alive, "coming back")


async def test_a_file_made_anew_is_not_closed_because_its_predecessor_was(
    box: Box, looker: Looker, scanner: CountedScanner
) -> None:
    """All of it happens while everything is looked at: only the last word counts."""
    box.record(camera="front", start="00-00-00", data=b"")
    scanner.in_scan, scanner.go_on = asyncio.Event(), asyncio.Event()
    async with running(looker, box):
        await scanner.in_scan.wait()
        path = box.record(written_s_ago=0)
        await until(lambda: looker._heard.get(str(path)), "hearing of the close")
        path.unlink()
        with path.open("wb") as file:
            file.write(b"another one" * 1000)
            file.flush()
            os.utime(path, ns=(box.clock.wall * 10**6, box.clock.wall * 10**6))
            await until(lambda: looker._heard.get(str(path)) is False, "hearing of the new one")
            scanner.go_on.set()
            await until(lambda: scanner.looks, "a look at it")
            assert await box.present() == {}


async def test_what_was_heard_before_an_overflow_proves_no_close(looker: Looker) -> None:
    looker.file("/a.ts", closed=True)
    looker.anything()
    assert looker._heard == {"/a.ts": False}
