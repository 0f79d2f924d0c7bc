"""Decides when to look at the folders: at what was heard of at once, at everything now and then."""

import asyncio
import contextlib

from layover_agent.digests import Hasher
from layover_agent.scan import Scanner
from layover_agent.settings import Rescan
from layover_agent.watch import Watch

MOST_HEARD = 2000
"""Of more files than this at once a look at everything is cheaper."""
SHARE_OF_TIME = 200
"""Looking at everything takes at most one part in so many of all time."""
ALIVE_S = 30.0
"""How often the manifest is found to be still true though nothing was heard."""


class Looker:
    """Heard by the watch; run as a task."""

    def __init__(self, scanner: Scanner, hasher: Hasher, rescan: Rescan) -> None:
        self._scanner = scanner
        self._hasher = hasher
        self._rescan = rescan
        self._woken = asyncio.Event()
        self._heard: dict[str, bool] = {}
        self._everything = True
        self.turns = 0
        """Counts on as long as looking makes progress."""

    def file(self, path: str, closed: bool) -> None:
        self._heard[path] = closed or self._heard.get(path, False)
        self._woken.set()

    def anything(self) -> None:
        self._everything = True
        self._woken.set()

    async def run(self, watch: Watch) -> None:
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            self._woken.clear()
            heard, self._heard = self._heard, {}
            if self._everything or loop.time() >= due_s or len(heard) > MOST_HEARD:
                self._everything = False
                await watch.follow()
                with self._hasher.resting():
                    closed = [path for path, was_closed in heard.items() if was_closed]
                    settles_in_s = await self._scanner.scan(closed)
                due_s = loop.time() + self._pause_s(watch)
            else:
                settles_in_s = await self._scanner.look(heard)
            self.turns += 1
            self._hasher.news()
            wait_s = min(ALIVE_S, max(due_s - loop.time(), 0), settles_in_s or ALIVE_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(wait_s, 0.05)):
                    await self._woken.wait()

    def _pause_s(self, watch: Watch) -> float:
        trusted = not watch.deaf and not self._scanner.faults
        least_s = self._rescan.full_s if trusted else self._rescan.every_s
        return max(least_s, self._scanner.took_ms / 1000 * SHARE_OF_TIME)
