"""How bytes are kept: reflink, hard link, copy. Each makes ``target`` whole or not at all,
blocks, and raises OSError; whether the original changed meanwhile is its caller's to check."""

import contextlib
import errno
import fcntl
import hashlib
import os
import platform
from collections.abc import Callable, Iterator
from pathlib import Path

_MIPS_LIKE = ("mips", "ppc", "powerpc", "sparc", "alpha")
FICLONE = 0x80049409 if platform.machine().startswith(_MIPS_LIKE) else 0x40049409
"""_IOW(0x94, 9, int) of linux/fs.h."""

BLOCK_BYTES = 256 << 10
FLUSH_BYTES = 8 << 20
"""So much of a copy is written to the disk at a time: no burst ever stops the recorder."""


class CopyDiffers(OSError):
    """What the disk gives back is not what was written to it."""


class CopyStopped(Exception):
    """Somebody released the recording while it was copied, or the agent ends."""


def reflink(source: int, part: Path, target: Path, mtime_ns: int) -> None:
    """Shares the extents of an open file (ioctl_ficlone(2))."""
    with _made(part) as handle:
        fcntl.ioctl(handle, FICLONE, source)
        os.utime(handle, ns=(mtime_ns, mtime_ns))
        os.fsync(handle)
        part.rename(target)


def link(source: Path, target: Path) -> None:
    os.link(source, target, follow_symlinks=False)


def copy(
    source: int,
    part: Path,
    target: Path,
    mtime_ns: int,
    pause: Callable[[int], None],
) -> bytes:
    """Copies an open file and reads the copy back from the disk; its SHA-256.

    ``pause`` is called with the bytes of each block before it is read, may sleep, and may raise
    to break off. The page cache is left to the recorder. CopyDiffers where the disk lies.
    """
    size_bytes = os.fstat(source).st_size
    with _made(part) as handle:
        with contextlib.suppress(OSError):
            os.posix_fadvise(source, 0, 0, os.POSIX_FADV_SEQUENTIAL)
        read = _copied(source, handle, size_bytes, pause)
        os.utime(handle, ns=(mtime_ns, mtime_ns))
        os.fsync(handle)
        if os.fstat(handle).st_mtime_ns != mtime_ns:
            raise OSError(errno.EOPNOTSUPP, "file times are kept too coarsely")
        if _hashed(handle, size_bytes, pause) != read:
            raise CopyDiffers(errno.EIO, "the copy differs from what was written")
        part.rename(target)
    return read


@contextlib.contextmanager
def _made(part: Path) -> Iterator[int]:
    """A new file in place of any left-over one; gone again where the block fails."""
    with contextlib.suppress(FileNotFoundError):
        part.unlink()
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(part, flags, 0o640)
    try:
        yield handle
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    finally:
        os.close(handle)


def _copied(source: int, handle: int, size_bytes: int, pause: Callable[[int], None]) -> bytes:
    digest = hashlib.sha256()
    offset = flushed = 0
    while offset < size_bytes:
        pause(min(BLOCK_BYTES, size_bytes - offset))
        data = os.pread(source, min(BLOCK_BYTES, size_bytes - offset), offset)
        if not data:
            raise OSError(errno.ESTALE, "the file became shorter")
        digest.update(data)
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]
        offset += len(data)
        if offset - flushed >= FLUSH_BYTES or offset == size_bytes:
            os.fdatasync(handle)
            _forget(source, flushed, offset - flushed)
            _forget(handle, flushed, offset - flushed)
            flushed = offset
    return digest.digest()


def _hashed(handle: int, size_bytes: int, pause: Callable[[int], None]) -> bytes:
    digest = hashlib.sha256()
    offset = 0
    while offset < size_bytes:
        pause(min(BLOCK_BYTES, size_bytes - offset))
        data = os.pread(handle, BLOCK_BYTES, offset)
        if not data:
            break
        digest.update(data)
        _forget(handle, offset, len(data))
        offset += len(data)
    return digest.digest()


def _forget(handle: int, offset: int, size_bytes: int) -> None:
    with contextlib.suppress(OSError):
        os.posix_fadvise(handle, offset, size_bytes, os.POSIX_FADV_DONTNEED)
