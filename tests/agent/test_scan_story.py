"""Anything that a recorder, a person or a loose cable can do to a folder, told well or badly:
in the end the manifest is what a fresh look would make, and on the way it never lies."""

import asyncio
import functools
import os
import random
import shutil
import tempfile
from pathlib import Path

from agent.conftest import LAYOUT, encoded
from agent.kit import HandClock, touch_at
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from layover_agent.manifest import Manifest, opened
from layover_agent.rows import Row
from layover_agent.scan import Scanner
from layover_agent.settings import SourceConfig
from layover_agent.sources.template import TemplateSource
from layover_agent.wire.types import Recording

PATHS = st.builds(
    "{}/2026-11-21/{}.{}".format,
    st.sampled_from(["front", "rear"]),
    st.sampled_from([f"10-0{minute}-00" for minute in range(4)]),
    st.sampled_from(["mp4", "h264"]),
)
DAY_MS = 86_400_000
LATEST_MS = 5_000_000_000_000
DAYS = st.sampled_from(["front/2026-11-21", "rear/2026-11-21"])


@functools.cache
def movie() -> bytes:
    return encoded(1, {})


def content(kind: str, number: int) -> bytes:
    """The bytes of one recording, unlike any other's."""
    if kind == "mp4":
        note = b"%08d" % number * (1 + number % 3)
        return movie() + (len(note) + 8).to_bytes(4, "big") + b"free" + note
    return b"%08d" % number * (100 + number % 7)


def scanner(manifest: Manifest, root: Path, clock: HandClock) -> tuple[Scanner, TemplateSource]:
    source = TemplateSource("main", SourceConfig(folder=str(root), layout=LAYOUT, zone="+00:00"))
    return Scanner(manifest, [source], clock), source


async def all_rows(manifest: Manifest) -> list[Row]:
    page = await manifest.page("", 0, 1000)
    found = await manifest.of_ids([row.id for row in page.rows])
    return [found[row.id] for row in page.rows]


class Reader:
    """Follows the feed as central does."""

    def __init__(self) -> None:
        self.after = 0
        self.mirror: dict[str, Recording] = {}

    async def read(self, manifest: Manifest, pages: int, limit: int) -> None:
        for _ in range(pages):
            page = await manifest.page(manifest.epoch, self.after, limit)
            seqs = [self.after, *(row.seq for row in page.rows)]
            assert seqs == sorted(set(seqs)), "numbers of change only grow"
            self.mirror |= {row.id: row for row in page.rows}
            self.after = page.rows[-1].seq if page.rows else page.head_seq

    def present(self) -> set[str]:
        return {row.id for row in self.mirror.values() if row.state == "present"}


class Story(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.runner = asyncio.Runner()
        self.box = Path(tempfile.mkdtemp(prefix="story"))
        self.root = self.box / "recordings"
        self.root.mkdir()
        self.clock = HandClock()
        self.opening = opened(self.box / "m.db")
        self.manifest = self.runner.run(self.opening.__aenter__())
        self.scanner, self.source = scanner(self.manifest, self.root, self.clock)
        self.made = 0
        self.being_made: dict[str, bytes] = {}
        """What the recorder is still to write, by path."""
        self.heard: list[tuple[str, bool]] = []
        self.all_heard = True
        self.away = False
        self.readers = [Reader() for _ in range(3)]
        self.head_seq = 0

    def teardown(self) -> None:
        if not hasattr(self, "runner"):
            return
        try:
            self.bring_back()
            for path in list(self.being_made):
                self.close(path)
            # What is gone from an empty folder is known once the recorder goes on.
            self.put("side/2026-11-21/11-00-00.mp4", content("mp4", 0))
            self.runner.run(self.same_as_fresh())
        finally:
            self.runner.run(self.opening.__aexit__(None, None, None))
            self.runner.close()
            shutil.rmtree(self.box)

    # What happens in the box.

    @property
    def files(self) -> list[str]:
        return sorted(
            str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file()
        )

    def put(self, path: str, data: bytes) -> None:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("ab") as file:
            file.write(data)
        touch_at(place, self.clock.wall)

    def tick(self, seconds: float = 0.01) -> None:
        """Time goes by, and the recorder writes what it has open."""
        self.clock.pass_s(seconds)
        self.write_on()

    def write_on(self) -> None:
        for path, left in list(self.being_made.items()):
            if not self.away:
                self.put(path, left[:1])
                self.being_made[path] = left[1:]

    def here(self) -> bool:
        return not self.away

    def news(self, path: str, closed: bool = False) -> None:
        self.heard.append((f"{self.root}/{path}", closed))

    @precondition(here)
    @rule(path=PATHS, again=st.booleans())
    def begin_file(self, path: str, again: bool) -> None:
        """A new file, or one that is written over in place or once more."""
        if path in self.being_made:
            return
        self.tick()
        self.made += 1
        place = self.root / path
        if place.exists() and not again:
            place.unlink()
            self.news(path)
        if place.exists():
            os.truncate(place, 0)
            self.heard = [(p, c and p != str(place)) for p, c in self.heard]
        else:
            self.news(path)
        data = content(path.rpartition(".")[2], self.made)
        self.being_made[path] = data[-200:]
        self.put(path, data[:-200])

    @precondition(lambda self: self.here() and self.being_made)
    @rule(data=st.data())
    def close_file(self, data: st.DataObject) -> None:
        self.close(data.draw(st.sampled_from(sorted(self.being_made))))

    def close(self, path: str) -> None:
        self.tick()
        self.put(path, self.being_made.pop(path))
        self.news(path, closed=True)

    @precondition(lambda self: self.here() and self.files)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(self.files))
        (self.root / path).unlink()
        self.being_made.pop(path, None)
        self.news(path)

    @precondition(lambda self: self.here() and self.files)
    @rule(data=st.data(), to=PATHS)
    def rename(self, data: st.DataObject, to: str) -> None:
        path = data.draw(st.sampled_from(self.files))
        if path in self.being_made or to in self.being_made or path == to:
            return
        (self.root / to).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).rename(self.root / to)
        self.news(path)
        self.news(to, closed=True)

    @precondition(lambda self: self.here() and self.files)
    @rule(data=st.data(), to=PATHS, link=st.booleans())
    def copy(self, data: st.DataObject, to: str, link: bool) -> None:
        path = data.draw(st.sampled_from(self.files))
        if path in self.being_made or (self.root / to).exists():
            return
        (self.root / to).parent.mkdir(parents=True, exist_ok=True)
        if link:
            os.link(self.root / path, self.root / to)
            self.news(to)
        else:
            shutil.copy2(self.root / path, self.root / to)
            self.news(to, closed=True)

    @precondition(here)
    @rule(day=DAYS)
    def move_folder(self, day: str) -> None:
        """Out of the recordings, or back in."""
        inside, outside = self.root / day, self.box / day.replace("/", "-")
        if any(path.startswith(day) for path in self.being_made):
            return
        if outside.exists() and not inside.exists():
            inside.parent.mkdir(exist_ok=True)
            outside.rename(inside)
            for path in self.files:
                if path.startswith(day):
                    self.news(path)
        elif inside.exists() and not outside.exists():
            inside.rename(outside)
            self.all_heard = False

    @rule(empty=st.booleans())
    def take_away(self, empty: bool) -> None:
        """The disk is pulled out: nothing is there any more, or an empty folder."""
        if self.away:
            self.bring_back()
            return
        self.away = True
        self.root.rename(self.box / "card")
        if empty:
            self.root.mkdir()

    def bring_back(self) -> None:
        if self.away:
            if self.root.exists():
                self.root.rmdir()
            (self.box / "card").rename(self.root)
            self.away = False
            self.write_on()

    @rule(seconds=st.sampled_from([0.5, 3, 6, 70]))
    def wait(self, seconds: float) -> None:
        self.tick(seconds)

    @rule(seconds=st.sampled_from([-86_400 * 18_000, -3600, -1, 1, 3600, 86_400 * 18_000]))
    def set_clock(self, seconds: int) -> None:
        """Within what file systems can say: a box that lost its clock begins in 1970."""
        self.clock.wall = min(max(self.clock.wall + seconds * 1000, DAY_MS), LATEST_MS)
        self.write_on()

    # What the agent does.

    @rule(lost=st.sets(PATHS), chance=st.randoms(use_true_random=False))
    def look(self, lost: set[str], chance: random.Random) -> None:
        """Of some files nothing is told; of the others the last word counts, in any order."""
        told = [(path, closed) for path, closed in dict(self.heard).items()]
        chance.shuffle(told)
        if not self.all_heard:
            self.scan()
            return
        self.heard.clear()
        unheard = {f"{self.root}/{path}" for path in lost}
        self.agent(self.scanner.look({p: closed for p, closed in told if p not in unheard}))

    @rule()
    def scan(self) -> None:
        closed = [path for path, was_closed in dict(self.heard).items() if was_closed]
        self.heard.clear()
        self.all_heard = True
        self.agent(self.scanner.scan(closed))
        if not self.away:
            offered = self.runner.run(self.present_paths())
            assert not offered & set(self.being_made), "it is still being written"

    @rule(reader=st.integers(0, 2), pages=st.integers(1, 3), limit=st.integers(1, 4))
    def read(self, reader: int, pages: int, limit: int) -> None:
        self.runner.run(self.readers[reader].read(self.manifest, pages, limit))

    @rule()
    def restart(self) -> None:
        self.scanner, self.source = scanner(self.manifest, self.root, self.clock)
        self.all_heard = False

    def agent(self, work: object) -> None:
        self.runner.run(self.watched(work))

    async def watched(self, work: object) -> None:
        before = await self.manifest.head()
        await work  # type: ignore[misc]
        for row in await all_rows(self.manifest):
            if row.seq <= before.seq or row.present:
                if row.seq > before.seq and row.path in self.being_made:
                    raise AssertionError(f"{row.path} is listed while it is written")
                continue
            entry = self.source.entry(row.path)
            assert entry is None or entry.shape != row.shape, f"{row.path} is there, and not gone"

    async def present_paths(self) -> set[str]:
        return {row.path for row in await all_rows(self.manifest) if row.present}

    @invariant()
    def changes_only_grow(self) -> None:
        if hasattr(self, "manifest"):
            head = self.runner.run(self.manifest.head())
            assert head.seq >= self.head_seq
            self.head_seq = head.seq

    async def same_as_fresh(self) -> None:
        self.clock.pass_s(100)
        await self.scanner.scan()
        self.clock.pass_s(10)
        await self.scanner.scan()
        assert self.scanner.faults == {}
        async with opened(self.box / "fresh.db") as manifest:
            fresh, _ = scanner(manifest, self.root, self.clock)
            await fresh.scan()
            self.clock.pass_s(10)
            await fresh.scan()
            expected = {row.id: row for row in await all_rows(manifest)}
        found = {row.id: row for row in await all_rows(self.manifest) if row.present}
        assert {row.path for row in found.values()} <= set(self.files)
        assert found.keys() == expected.keys()
        for recording_id, row in found.items():
            other = expected[recording_id]
            assert (row.start_ms, row.camera) == (other.start_ms, other.camera)
            if row.path == other.path and "container" in (row.end_source, other.end_source):
                assert row.end_ms == other.end_ms
        for reader in self.readers:
            await reader.read(self.manifest, 100, 7)
            assert reader.present() == found.keys()


def test_whatever_happens_the_manifest_is_true() -> None:
    run_state_machine_as_test(
        Story,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
