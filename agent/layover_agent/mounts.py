"""What is mounted where (proc_pid_mountinfo(5))."""

import re
from dataclasses import dataclass
from pathlib import Path

_ESCAPED = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    point: str
    kind: str
    """ext4, nfs4, vfat, fuse.sshfs, ..."""
    device: str
    read_only: bool


def mount_of(path: Path, table: Path = Path("/proc/self/mountinfo")) -> Mount | None:
    """The mount on which a path lies; None where that cannot be read."""
    try:
        text = table.read_text(errors="surrogateescape")
        place = str(path.resolve())
    except OSError:
        return None
    found: Mount | None = None
    for line in text.splitlines():
        mount = _mount(line)
        if mount is None:
            continue
        inside = mount.point == "/" or f"{place}/".startswith(f"{mount.point}/")
        # Of two on the same point the later one covers the earlier.
        if inside and (found is None or len(mount.point) >= len(found.point)):
            found = mount
    return found


def kind_of(path: Path) -> str:
    mount = mount_of(path)
    return mount.kind if mount else ""


def _mount(line: str) -> Mount | None:
    head, _, tail = line.partition(" - ")
    fields, source = head.split(), tail.split()
    if len(fields) < 6 or len(source) < 3:
        return None
    options = {*fields[5].split(","), *source[2].split(",")}
    return Mount(_plain(fields[4]), source[0], _plain(source[1]), "ro" in options)


def _plain(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 8)), text)
