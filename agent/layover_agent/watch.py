"""Hears at once when the recorder closes, moves or deletes a file (inotify).

A help, not the truth: network mounts are deaf, and events can overflow; the periodic scan finds
what was not heard.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

from asyncinotify import Event, Inotify, Mask

log = logging.getLogger(__name__)

MAX_FOLDERS = 5000
_HEARD = Mask.CLOSE_WRITE | Mask.MOVED_TO | Mask.DELETE | Mask.MOVED_FROM
_MASK = _HEARD | Mask.CREATE | Mask.ONLYDIR | Mask.DONT_FOLLOW

Heard = Callable[[str | None], None]
"""Told the absolute path of a file that was closed, or None for anything else."""


@contextlib.asynccontextmanager
async def watching(folders: Iterable[Path], heard: Heard) -> AsyncIterator[None]:
    """Calls ``heard`` for what happens below the folders while the block runs."""
    try:
        inotify = Inotify()
    except OSError as error:
        log.warning("no watching of folders (%s): new recordings wait for the next scan", error)
        yield
        return
    with inotify:
        for folder in folders:
            _add(inotify, folder)
        task = asyncio.create_task(_listen(inotify, heard))
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def _listen(inotify: Inotify, heard: Heard) -> None:
    async for event in inotify:
        if event.mask & Mask.ISDIR:
            if event.mask & (Mask.CREATE | Mask.MOVED_TO) and event.path is not None:
                _add(inotify, Path(event.path))
                heard(None)
        elif event.mask & (Mask.CLOSE_WRITE | Mask.MOVED_TO):
            heard(_path(event))
        elif event.mask & _HEARD or event.mask & Mask.Q_OVERFLOW:
            heard(None)


def _path(event: Event) -> str | None:
    return None if event.path is None else os.fsdecode(event.path)


def _add(inotify: Inotify, folder: Path) -> None:
    """Watches a folder and all below it, as far as the kernel lets us."""
    try:
        inotify.add_watch(folder, _MASK)
        for count, (parent, names, _) in enumerate(os.walk(folder)):
            if count > MAX_FOLDERS:
                break
            for name in names:
                inotify.add_watch(Path(parent, name), _MASK)
    except OSError as error:
        log.warning("cannot watch %s: %s", folder, error)
