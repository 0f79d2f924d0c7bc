"""How soon a recording is in the manifest after a real recorder closed its file."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

from asyncinotify import Inotify, Mask

from layover_agent.wire.types import Recording
from layover_sim.bench.box import NEVER_SEQ, Box, read_list
from layover_sim.fleet import running
from layover_sim.recorder_settings import name_of

_POLL_S = 0.02
_GRACE_S = 60.0


async def close_to_manifest_s(box: Box, count: int) -> list[float]:
    """The delays of ``count`` recordings, in seconds, exact to the 20 ms of asking.

    The recorder encodes real video in a process of its own. A file's close is heard from the
    kernel (inotify); the manifest is read over TLS by central's client. TimeoutError where the
    recordings do not come.
    """
    closed_s: dict[str, float] = {}
    listed_s: dict[str, float] = {}

    def take(row: Recording) -> None:
        listed_s.setdefault(name_of(row.camera, row.start_ms), time.monotonic())

    (camera,) = box.site.recorder.cameras
    (box.site.recordings / camera).mkdir(exist_ok=True)
    async with box.client() as client:
        epoch = (await client.status())[0].manifest.epoch
        after = (await read_list(client, epoch, NEVER_SEQ)).head_seq
        async with _hearing(box.site.recordings, camera, closed_s), running(box.site.camera_box):
            await box.site.camera_box.start()
            async with asyncio.timeout(_GRACE_S + count * box.site.recorder.segment_s):
                while len(closed_s.keys() & listed_s.keys()) < count:
                    after = (await read_list(client, epoch, after, take)).head_seq
                    await asyncio.sleep(_POLL_S)
    return [listed_s[name] - closed_s[name] for name in closed_s.keys() & listed_s.keys()]


@contextlib.asynccontextmanager
async def _hearing(
    recordings: Path, camera: str, closed_s: dict[str, float]
) -> AsyncIterator[None]:
    """Notes when files of a camera are closed after writing, by their path below the folder."""
    mask = Mask.CLOSE_WRITE | Mask.CREATE
    with Inotify() as inotify:
        inotify.add_watch(recordings / camera, mask)
        for day in (recordings / camera).iterdir():
            inotify.add_watch(day, mask)

        async def hear() -> None:
            async for event in inotify:
                now_s = time.monotonic()
                if event.path is not None and event.mask & Mask.ISDIR:
                    inotify.add_watch(event.path, mask)
                elif event.path is not None and event.mask & Mask.CLOSE_WRITE:
                    name = event.path.relative_to(recordings)
                    closed_s.setdefault(str(name), now_s)

        task = asyncio.create_task(hear())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
