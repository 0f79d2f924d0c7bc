"""The disks under the folders of recordings: room, errors, health, whether they still answer."""

import os
from dataclasses import dataclass
from pathlib import Path

from layover_agent.facts.mount import Mounted, device_name, disks_under, is_gone, mounted
from layover_agent.facts.reading import listed, number, text
from layover_agent.facts.wear import Wear, by_kernel

_UNSAID = Wear()
_WORST = ("failing", "worn", "ok", "")
_COMPLETED = (0, 4, 11, 15)
"""Fields of Documentation/block/stat.rst: reads, writes, discards and flushes that finished."""
_IN_FLIGHT = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskFacts:
    """One folder's file system and what is under it, as far as each can be known."""

    folder: Path
    size_bytes: int = 0
    free_bytes: int = 0
    """What a process without privileges may still write."""
    inodes_left: int | None = None
    """None: the file system does not count them."""
    readable: bool = True
    """Whether the room could be read."""
    gone: bool = False
    """The device was taken out though it is still mounted."""
    mount: str = ""
    file_system: str = ""
    device: str = ""
    disks: tuple[str, ...] = ()
    read_only: bool = False
    errors: int | None = None
    errored_ms: int = 0
    wear: Wear = _UNSAID
    stuck_s: int = 0
    """For how long requests have been waiting and none was finished; 0: it works."""
    waiting: int = 0


class Disks:
    """Reads them; remembers what each had finished, to see one that stands still. Blocks."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._progress: dict[str, tuple[int, int]] = {}
        """By disk on which requests wait: what it had finished, and since when it stands there
        (monotonic ms)."""
        self.asked: dict[str, Wear] = {}
        """By disk: what smartctl said of it last."""

    def of(self, folder: Path, mono_ms: int) -> DiskFacts:
        size_bytes, free_bytes, inodes, readable = _room(folder)
        mount = mounted(folder, self._root)
        if mount is None:
            return DiskFacts(
                folder=folder, size_bytes=size_bytes, free_bytes=free_bytes, inodes_left=inodes,
                readable=readable,
            )  # fmt: skip
        device = device_name(mount, self._root)
        disks = tuple(disks_under(device, self._root)) if device else ()
        errors, errored_ms = self._errors(mount, device)
        stuck_s, waiting = self._stuck(disks, mono_ms)
        return DiskFacts(
            folder=folder,
            size_bytes=size_bytes,
            free_bytes=free_bytes,
            inodes_left=inodes,
            readable=readable,
            gone=is_gone(mount, self._root),
            mount=mount.point,
            file_system=mount.kind,
            device=device or mount.device,
            disks=disks,
            read_only=mount.read_only,
            errors=errors,
            errored_ms=errored_ms,
            wear=self._wear(disks),
            stuck_s=stuck_s,
            waiting=waiting,
        )

    def _wear(self, disks: tuple[str, ...]) -> Wear:
        """The worst of what is said of them."""
        said = [by_kernel(disk, self._root) for disk in disks]
        said += [self.asked[disk] for disk in disks if disk in self.asked]
        return min(said, key=lambda wear: _WORST.index(wear.health), default=_UNSAID)

    def _errors(self, mount: Mounted, device: str) -> tuple[int | None, int]:
        """How many errors the file system counted, and when the last one was (ms, 0: unknown)."""
        if mount.kind in ("ext4", "ext3", "ext2"):
            own = self._root / "sys/fs/ext4" / device
            return number(own / "errors_count"), (number(own / "last_error_time") or 0) * 1000
        if mount.kind == "btrfs":
            for one in listed(self._root / "sys/fs/btrfs"):
                if (one / "devices" / device).exists():
                    return _btrfs_errors(one), 0
        return None, 0

    def _stuck(self, disks: tuple[str, ...], mono_ms: int) -> tuple[int, int]:
        worst = 0, 0
        for disk in disks:
            fields = text(self._root / "sys/block" / disk / "stat").split()
            if len(fields) <= _IN_FLIGHT or not all(field.isdecimal() for field in fields):
                continue
            done = sum(int(fields[at]) for at in _COMPLETED if at < len(fields))
            waiting = int(fields[_IN_FLIGHT])
            before, since_ms = self._progress.pop(disk, (done, mono_ms))
            if done != before or not waiting:
                since_ms = mono_ms
            if waiting:
                self._progress[disk] = done, since_ms
            worst = max(worst, ((mono_ms - since_ms) // 1000, waiting))
        return worst if worst[0] else (0, 0)


def _room(folder: Path) -> tuple[int, int, int | None, bool]:
    try:
        found = os.statvfs(folder)
    except OSError:
        return 0, 0, None, False
    inodes = found.f_favail if found.f_files else None
    return found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize, inodes, True


def _btrfs_errors(folder: Path) -> int | None:
    """Sum of ``error_stats`` of its devices (Linux 5.14 and later); None: it has none."""
    total = None
    for path in listed(folder / "devinfo", "*/error_stats"):
        for line in text(path).splitlines():
            _, _, count = line.partition(" ")
            if count.isdecimal():
                total = (total or 0) + int(count)
    return total
