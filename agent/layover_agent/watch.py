"""Hears at once when the recorder closes, moves or deletes a file (inotify).

A help, not the truth: changes on network mounts are not heard, and events can overflow; whoever
listens must know that (``deaf``) and look for himself.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Protocol

from asyncinotify import Event, Inotify, Mask

from layover_agent.mounts import kind_of

log = logging.getLogger(__name__)

MAX_FOLDERS = 5000
_FILES = Mask.CLOSE_WRITE | Mask.MOVED_TO | Mask.DELETE | Mask.MOVED_FROM | Mask.CREATE
_MASK = _FILES | Mask.ONLYDIR | Mask.DONT_FOLLOW
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
        self._folders = 0
        self._unheard = why

    @property
    def deaf(self) -> str:
        """Why not everything that happens is heard; empty: all of it is."""
        if self._unheard or len(self._followed) == len(self._roots):
            return self._unheard
        missing = next(root for root in self._roots if root not in self._followed)
        return f"{missing} is not there"

    async def follow(self) -> None:
        """Listens to folders that were not there before, or lie on another disk by now."""
        for root in self._roots:
            try:
                facts = root.stat()
            except OSError:
                self._followed.pop(root, None)
                continue
            place = (facts.st_dev, facts.st_ino)
            if self._followed.get(root) == place:
                continue
            kind = await asyncio.to_thread(kind_of, root)
            if kind.startswith(_REMOTE):
                self._unheard = f"{root} is a network mount ({kind})"
            if await self._add(str(root)):
                self._followed[root] = place

    async def listen(self) -> None:
        if self._inotify is None:
            return
        async for event in self._inotify:
            await self._heard(event)

    async def _heard(self, event: Event) -> None:
        if event.mask & (Mask.Q_OVERFLOW | Mask.UNMOUNT):
            self._followed.clear()
            self._listener.anything()
        elif event.path is None or event.mask & Mask.IGNORED:
            return
        elif not event.mask & Mask.ISDIR:
            closed = bool(event.mask & (Mask.CLOSE_WRITE | Mask.MOVED_TO))
            self._listener.file(os.fsdecode(event.path), closed)
        elif event.mask & (Mask.CREATE | Mask.MOVED_TO):
            await self._add(os.fsdecode(event.path))
            for path in await asyncio.to_thread(_files, os.fsdecode(event.path)):
                self._listener.file(path, closed=False)
        elif event.mask & Mask.MOVED_FROM:
            self._listener.anything()

    async def _add(self, folder: str) -> bool:
        """Listens to a folder and all below it, as far as the kernel lets us."""
        if self._inotify is None:
            return False
        left = [folder]
        try:
            while left:
                self._folders += 1
                if self._folders > MAX_FOLDERS:
                    self._unheard = f"more than {MAX_FOLDERS} folders"
                    return True
                one = left.pop()
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    # First listened to, then listed: a folder made in between is not missed.
                    self._inotify.add_watch(one, _MASK)
                    left += await asyncio.to_thread(_folders, one)
        except OSError as error:
            self._unheard = f"cannot watch {folder}: {error.strerror or error}"
            log.warning("%s", self._unheard)
        return True


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


def _folders(parent: str) -> list[str]:
    with os.scandir(parent) as entries:
        return [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]


def _files(top: str) -> list[str]:
    return [f"{parent}/{name}" for parent, _, names in os.walk(top) for name in names]
