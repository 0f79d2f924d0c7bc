"""The archive: plain folders that any tool can read, filled whole file by whole file.

A recording grows as ``.incoming/<transfer>.part`` on the archive's own file system. It becomes
``site/camera/date/start--end.ext`` only after its bytes match the site's signed digests and are
on the disk; only then may anybody be told that it is here.
"""

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from layover_agent.wire.types import Digests
from layover_central.errors import Kind, LayoverError

READ_BYTES = 1 << 20


class Archive:
    """One folder tree. Blocking calls: run them in a thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._incoming = folder / ".incoming"
        with _disk():
            self._incoming.mkdir(parents=True, exist_ok=True)

    def part(self, transfer_id: int) -> "Part":
        return Part(self._incoming / f"{transfer_id}.part", self.folder)

    def already(self, components: tuple[str, ...], digests: Digests) -> str | None:
        """The path of a recording that is in its place already, as after a crash between the
        rename and the commit of its row; None: it is not. What is there is on the disk, too."""
        target = self.folder.joinpath(*components)
        with _disk():
            if not _is_plain_file(target) or target.stat().st_size != digests.size_bytes:
                return None
            if _digest_of(target) != digests.sha256:
                return None
            _sync_file(target)
            _sync_folders(target.parent, self.folder)
        return "/".join(components)

    def discard_strangers(self, wanted: set[int]) -> int:
        """Removes part files of transfers that nobody wants any more; how many."""
        with _disk():
            parts = [p for p in self._incoming.glob("*.part") if p.stem.isdecimal()]
            strangers = [p for p in parts if int(p.stem) not in wanted]
            for path in strangers:
                path.unlink()
        return len(strangers)

    def free_bytes(self) -> int:
        with _disk():
            return shutil.disk_usage(self.folder).free

    def locate(self, path: str) -> Path:
        """The file at a stored path. NOT_FOUND where it is missing or would lie outside."""
        found = (self.folder / path).resolve()
        if not found.is_relative_to(self.folder.resolve()) or not found.is_file():
            raise LayoverError(
                Kind.NOT_FOUND,
                f"the archive has no file {path}",
                "Somebody moved or removed it; its digests are still in the database.",
            )
        return found


class Part:
    """The bytes of one recording that have arrived, in order from its first byte."""

    def __init__(self, path: Path, root: Path) -> None:
        self._path = path
        self._root = root
        self._file = -1

    def recover(self, digests: Digests) -> int:
        """Opens the part and trusts of it only what the digests vouch for.

        The offset to go on from: the end of the whole good chunks, and of the tail behind them,
        which the digest of its chunk will judge once that chunk is complete.
        """
        with _disk():
            self.close()
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            length = min(os.fstat(self._file).st_size, digests.size_bytes)
            have = 0
            for index in range(length // digests.chunk_bytes):
                if not self.chunk_is_good(digests, index):
                    break
                have += digests.chunk_bytes
            else:
                have = length
            last = len(digests.chunks) - 1
            if 0 < have == digests.size_bytes and not self.chunk_is_good(digests, last):
                have = last * digests.chunk_bytes
            os.ftruncate(self._file, have)
            return have

    def write(self, offset: int, data: bytes) -> None:
        with _disk():
            view = memoryview(data)
            while view:
                done = os.pwrite(self._file, view, offset)
                offset, view = offset + done, view[done:]

    def chunk_is_good(self, digests: Digests, index: int) -> bool:
        """Whether a whole chunk on the disk matches what the site signed."""
        begin = index * digests.chunk_bytes
        end = min(begin + digests.chunk_bytes, digests.size_bytes)
        with _disk():
            return self._digest(begin, end) == digests.chunks[index]

    def truncate(self, length: int) -> None:
        with _disk():
            os.ftruncate(self._file, length)

    def commit(self, components: tuple[str, ...], digests: Digests) -> str:
        """Moves the whole recording to its place, for good; its path relative to the archive.

        In this order: read back and compare with the whole digest, fsync the file, give it its
        name, fsync every folder on the way, let go of the part. DAMAGED where the digest does
        not match: then the part stays. A file of the same name with the same bytes is the
        recording already.
        """
        with _disk():
            if self._digest(0, os.fstat(self._file).st_size) != digests.sha256:
                raise LayoverError(
                    Kind.DAMAGED, "every chunk matches its digest and the whole does not"
                )
            os.fsync(self._file)
            target = self._root.joinpath(*components)
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists() and not target.is_symlink():
                self._path.rename(target)
            elif _is_plain_file(target) and _digest_of(target) == digests.sha256:
                _sync_file(target)
            else:
                raise LayoverError(
                    Kind.CONFLICT,
                    f"another file lies in the archive at {'/'.join(components)}",
                    "Move it away; the recording is kept beside the archive until then.",
                )
            _sync_folders(target.parent, self._root)
            self._path.unlink(missing_ok=True)
            _sync_folder(self._path.parent)
        self.close()
        return "/".join(components)

    def discard(self) -> None:
        self.close()
        with _disk():
            self._path.unlink(missing_ok=True)

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _digest(self, begin: int, end: int) -> bytes:
        """Of the bytes from ``begin`` to before ``end``, as far as there are any. A claimed size
        allocates nothing."""
        digest = hashlib.sha256()
        while data := os.pread(self._file, min(READ_BYTES, end - begin), begin):
            digest.update(data)
            begin += len(data)
        return digest.digest()


def _is_plain_file(path: Path) -> bool:
    """A link does not count: what it points to is not in the archive's hands."""
    return path.is_file() and not path.is_symlink()


def _digest_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync_folders(innermost: Path, root: Path) -> None:
    for folder in (innermost, *innermost.parents):
        _sync_folder(folder)
        if folder == root:
            break


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _disk() -> Iterator[None]:
    """Errors of the archive's disk as ours. An fsync that failed is never tried again on the
    same descriptor: the part is opened and checked anew."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise LayoverError(Kind.NO_SPACE, f"the archive's disk is full: {error}") from error
        raise LayoverError(Kind.STORAGE, f"the archive's disk failed: {error}") from error
