"""Keeps the manifest true: reads all folders now and then, and looks at once where told.

One task does both, in turn, so that what is known never changes under a look.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from layover_agent.clock import Clock
from layover_agent.core.reconcile import Known, compare, doubt
from layover_agent.faults import Faults
from layover_agent.files import Stamp
from layover_agent.judge import Judge
from layover_agent.manifest import Listed, Manifest, Place
from layover_agent.sources import Folder, Found
from layover_agent.wire.types import RecordingState

log = logging.getLogger(__name__)

_BATCH = 200

State = tuple[int, int, int]


class Scanner:
    """``before_folder`` is called in a thread with each folder about to be read."""

    def __init__(
        self,
        judges: Sequence[Judge],
        manifest: Manifest,
        clock: Clock,
        faults: Faults,
        every_s: float,
        before_folder: Callable[[Path], None],
        listed: Callable[[], None],
    ) -> None:
        self._judges = {judge.source.name: judge for judge in judges}
        self._manifest = manifest
        self._clock = clock
        self._faults = faults
        self._every_s = every_s
        self._before_folder = before_folder
        self._listed = listed
        self._told: dict[tuple[str, str], bool] = {}
        self._all_due = True
        self._wake = asyncio.Event()
        self._copies: dict[tuple[str, str], Stamp] = {}

    def look(self, source: str, path: str, *, closed: bool = False) -> None:
        """Asks for a look at one path soon; ``closed``: it was just closed after writing."""
        self._told[source, path] = closed or self._told.get((source, path), False)
        self._wake.set()

    def look_at_all(self) -> None:
        """Asks for a full look soon."""
        self._all_due = True
        self._wake.set()

    async def run(self) -> None:
        """Runs until cancelled."""
        loop = asyncio.get_running_loop()
        next_all = loop.time()
        while True:
            if self._all_due or loop.time() >= next_all:
                self._all_due = False
                await self.read_all()
                next_all = loop.time() + self._every_s
            await self._look_at_told()
            waits = [j.look_again_ms for j in self._judges.values() if j.look_again_ms is not None]
            wait_s = min([next_all - loop.time(), *(ms / 1000 for ms in waits)])
            try:
                async with asyncio.timeout(max(wait_s, 0)):
                    await self._wake.wait()
            except TimeoutError:
                for judge in self._judges.values():
                    for path in judge.undecided:
                        self._told.setdefault((judge.source.name, path), False)
            self._wake.clear()

    async def read_all(self) -> None:
        """One full look at every source. A source at fault keeps what was known of it."""
        began_ms = self._clock.wall_ms()
        whole = True
        for judge in self._judges.values():
            whole = await self._read_source(judge) and whole
        if whole:
            await self._manifest.scan_ended(began_ms)

    async def _read_source(self, judge: Judge) -> bool:
        source = judge.source
        await judge.begin()
        visited: set[str] = set()
        lost: list[Place] = []
        seen_count = 0
        error = ""
        try:
            folders = source.scan(self._before_folder)
            while (folder := await asyncio.to_thread(next, folders, None)) is not None:
                visited.add(folder.path)
                seen_count += len(folder.found)
                lost += await self._read_folder(judge, folder)
        except OSError as problem:
            error = problem.strerror or str(problem)
        else:
            for path in await self._manifest.folders(source.name):
                if path not in visited:
                    lost += await self._read_folder(judge, Folder(path, []))
        code = f"source-{source.name}"
        if text := doubt(seen_count, lost, error):
            self._faults.report(
                code,
                "critical",
                f"The recordings' folder {source.root} {text}.",
                "Check the disk and its mount. Nothing is taken for deleted meanwhile.",
            )
            return False
        self._faults.clear(code)
        for place in lost:
            self.look(source.name, place.path)
        for path in judge.undecided:
            self.look(source.name, path)
        await self._look_at_told()
        return True

    async def _read_folder(self, judge: Judge, folder: Folder) -> list[Place]:
        """Lists what is new in one folder; gives back what is missing from it."""
        source = judge.source.name
        places = await self._manifest.in_folder(source, folder.path)
        found = {one.path: one for one in folder.found}
        judge.saw(folder.found)
        known = {path: _known(place) for path, place in places.items()}
        difference = compare(known, {path: _state(one.stamp) for path, one in found.items()})
        fresh = [found[path] for path in difference.unlisted]
        for start in range(0, len(fresh), _BATCH):
            await self._list(judge, fresh[start : start + _BATCH], folder.found, {})
        return [places[path] for path in difference.lost]

    async def _look_at_told(self) -> None:
        """Looks at every path told of; what is there is listed before what is not is lost."""
        while self._told:
            told, self._told = self._told, {}
            for judge in self._judges.values():
                paths = {path: closed for (name, path), closed in told.items()
                         if name == judge.source.name}  # fmt: skip
                await self._look_at(judge, paths)

    async def _look_at(self, judge: Judge, paths: Mapping[str, bool]) -> None:
        source = judge.source
        found: list[Found] = []
        missing: list[str] = []
        for path in paths:
            try:
                one = await asyncio.to_thread(source.look, path)
            except (OSError, ValueError):
                continue
            if one is None:
                missing.append(path)
            else:
                found.append(one)
        judge.saw(found)
        fresh = []
        for one in found:
            place = await self._place_at(source.name, one.path)
            if place is None or _known(place) != Known(_state(one.stamp), True, place.held):
                fresh.append(one)
        await self._list(judge, fresh, found, paths)
        gone = []
        for path in missing:
            judge.forget(path)
            place = await self._place_at(source.name, path)
            if place and place.state is RecordingState.PRESENT and not place.held:
                gone.append(place.recording_id)
        # A folder that has vanished as a whole is left to the next full look to doubt.
        if gone and await asyncio.to_thread(source.root.is_dir):
            await self._manifest.write([], gone, self._clock.wall_ms())

    async def _list(
        self,
        judge: Judge,
        fresh: Sequence[Found],
        siblings: Sequence[Found],
        closed: Mapping[str, bool],
    ) -> None:
        source = judge.source
        listed: list[Listed] = []
        replaced: list[str] = []
        for one in fresh:
            copy = self._copies.get((source.name, one.path))
            if copy and copy.same_bytes(one.stamp):
                continue
            new = await judge.judge(one, siblings, closed.get(one.path, False))
            if new is None:
                continue
            if await self._is_copy(judge, new):
                self._copies[source.name, one.path] = one.stamp
                continue
            old = await self._place_at(source.name, one.path)
            if old and old.recording_id != new.recording.id and not old.held:
                replaced.append(old.recording_id)
            listed.append(new)
        if listed:
            await self._manifest.write(listed, replaced, self._clock.wall_ms())
            log.info("%s: %d recordings listed", source.name, len(listed))
            self._listed()

    async def _is_copy(self, judge: Judge, new: Listed) -> bool:
        """Whether the same recording is listed, and still there, under another path."""
        place = await self._manifest.place(new.recording.id)
        if place is None or place.state is RecordingState.GONE or place.path == new.path:
            return False
        try:
            other = await asyncio.to_thread(judge.source.look, place.path)
        except OSError:
            return True
        return other is not None and other.stamp.same_bytes(place.stamp)

    async def _place_at(self, source: str, path: str) -> Place | None:
        places = await self._manifest.in_folder(source, path.rpartition("/")[0])
        return places.get(path)


def _known(place: Place) -> Known:
    return Known(_state(place.stamp), place.state is RecordingState.PRESENT, place.held)


def _state(stamp: Stamp) -> State:
    return stamp.inode, stamp.size_bytes, stamp.mtime_ns
