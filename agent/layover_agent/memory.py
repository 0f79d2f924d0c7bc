"""Keeps the agent small: gives memory back that only starting, or a great scan, needed.

Much of what a Python process holds was used once: modules being imported, code that ran at the
start. What is dropped here comes back by itself when it is used again.
"""

import contextlib
import ctypes
import gc
import re
from pathlib import Path

_MADV_DONTNEED = 4
_CODE = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) r-xp \S+ \S+ [1-9]\d* +/", re.MULTILINE)
"""Mappings of program code from files: read-only and never written to, so nothing is lost."""


_M_ARENA_MAX, _ARENAS = -8, 2
"""Of glibc's: each thread would have a heap of its own, and keep what it once needed."""


def few_heaps() -> None:
    """To be called before the first thread. Linux with glibc; elsewhere nothing."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)


def given_back() -> None:
    """Linux with glibc; elsewhere as much of it as there is."""
    gc.collect()
    try:
        libc = ctypes.CDLL(None)
        libc.malloc_trim(0)
        libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        maps = Path("/proc/self/maps").read_text()
    except (OSError, AttributeError):
        return
    for begin, end in _CODE.findall(maps):
        first = int(begin, 16)
        libc.madvise(first, int(end, 16) - first, _MADV_DONTNEED)
