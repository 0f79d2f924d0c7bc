"""Decides when to look at the folders: at what was heard of at once, at everything now and then."""

import asyncio
import contextlib

from layover_agent.clock import Clock
from layover_agent.clockwatch import ClockWatch
from layover_agent.digests import Hasher
from layover_agent.memory import given_back
from layover_agent.retention import Observer
from layover_agent.scan import Scanner
from layover_agent.settings import Rescan
from layover_agent.watch import Watch

MOST_HEARD = 2000
"""Of more files than this at once a look at everything is cheaper."""
SHARE_OF_TIME = 200
"""Looking at everything takes at most one part in so many of all time."""
STUCK_MS = 1_800_000
"""No look at everything takes so long, unless a disk no longer answers."""
LONGEST_PAUSE_S = 6 * 3600.0
ALIVE_S = 30.0
"""How often the manifest is found to be still true though nothing was heard."""


class Looker:
    """Heard by the watch; run as a task."""

    def __init__(
        self,
        scanner: Scanner,
        hasher: Hasher,
        observer: Observer,
        clock_watch: ClockWatch,
        clock: Clock,
        rescan: Rescan,
    ) -> None:
        self._scanner = scanner
        self._hasher = hasher
        self._observer = observer
        self._clock_watch = clock_watch
        self._clock = clock
        self._rescan = rescan
        self._woken = asyncio.Event()
        self._heard: dict[str, bool] = {}
        self._everything = True
        self._due_s = 0.0
        self._stirred_mono_ms = clock.mono_ms()

    def file(self, path: str, closed: bool) -> None:
        if path in self._heard or len(self._heard) < 2 * MOST_HEARD:
            # The last word counts: what was closed may be another file of that name by now.
            self._heard[path] = closed
        else:
            self._everything = True
        self._woken.set()

    def anything(self) -> None:
        self._everything = True
        # Nor is it known any more of which files the names are that were heard before.
        self._heard = dict.fromkeys(self._heard, False)
        self._woken.set()

    def alive(self) -> bool:
        """Whether looking goes on: a turn is over within its time."""
        return self._clock.mono_ms() - self._stirred_mono_ms < STUCK_MS

    async def run(self, watch: Watch) -> None:
        """Looks for ever. What was heard before a failure is looked at by the next turn."""
        self._everything = True
        while True:
            self._woken.clear()
            heard, self._heard = self._heard, {}
            try:
                settles_in_s = await self._look(watch, heard)
            except BaseException:
                self._heard = heard | self._heard
                raise
            self._stirred_mono_ms = self._clock.mono_ms()
            self._hasher.news()
            left_s = self._due_s - asyncio.get_running_loop().time()
            wait_s = min(ALIVE_S, max(left_s, 0.0), settles_in_s or ALIVE_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(wait_s, 0.05)):
                    await self._woken.wait()

    async def _look(self, watch: Watch, heard: dict[str, bool]) -> float | None:
        """One turn; when a file that is waited for may have settled."""
        loop = asyncio.get_running_loop()
        # First the clock: what is looked at next is judged by it.
        await self._clock_watch.check()
        began_ms = self._clock.wall_ms()
        if await watch.follow() or len(heard) > MOST_HEARD:
            self._everything = True
        everything = self._everything or loop.time() >= self._due_s
        if everything:
            self._everything = False
            with self._hasher.resting():
                closed = [path for path, was_closed in heard.items() if was_closed]
                settles_in_s = await self._scanner.scan(closed)
            await asyncio.to_thread(given_back)
            self._due_s = loop.time() + self._pause_s(watch)
        else:
            settles_in_s = await self._scanner.look(heard, all_heard=not watch.deaf)
        sure = everything or not watch.deaf
        await self._observer.looked(began_ms, self._scanner.hiding, everything=sure)
        return settles_in_s

    def _pause_s(self, watch: Watch) -> float:
        trusted = not watch.deaf and not self._scanner.hiding
        least_s = self._rescan.full_s if trusted else self._rescan.every_s
        # A look that a sleeping box made long must not put the next one off for days.
        worth_s = min(self._scanner.took_ms / 1000 * SHARE_OF_TIME, LONGEST_PAUSE_S)
        return max(least_s, worth_s)
