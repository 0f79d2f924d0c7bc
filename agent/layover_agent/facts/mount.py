"""What is mounted under a folder, and which disks are under that."""

import re
from dataclasses import dataclass
from pathlib import Path

from layover_agent.facts.reading import listed, text

_ESCAPED = re.compile(r"\\([0-7]{3})")
_MAX_TABLE_BYTES = 4 << 20
_MAX_DEPTH = 8
"""Of devices upon devices: a partition, in a volume, encrypted."""
_NO_WRITES = frozenset({"ro", "emergency_ro", "shutdown"})
"""What a file system says that was mounted so, or that shut itself after an error (ext4, xfs)."""


@dataclass(frozen=True, slots=True)
class Mounted:
    """One line of proc_pid_mountinfo(5)."""

    point: str
    number: str
    """Of the device, as ``8:1``; major 0: a file system without one of its own."""
    kind: str
    device: str
    read_only: bool
    """The file system itself: not this mount of it, which a sandbox may well narrow."""


def mounted(folder: Path, root: Path = Path("/")) -> Mounted | None:
    """What a folder lies on; None where that cannot be read."""
    try:
        place = f"{folder.resolve()}/"
    except OSError:
        return None
    found: Mounted | None = None
    for line in text(root / "proc/self/mountinfo", _MAX_TABLE_BYTES).splitlines():
        one = _parsed(line)
        # Of two on the same point the later one covers the earlier.
        if (
            one is not None
            and place.startswith(f"{one.point.rstrip('/')}/")
            and (found is None or len(one.point) >= len(found.point))
        ):
            found = one
    return found


def device_name(mount: Mounted, root: Path = Path("/")) -> str:
    """The kernel's name of a mount's device, such as ``sda1``; empty: none, or it is gone."""
    by_number = root / "sys/dev/block" / mount.number
    if by_number.exists():
        return by_number.resolve().name
    if not mount.device.startswith("/dev/"):
        return ""
    name = (root / mount.device.lstrip("/")).resolve().name
    return name if (root / "sys/class/block" / name).exists() else ""


def is_gone(mount: Mounted, root: Path = Path("/")) -> bool:
    """Whether the device under a mount was taken out; False also where that cannot be seen."""
    if not mount.device.startswith("/dev/") or not any(listed(root / "sys/dev/block")):
        return False
    return not device_name(mount, root)


def disks_under(name: str, root: Path = Path("/")) -> list[str]:
    """Names of the whole disks that a device lies on: ``sda`` of ``sda1``, also through volumes."""
    found: list[str] = []
    _descend(name, root, found, _MAX_DEPTH)
    return found


def _descend(name: str, root: Path, found: list[str], depth: int) -> None:
    device = (root / "sys/class/block" / name).resolve()
    below = [path.name for path in listed(device / "slaves")]
    if (device / "partition").exists():
        below = [device.parent.name]
    if not below and name and name not in found:
        found.append(name)
    for one in below if depth else ():
        _descend(one, root, found, depth - 1)


def _parsed(line: str) -> Mounted | None:
    head, _, tail = line.partition(" - ")
    fields, more = head.split(), tail.split()
    if len(fields) < 6 or len(more) < 3:
        return None
    return Mounted(
        point=_plain(fields[4]),
        number=fields[2],
        kind=more[0],
        device=_plain(more[1]),
        read_only=not _NO_WRITES.isdisjoint(more[2].split(",")),
    )


def _plain(said: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 8)), said)
