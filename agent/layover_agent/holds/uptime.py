"""How long the agent has run, over all its runs: what leases count."""

from layover_agent.clock import Clock
from layover_agent.manifest import Manifest

_KEY = "uptime_s"


class Uptime:
    def __init__(self, manifest: Manifest, clock: Clock, before_s: int) -> None:
        self._manifest = manifest
        self._clock = clock
        self._before_s = before_s
        self._began_mono_ms = clock.mono_ms()

    @classmethod
    async def restored(cls, manifest: Manifest, clock: Clock) -> "Uptime":
        return cls(manifest, clock, int(await manifest.note(_KEY) or 0))

    def now_s(self) -> int:
        return self._before_s + (self._clock.mono_ms() - self._began_mono_ms) // 1000

    async def save(self) -> None:
        await self._manifest.set_note(_KEY, str(self.now_s()))
