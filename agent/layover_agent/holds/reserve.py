"""The reserve: a file that keeps room for holds, so that the recorder's free space stays true.

It is allocated on the disk (fallocate(2)), shrinks by what only holds keep, and grows back after
they are released: the two together are always what the owner granted. Blocking.
"""

import ctypes
import errno
import logging
import os
from pathlib import Path

from layover_agent.core.holding import Terms, growth_bytes, reserve_bytes

log = logging.getLogger(__name__)

STEP_BYTES = 64 << 20
"""So much is allocated at a time: between two steps the recorder may take what it needs."""
NAME = "reserve"


class Reserve:
    """One file. ``trouble`` says why it is smaller than granted; empty: it is not."""

    def __init__(self, folder: Path, terms: Terms) -> None:
        self._path = folder / NAME
        self._terms = terms
        self.trouble = ""

    @property
    def size_bytes(self) -> int:
        try:
            return self._path.lstat().st_size
        except OSError:
            return 0

    def fit(self, cost_bytes: int) -> None:
        """Makes room for what only holds keep, or takes back what they gave up. Never raises."""
        if not self._terms.reserve_bytes and not self._path.exists():
            return
        try:
            self._fit(cost_bytes)
        except OSError as error:
            self._note(_why(error))

    def _fit(self, cost_bytes: int) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(self._path, flags, 0o600)
        try:
            disk = os.fstatvfs(handle)
            disk_bytes = disk.f_blocks * disk.f_frsize
            target_bytes = reserve_bytes(self._terms, disk_bytes, cost_bytes)
            size_bytes = os.fstat(handle).st_size
            if size_bytes > target_bytes:
                os.ftruncate(handle, target_bytes)
                size_bytes = target_bytes
            while size_bytes < target_bytes:
                disk = os.fstatvfs(handle)
                free_bytes = disk.f_bavail * disk.f_frsize
                more_bytes = growth_bytes(target_bytes, size_bytes, free_bytes, disk_bytes)
                if not more_bytes:
                    break
                size_bytes = _grown(handle, size_bytes, min(more_bytes, STEP_BYTES))
        finally:
            os.close(handle)
        self._note("" if size_bytes == target_bytes else "the disk is too full for it by now")

    def _note(self, trouble: str) -> None:
        if trouble and trouble != self.trouble:
            log.warning("the reserve for holds is smaller than granted: %s", trouble)
        self.trouble = trouble


def _grown(handle: int, size_bytes: int, more_bytes: int) -> int:
    """The new size. What a full disk allowed in part is given back."""
    try:
        _allocate(handle, size_bytes, more_bytes)
    except OSError:
        os.ftruncate(handle, size_bytes)
        raise
    return size_bytes + more_bytes


def _allocate(handle: int, offset: int, size_bytes: int) -> None:
    """fallocate(2) itself: posix_fallocate(3) would write every block where it is missing."""
    library = ctypes.CDLL(None, use_errno=True)
    call = getattr(library, "fallocate64", None) or library.fallocate
    call.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    while call(handle, 0, offset, size_bytes) != 0:
        number = ctypes.get_errno()
        if number != errno.EINTR:
            raise OSError(number, os.strerror(number))


def _why(error: OSError) -> str:
    if error.errno == errno.EOPNOTSUPP:
        return "the file system of the holds folder cannot set room aside"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full"
    return f"{error.strerror or error}"
