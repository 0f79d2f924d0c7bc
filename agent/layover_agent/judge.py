"""Which of a source's files are closed, and what recording each one is.

Remembers files that are not listed yet: since when they look the same, and whether a close was
seen. Everything else is a rule in ``core.closing``.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace

from layover_agent.clock import Clock
from layover_agent.core.closing import QUIET_MS, Signs, Verdict, end_of, may_be_closed, verdict
from layover_agent.files import Stamp
from layover_agent.manifest import Listed, Manifest
from layover_agent.probe import Probed, probe, shown
from layover_agent.sources import Found, Source
from layover_agent.wire.types import Recording, RecordingState


@dataclass(frozen=True, slots=True)
class _Watched:
    stamp: Stamp
    since_mono_ms: int
    close_seen: bool


class Judge:
    """Decides over one source's unlisted files."""

    def __init__(self, source: Source, settle_ms: int, manifest: Manifest, clock: Clock) -> None:
        self.source = source
        self._settle_ms = settle_ms
        self._manifest = manifest
        self._clock = clock
        self._watched: dict[str, _Watched] = {}
        self._newest: dict[str, int] = {}

    @property
    def undecided(self) -> list[str]:
        """Paths that may become recordings with time."""
        return list(self._watched)

    @property
    def look_again_ms(self) -> int | None:
        """In how many milliseconds time alone may decide something; None: never."""
        if not self._watched:
            return None
        oldest_ms = min(one.since_mono_ms for one in self._watched.values())
        due_ms = oldest_ms + min(self._settle_ms, QUIET_MS) - self._clock.mono_ms()
        return max(due_ms, min(self._settle_ms, QUIET_MS))

    def forget(self, path: str) -> None:
        self._watched.pop(path, None)

    async def begin(self) -> None:
        """Takes the cameras' newest recordings from the manifest, before a look at all files."""
        self._newest = await self._manifest.newest_starts(self.source.name)

    def saw(self, found: Iterable[Found]) -> None:
        """Takes note of every file there is, listed or not: a successor proves its predecessor."""
        for one in found:
            camera = shown(one.named.camera)
            start_ms = one.named.start_ms
            self._newest[camera] = max(self._newest.get(camera, start_ms), start_ms)

    async def judge(self, found: Found, siblings: Iterable[Found], closed: bool) -> Listed | None:
        """The recording that a file is, ready to list; None while it is not closed.

        ``closed``: a close was just seen. ``siblings``: files seen with it.
        """
        watched = self._note(found, closed)
        signs = self._signs(found, watched)
        if not may_be_closed(signs, self._settle_ms):
            return None
        try:
            probed = await asyncio.to_thread(probe, self.source.name, self.source.root, found)
        except OSError:
            return None
        if not probed.stamp.same_bytes(found.stamp):
            self._note(replace(found, stamp=probed.stamp), closed=False)
            return None
        decided = verdict(signs, self._settle_ms, probed.complete)
        if decided is Verdict.OPEN:
            return None
        self.forget(found.path)
        recording = await self._recording(found, probed, siblings, watched.close_seen)
        return Listed(
            recording=replace(recording, damaged=decided is Verdict.DAMAGED),
            source=self.source.name,
            path=found.path,
            stamp=probed.stamp,
        )

    def _note(self, found: Found, closed: bool) -> _Watched:
        known = self._watched.get(found.path)
        if known is None or not known.stamp.same_bytes(found.stamp):
            known = _Watched(found.stamp, self._clock.mono_ms(), closed)
        elif closed:
            known = replace(known, close_seen=True)
        self._watched[found.path] = known
        return known

    def _signs(self, found: Found, watched: _Watched) -> Signs:
        newest_ms = self._newest.get(shown(found.named.camera), found.named.start_ms)
        return Signs(
            close_seen=watched.close_seen,
            newer_exists=newest_ms > found.named.start_ms,
            unchanged_ms=self._clock.mono_ms() - watched.since_mono_ms,
            age_ms=self._clock.wall_ms() - found.stamp.mtime_ns // 1_000_000,
        )

    async def _recording(
        self, found: Found, probed: Probed, siblings: Iterable[Found], close_seen: bool
    ) -> Recording:
        start_ms = found.named.start_ms
        duration_ms = probed.duration_ms or found.named.duration_ms
        next_start_ms = None
        if duration_ms is None:
            next_start_ms = await self._next_start_ms(probed.camera, start_ms, siblings)
        end = end_of(
            start_ms,
            found.named.sure,
            duration_ms,
            next_start_ms,
            found.stamp.mtime_ns // 1_000_000,
        )
        return Recording(
            id=probed.recording_id,
            seq=0,
            state=RecordingState.PRESENT,
            camera=probed.camera,
            start_ms=start_ms,
            end_ms=end.end_ms,
            size_bytes=probed.stamp.size_bytes,
            container=probed.container,
            end_source=end.source,
            confidence=end.confidence,
            boot_id=self._clock.boot_id,
            closed_mono_ms=self._clock.mono_ms() if close_seen else 0,
        )

    async def _next_start_ms(
        self, camera: str, start_ms: int, siblings: Iterable[Found]
    ) -> int | None:
        later = [one.named.start_ms for one in siblings if shown(one.named.camera) == camera]
        later.append(self._newest.get(camera, start_ms))
        listed_ms = await self._manifest.next_start(self.source.name, camera, start_ms)
        if listed_ms is not None:
            later.append(listed_ms)
        return min((one for one in later if one > start_ms), default=None)
