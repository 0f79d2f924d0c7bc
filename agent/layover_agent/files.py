"""Files of the recorder, opened so that nothing outside their folder is ever reached."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from layover_agent.core.paths import inside

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells one state of a file from another. ``ctime_ns`` alone may change by a link."""

    device: int
    inode: int
    size_bytes: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, info: os.stat_result) -> "Stamp":
        return cls(info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns)

    def same_bytes(self, other: "Stamp") -> bool:
        """Whether the file is the same and was not written to, as far as its times tell."""
        # The device number is left out: it may differ after a reboot of the same disk.
        return (self.inode, self.size_bytes, self.mtime_ns) == (
            other.inode,
            other.size_bytes,
            other.mtime_ns,
        )


def open_beneath(root: Path, path: str) -> int:
    """A descriptor of a regular file at ``path`` below ``root``; no symbolic link is followed.

    OSError where there is none (FileNotFoundError also for what is no regular file);
    UnsafePath for a path that leaves the root.
    """
    parts = inside(path).split("/")
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts[:-1]:
            deeper = os.open(part, _FLAGS | os.O_DIRECTORY, dir_fd=folder)
            os.close(folder)
            folder = deeper
        descriptor = os.open(parts[-1], _FLAGS, dir_fd=folder)
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError(f"{path!r} is no regular file")
    return descriptor


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, data: bytes, mode: int = 0o600) -> None:
    """The file is the old one or the new one, never half of it, and survives a power cut."""
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    sync_folder(path.parent)
