"""Holds, decided purely: by which method, within which limits, with how much room set aside.

Why each errno of link(2), ioctl_ficlone(2) and write(2) came is told here in words that say what
to do, once for the agent and for ``layover-agent check``.
"""

import errno
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Method(StrEnum):
    """How bytes are kept, best first."""

    REFLINK = "reflink"
    """Shared extents (XFS, btrfs): nothing is copied, and writing over the original spares them."""
    LINK = "link"
    """A second name: nothing is copied; only where the recorder deletes by unlinking."""
    PROTECT = "protect"
    """The recorder's own way of sparing a recording."""
    COPY = "copy"
    """Slow, and costs its size at once; works nearly everywhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the owner of the box grants to holds."""

    reserve_bytes: int = 0
    """Room set aside for what only holds keep."""
    max_percent: int = 20
    """Holds may keep this share of the disk."""
    max_count: int = 2000
    copy_rate_bps: int = 20_000_000


NOT_DECLARED = (
    "the recorder is not declared to delete by unlinking, and one that writes over its files "
    'would write over the held ones: if it deletes them, set deletes_by = "unlink" in its source'
)
NO_PROTECT = "the agent knows of no way in which this recorder spares a recording"
NO_RESERVE = "no room is set aside for copies: set holds.reserve_bytes"


@dataclass(frozen=True, slots=True)
class Choice:
    """``methods`` to try, in this order, and why not the others."""

    methods: tuple[Method, ...]
    refusals: Mapping[Method, str]

    @property
    def refusal(self) -> str:
        """Why there is no method; empty: there is one."""
        return "" if self.methods else told(self.refusals)


def choose(refusals: Mapping[Method, str], *, deletes_by_unlink: bool, has_reserve: bool) -> Choice:
    """The methods that work, best first. ``refusals``: why one does not, as measured on this box;
    a method that is missing there, works."""
    why = {method: text for method, text in refusals.items() if text}
    if not deletes_by_unlink:
        why[Method.LINK] = NOT_DECLARED
    if not has_reserve:
        why.setdefault(Method.COPY, NO_RESERVE)
    return Choice(tuple(method for method in Method if method not in why), why)


def told(refusals: Mapping[Method, str]) -> str:
    """Why no method works, that of the cheapest to set right first."""
    first = (Method.LINK, Method.COPY, Method.REFLINK, Method.PROTECT)
    return "; ".join(f"{method}: {refusals[method]}" for method in first if method in refusals)


def explained(method: Method, number: int) -> str:
    """What an errno of a method means here, and what to do about it."""
    special = {
        (Method.REFLINK, errno.EINVAL): errno.EOPNOTSUPP,
        (Method.REFLINK, errno.ENOTTY): errno.EOPNOTSUPP,
        (Method.REFLINK, errno.ENOSYS): errno.EOPNOTSUPP,
        # link(2): "The filesystem containing oldpath and newpath does not support the creation
        # of hard links" is EPERM too; the prober tells the two apart.
        (Method.LINK, errno.ENOSYS): errno.EOPNOTSUPP,
        (Method.LINK, errno.ENOTSUP): errno.EOPNOTSUPP,
    }
    number = special.get((method, number), number)
    if number == errno.EOPNOTSUPP:
        return _UNSUPPORTED[method]
    if number == errno.EPERM and method is not Method.LINK:
        return f"the kernel forbids it ({errno.errorcode[number]}): is the file immutable?"
    return _WHY.get(number) or (
        f"it failed with {errno.errorcode.get(number, number)}: see the kernel's log"
    )


_WHY = {
    errno.EXDEV: "recordings and holds folder are on different file systems or mounts (a bind "
    "mount counts): set holds.folder to a folder on the recordings' own",
    errno.EPERM: "the kernel forbids this user to link the recorder's files "
    "(fs.protected_hardlinks): run the agent as the recorder's user",
    errno.EACCES: "the agent may not write in the holds folder, or not read the recordings: "
    "give its user that right",
    errno.EROFS: "the file system of the holds folder is mounted read-only for the agent: take "
    "it out of ReadOnlyPaths, or put holds.folder where the agent may write",
    errno.EMLINK: "the file has as many links as the file system allows",
    errno.ENOSPC: "the disk of the holds folder is full: free some room",
    errno.EDQUOT: "the quota of the agent's user is used up: raise it",
    errno.EIO: "the disk fails (EIO): see the kernel's log, and replace it",
    errno.ENOENT: "the holds folder is not there: make it, or set holds.folder",
    errno.ENOTDIR: "the holds folder is no folder: set holds.folder to one",
    errno.EFBIG: "the file is larger than the file system of the holds folder takes (FAT: 4 GiB)",
    errno.ETXTBSY: "the file is in use as swap or as a program",
}
_UNSUPPORTED = {
    Method.REFLINK: "the file system cannot share extents (XFS and btrfs can)",
    Method.LINK: "the file system has no hard links (FAT, exFAT)",
    Method.PROTECT: NO_PROTECT,
    Method.COPY: "the file system of the holds folder takes no files",
}


def ceiling_bytes(terms: Terms, disk_bytes: int) -> int:
    """What holds may keep on a disk of this size, whether the recorder still has it or not."""
    return disk_bytes * terms.max_percent // 100


def over_limit(
    terms: Terms, disk_bytes: int, *, count: int, held_bytes: int, more_bytes: int
) -> str:
    """Why one more recording may not be held; empty: it may."""
    if count >= terms.max_count:
        return (
            f"{count} recordings are held, and holds.max_count allows no more: "
            "fetch and release some, or raise it"
        )
    limit_bytes = ceiling_bytes(terms, disk_bytes)
    if held_bytes + more_bytes > limit_bytes:
        return (
            f"holds may keep {limit_bytes} bytes (holds.max_percent = {terms.max_percent} of the "
            "disk), and it would be more with this one: fetch and release some, or raise it"
        )
    return ""


def no_room_to_copy(terms: Terms, disk_bytes: int, *, cost_bytes: int, more_bytes: int) -> str:
    """Why a copy of ``more_bytes`` does not fit into the reserve; empty: it does.
    ``cost_bytes``: what only holds keep by now."""
    if not terms.reserve_bytes:
        return NO_RESERVE
    if more_bytes > reserve_bytes(terms, disk_bytes, cost_bytes):
        return (
            f"the reserve of {reserve_bytes(terms, disk_bytes, 0)} bytes has no room left for a "
            "copy of it: fetch and release some, or raise holds.reserve_bytes"
        )
    return ""


def reserve_bytes(terms: Terms, disk_bytes: int, cost_bytes: int) -> int:
    """How large the reserve should be while only holds keep ``cost_bytes``: together they are
    what the owner granted, so that the recorder's free space does not move."""
    granted = min(terms.reserve_bytes, ceiling_bytes(terms, disk_bytes))
    return max(granted - cost_bytes, 0)


LEAST_FREE_PERCENT = 2
"""The reserve leaves the recorder so much of the disk when it grows."""


def growth_bytes(target_bytes: int, size_bytes: int, free_bytes: int, disk_bytes: int) -> int:
    """By how much the reserve may grow now."""
    spare_bytes = free_bytes - disk_bytes * LEAST_FREE_PERCENT // 100
    return max(min(target_bytes - size_bytes, spare_bytes), 0)


@dataclass(frozen=True, slots=True)
class Shape:
    """What changes when bytes are written: never the change time, which a link moves as well."""

    size_bytes: int
    mtime_ns: int


def why_broken(promised: Shape, found: Shape | None, promised_sha256: bytes | None = None,
               sha256: bytes | None = None) -> str:  # fmt: skip
    """Why held bytes are not what was promised; empty: they are, as far as known."""
    if found is None:
        return "the held file is missing: somebody deleted it"
    if found.size_bytes != promised.size_bytes:
        return (
            f"the held file changed its size from {promised.size_bytes} to {found.size_bytes} "
            "bytes: the recorder writes over its files"
        )
    if found.mtime_ns != promised.mtime_ns:
        return "the held file was written to: the recorder writes over its files"
    if promised_sha256 and sha256 and promised_sha256 != sha256:
        return "the held file's digest is another one now: it was written over, or the disk fails"
    return ""
