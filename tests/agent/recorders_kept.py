"""Recorders that delete, in a world of numbers: what a box would see of them, look by look."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from layover_agent.core.sweeps import Deletion

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
BEGIN_MS = 1_795_258_800_000


def deletion(missed_s: float, camera: str = "front", **values: object) -> Deletion:
    """A deletion that was noticed so many seconds after ``BEGIN_MS``."""
    missed_ms = BEGIN_MS + int(missed_s * 1000)
    plain: dict[str, object] = {
        "camera": camera,
        "start_ms": BEGIN_MS - 90_000_000,
        "end_ms": BEGIN_MS - 89_900_000,
        "mtime_ms": BEGIN_MS - 89_900_000,
        "size_bytes": 1000,
        "seen_ms": missed_ms - 30_000,
        "missed_ms": missed_ms,
        "source_before_bytes": 0,
        "source_after_bytes": 0,
        "source_added_bytes": 0,
        "camera_before_bytes": 0,
        "camera_after_bytes": 0,
        "camera_added_bytes": 0,
        **values,
    }
    return Deletion(**plain)  # type: ignore[arg-type]


@dataclass(frozen=True)
class File:
    camera: str
    start_ms: int
    end_ms: int
    size_bytes: int
    locked: bool = False


Policy = Callable[["World"], list[File]]


@dataclass
class World:
    """Cameras that record without a gap, a recorder that sweeps, an agent that looks."""

    policy: Policy
    seed: int = 1
    cameras: int = 2
    segment_ms: int = 5 * MINUTE_MS
    sweep_ms: int = 10 * MINUTE_MS
    look_ms: int = 2 * MINUTE_MS
    swing: float = 0.5
    """How much the rate changes, over some days."""
    rate_bytes: int = 50_000
    lock_every: int = 0
    pause: Callable[[int], bool] = lambda _: False
    """When the box is off."""
    disk_bytes: int = 10**12
    others_swing_bytes: int = 0
    """How much what else is on the disk grows and shrinks."""
    files: list[File] = field(default_factory=list)
    deletions: list[Deletion] = field(default_factory=list)
    now_ms: int = BEGIN_MS

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._open = {f"c{n}": self._begun(n) for n in range(self.cameras)}
        self._made = 0
        self._used_bytes = 0
        self.unlocked_bytes = 0
        self._next_sweep_ms = self.now_ms
        self._phase = self._random.uniform(0, 2 * math.pi)

    def _begun(self, number: int) -> int:
        return self.now_ms - int(self._random.random() * self.segment_ms)

    @property
    def free_bytes(self) -> int:
        turn = (self.now_ms - BEGIN_MS) / (2.6 * DAY_MS) * 2 * math.pi
        others = self.others_swing_bytes * (1 + math.sin(turn))
        return self.disk_bytes - self._used_bytes - int(others)

    def run(self, days: float, by_hand: Callable[["World"], list[File]] | None = None) -> None:
        end_ms = self.now_ms + int(days * DAY_MS)
        while self.now_ms < end_ms:
            known = len(self.files)
            seen_ms, free_before = self.now_ms, self.free_bytes
            self.now_ms += int(self.look_ms * self._random.uniform(0.5, 1.5))
            while self.pause(self.now_ms):
                self.now_ms += self.look_ms
                self._open = dict.fromkeys(self._open, self.now_ms)
            self._record()
            gone = by_hand(self) if by_hand else []
            if self.now_ms >= self._next_sweep_ms:
                gone += [f for f in self.policy(self) if f not in gone]
                jitter = self._random.uniform(0.97, 1.03)
                self._next_sweep_ms = self.now_ms + int(self.sweep_ms * jitter)
            if gone:
                self._delete(gone, known, seen_ms, free_before)

    def _delete(self, gone: list[File], known: int, seen_ms: int, free_before: int) -> None:
        before, added = self.files[:known], self.files[known:]
        lost = set(gone)
        self.files = [f for f in self.files if f not in lost]
        self._used_bytes -= sum(f.size_bytes for f in lost)
        self.unlocked_bytes -= sum(f.size_bytes for f in lost if not f.locked)
        self._note(before, added, [f for f in before if f in lost], seen_ms, free_before)

    def _record(self) -> None:
        for number, camera in enumerate(self._open):
            while self._open[camera] + self.segment_ms <= self.now_ms:
                start_ms = self._open[camera]
                self._open[camera] = start_ms + self.segment_ms
                turn = (start_ms - BEGIN_MS) / (1.7 * DAY_MS) * 2 * math.pi + self._phase
                rate = self.rate_bytes * (number + 1) * (1 + self.swing * math.sin(turn + number))
                size = int(rate * self.segment_ms / 1000 * self._random.uniform(0.9, 1.1))
                self._made += 1
                self._used_bytes += size
                locked = bool(self.lock_every) and self._made % self.lock_every == 0
                self.unlocked_bytes += 0 if locked else size
                self.files.append(File(camera, start_ms, self._open[camera], size, locked))

    def _note(
        self,
        before: list[File],
        added: list[File],
        gone: list[File],
        seen_ms: int,
        free_before: int,
    ) -> None:
        def held(files: list[File], camera: str = "") -> int:
            return sum(
                f.size_bytes for f in files if not f.locked and f.camera == (camera or f.camera)
            )

        for camera in self._open:
            mine = sorted((f for f in gone if f.camera == camera), key=lambda f: f.start_ms)
            for one in dict.fromkeys([mine[0], mine[-1]] if mine else []):
                older = [f for f in self.files if f.end_ms <= one.start_ms]
                free = [f for f in older if not f.locked]
                self.deletions.append(
                    Deletion(
                        camera=camera,
                        start_ms=one.start_ms,
                        end_ms=one.end_ms,
                        mtime_ms=one.end_ms,
                        size_bytes=one.size_bytes,
                        locked=one.locked,
                        seen_ms=seen_ms,
                        missed_ms=self.now_ms,
                        older_kept=len(free),
                        camera_older_kept=sum(1 for f in free if f.camera == camera),
                        locked_older_kept=len(older) - len(free),
                        source_before_bytes=held(before),
                        source_after_bytes=held(self.files),
                        source_added_bytes=held(added),
                        camera_before_bytes=held(before, camera),
                        camera_after_bytes=held(self.files, camera),
                        camera_added_bytes=held(added, camera),
                        free_before_bytes=free_before,
                        free_after_bytes=self.free_bytes,
                    )
                )


def _oldest_first(files: list[File], excess_bytes: int) -> list[File]:
    """The oldest unlocked files that it takes to make up for the excess."""
    gone: list[File] = []
    if excess_bytes > 0:
        for one in sorted((f for f in files if not f.locked), key=lambda f: f.start_ms):
            gone.append(one)
            excess_bytes -= one.size_bytes
            if excess_bytes <= 0:
                break
    return gone


def by_age(age_ms: int, since: str = "start") -> Policy:
    def policy(world: World) -> list[File]:
        return [
            f
            for f in world.files
            if not f.locked and getattr(f, f"{since}_ms") < world.now_ms - age_ms
        ]

    return policy


def by_ring(max_bytes: int) -> Policy:
    def policy(world: World) -> list[File]:
        return _oldest_first(world.files, world.unlocked_bytes - max_bytes)

    return policy


def by_camera_ring(max_bytes: int) -> Policy:
    def policy(world: World) -> list[File]:
        gone = []
        for camera in world._open:
            mine = [f for f in world.files if f.camera == camera]
            used = sum(f.size_bytes for f in mine if not f.locked)
            gone += _oldest_first(mine, used - max_bytes)
        return gone

    return policy


def by_floor(min_free_bytes: int) -> Policy:
    def policy(world: World) -> list[File]:
        return _oldest_first(world.files, min_free_bytes - world.free_bytes)

    return policy


def by_camera_age(ages_ms: dict[str, int]) -> Policy:
    def policy(world: World) -> list[File]:
        return [f for f in world.files if f.start_ms < world.now_ms - ages_ms[f.camera]]

    return policy
