"""Hears at once when the recorder closes, moves or deletes a file (inotify).

A help, not the truth: changes on network mounts are not heard, and events can overflow; whoever
listens must know that (``deaf``) and look for himself.
"""

import asyncio
import contextlib
import errno
import logging
import os
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Protocol

from asyncinotify import Event, Inotify, Mask

from layover_agent.mounts import kind_of
from layover_agent.sources.folder import SKIPPED_FOLDERS

log = logging.getLogger(__name__)

MAX_FOLDERS = 5000
MAX_TOLD = 2000
"""Of a folder that appears with more files than this they are not told one by one."""
AGAIN_S = 3600.0
"""How often it is tried again to listen to what could not be listened to."""
_FILES = Mask.CLOSE_WRITE | Mask.MOVED_TO | Mask.DELETE | Mask.MOVED_FROM | Mask.CREATE
_ROOT_MASK = _FILES | Mask.ONLYDIR
_MASK = _ROOT_MASK | Mask.DONT_FOLLOW
_REMOTE = ("nfs", "cifs", "smb", "9p", "fuse.", "ceph", "glusterfs", "afs", "vboxsf", "virtiofs")
"""Kinds of file systems that others change without this kernel's knowing."""


class Listener(Protocol):
    def file(self, path: str, closed: bool) -> None:
        """Something happened to a file: an absolute path, and whether it was closed after
        writing or moved into place."""

    def anything(self) -> None:
        """Something happened that can't be told file by file."""


class Watch:
    """Listens below some folders; one per agent. ``None`` for ``inotify``: hears nothing."""

    def __init__(
        self, inotify: Inotify | None, roots: Iterable[Path], listener: Listener, why: str = ""
    ) -> None:
        self._inotify = inotify
        self._roots = list(roots)
        self._listener = listener
        self._followed: dict[Path, tuple[int, int]] = {}
        self._unheard: dict[Path, str] = {}
        self._again_s = 0.0
        self._why = why

    @property
    def deaf(self) -> str:
        """Why not everything that happens is heard; empty: all of it is."""
        if self._why:
            return self._why
        missing = (f"{root} is not there" for root in self._roots if root not in self._followed)
        return next(iter(self._unheard.values()), "") or next(missing, "")

    async def follow(self) -> bool:
        """Listens to folders that were not there before, or lie on another disk by now; whether
        there were any. What could not be listened to is tried again now and then."""
        if self._inotify is None:
            return False
        now_s = asyncio.get_running_loop().time()
        again = bool(self._unheard) and now_s >= self._again_s
        if again:
            self._again_s = now_s + AGAIN_S
        changed = False
        for root in self._roots:
            place = await asyncio.to_thread(_place, root)
            known = self._followed.get(root)
            if place == known and not (again and root in self._unheard):
                continue
            changed |= place != known
            self._forget(root)
            if place is not None:
                self._followed[root] = place
                self._again_s = now_s + AGAIN_S
                kind = await asyncio.to_thread(kind_of, root)
                if kind.startswith(_REMOTE):
                    self._unheard[root] = f"{root} is a network mount ({kind})"
                await self._add(root, str(root))
        return changed

    async def listen(self) -> None:
        if self._inotify is None:
            return
        try:
            async for event in self._inotify:
                await self._heard(event)
        except Exception as error:
            log.exception("folders are no longer listened to: they are read now and then instead")
            self._why = f"listening to folders failed: {error}"
            self._listener.anything()

    async def _heard(self, event: Event) -> None:
        if event.mask & (Mask.Q_OVERFLOW | Mask.UNMOUNT):
            # Nobody knows any more which folder is called what.
            for root in self._roots:
                self._forget(root)
            self._listener.anything()
        elif event.path is None or event.mask & Mask.IGNORED:
            return
        elif not event.mask & Mask.ISDIR:
            closed = bool(event.mask & (Mask.CLOSE_WRITE | Mask.MOVED_TO))
            self._listener.file(os.fsdecode(event.path), closed)
        elif event.mask & Mask.MOVED_FROM:
            # Else what happens in it would be told by the name that it had.
            self._stop(event.path)
            self._listener.anything()
        elif event.mask & (Mask.CREATE | Mask.MOVED_TO) and event.path.name not in SKIPPED_FOLDERS:
            await self._appeared(event.path)

    async def _appeared(self, folder: Path) -> None:
        root = next((root for root in self._followed if folder.is_relative_to(root)), None)
        if root is None:
            return
        await self._add(root, os.fsdecode(folder))
        paths = await asyncio.to_thread(lambda: list(islice(_files(str(folder)), MAX_TOLD + 1)))
        if len(paths) > MAX_TOLD:
            self._listener.anything()
            return
        for path in paths:
            self._listener.file(path, closed=False)

    def _forget(self, root: Path) -> None:
        self._followed.pop(root, None)
        self._unheard.pop(root, None)
        self._stop(root)

    def _stop(self, folder: Path) -> None:
        """Stops listening to a folder and all below it, by the names they had."""
        assert self._inotify is not None
        for watch in self._inotify.watches:
            if watch.path.is_relative_to(folder):
                # It may have ended by itself.
                with contextlib.suppress(OSError):
                    self._inotify.rm_watch(watch)

    async def _add(self, root: Path, top: str) -> None:
        """Listens to a folder and all below it, as far as the kernel lets us."""
        assert self._inotify is not None
        left = [top]
        room = MAX_FOLDERS - len(self._inotify.watches)
        while left:
            one = left.pop()
            room -= 1
            if room < 0:
                self._cannot(root, f"{root} has more than {MAX_FOLDERS} folders")
                return
            try:
                # First listened to, then listed: a folder made in between is not missed.
                self._inotify.add_watch(one, _MASK if one != str(root) else _ROOT_MASK)
                left += await asyncio.to_thread(_folders, one)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                self._cannot(root, f"cannot watch {one}: {error.strerror or error}")
                if error.errno != errno.EACCES:
                    return

    def _cannot(self, root: Path, why: str) -> None:
        if root not in self._unheard:
            log.warning("%s", why)
            self._unheard[root] = why


@contextlib.asynccontextmanager
async def watching(roots: Iterable[Path], listener: Listener) -> AsyncIterator[Watch]:
    """Tells the listener what happens below the folders while the block runs."""
    try:
        inotify = Inotify()
    except OSError as error:
        log.warning("no watching of folders (%s): new recordings wait for the next look", error)
        yield Watch(None, roots, listener, f"no inotify: {error.strerror or error}")
        return
    with inotify:
        watch = Watch(inotify, roots, listener)
        await watch.follow()
        task = asyncio.create_task(watch.listen())
        try:
            yield watch
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


def _place(root: Path) -> tuple[int, int] | None:
    try:
        facts = root.stat()
    except OSError:
        return None
    return facts.st_dev, facts.st_ino


def _folders(parent: str) -> list[str]:
    with os.scandir(parent) as entries:
        return [
            entry.path
            for entry in entries
            if entry.name not in SKIPPED_FOLDERS and entry.is_dir(follow_symlinks=False)
        ]


def _files(top: str) -> Iterator[str]:
    for parent, folders, names in os.walk(top):
        folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS]
        yield from (f"{parent}/{name}" for name in names)
