"""What one look at a source showed, gathered while it goes on: sums, and samples of what is gone.

Bounded by the number of cameras, however many recordings come and go.
"""

from dataclasses import dataclass, field

from layover_agent.core.sweeps import Deletion
from layover_agent.rows import Row

MAX_CAMERAS = 256
"""Cameras of a source that are followed one by one; further ones count for the source only."""


@dataclass(slots=True)
class Amounts:
    """Bytes of unlocked recordings, as of the last look and since."""

    there_bytes: int = 0
    added_bytes: int = 0
    gone_bytes: int = 0

    @property
    def after_bytes(self) -> int:
        return max(self.there_bytes + self.added_bytes - self.gone_bytes, 0)

    def settle(self) -> None:
        """The look is over: what was found out is the state before the next one."""
        self.there_bytes, self.added_bytes, self.gone_bytes = self.after_bytes, 0, 0


@dataclass(slots=True)
class Gathering:
    """One source: amounts by camera, and the oldest and youngest that each camera lost."""

    cameras: dict[str, Amounts] = field(default_factory=dict)
    whole: Amounts = field(default_factory=Amounts)
    lost: dict[tuple[str, bool], tuple[Row, Row]] = field(default_factory=dict)
    """By camera and lock: what began first and last of what is gone."""
    paths: set[str] = field(default_factory=set)
    """Of what was listed since the last look, if that is little: a path written anew is no
    deletion."""

    def restart(self, totals: dict[str, int]) -> None:
        """Begins from what the manifest says is there."""
        self.cameras = {
            camera: Amounts(there_bytes=size)
            for camera, size in sorted(totals.items())[:MAX_CAMERAS]
        }
        self.whole = Amounts(there_bytes=sum(totals.values()))
        self.forget()

    def listed(self, row: Row) -> None:
        if not row.locked:
            self.whole.added_bytes += row.size_bytes
            if (camera := self._camera(row.camera)) is not None:
                camera.added_bytes += row.size_bytes
        if len(self.paths) < MAX_CAMERAS:
            self.paths.add(row.path)

    def gone(self, row: Row) -> None:
        camera = self._camera(row.camera)
        if not row.locked:
            self.whole.gone_bytes += row.size_bytes
            if camera is not None:
                camera.gone_bytes += row.size_bytes
        if camera is None or row.path in self.paths:
            return
        key = row.camera, row.locked
        first, last = self.lost.get(key, (row, row))
        self.lost[key] = (
            min(first, row, key=lambda r: r.start_ms),
            max(last, row, key=lambda r: r.start_ms),
        )

    def deletions(
        self,
        seen_ms: int,
        missed_ms: int,
        older: dict[str, list[tuple[int, bool]]],
        free_bytes: tuple[int | None, int | None],
    ) -> list[Deletion]:
        """The samples as facts. ``older``: by camera, end and lock of what is still there and
        may be older than what went."""
        return [
            Deletion(
                camera=camera,
                start_ms=row.start_ms,
                end_ms=row.end_ms,
                mtime_ms=row.mtime_ns // 1_000_000,
                size_bytes=row.size_bytes,
                locked=locked,
                seen_ms=seen_ms,
                missed_ms=missed_ms,
                older_kept=sum(_ended(kept, row.start_ms, False) for kept in older.values()),
                camera_older_kept=_ended(older.get(camera, []), row.start_ms, False),
                locked_older_kept=sum(_ended(kept, row.start_ms, True) for kept in older.values()),
                source_before_bytes=self.whole.there_bytes,
                source_after_bytes=self.whole.after_bytes,
                source_added_bytes=self.whole.added_bytes,
                camera_before_bytes=self.cameras[camera].there_bytes,
                camera_after_bytes=self.cameras[camera].after_bytes,
                camera_added_bytes=self.cameras[camera].added_bytes,
                free_before_bytes=free_bytes[0],
                free_after_bytes=free_bytes[1],
            )
            for (camera, locked), samples in self.lost.items()
            for row in dict.fromkeys(samples)
        ]

    def settle(self) -> None:
        for amounts in (self.whole, *self.cameras.values()):
            amounts.settle()
        self.forget()

    def forget(self) -> None:
        self.lost.clear()
        self.paths.clear()

    def _camera(self, name: str) -> Amounts | None:
        if name not in self.cameras and len(self.cameras) >= MAX_CAMERAS:
            return None
        return self.cameras.setdefault(name, Amounts())


def _ended(kept: list[tuple[int, bool]], before_ms: int, locked: bool) -> int:
    return sum(1 for end_ms, is_locked in kept if is_locked is locked and end_ms <= before_ms)
