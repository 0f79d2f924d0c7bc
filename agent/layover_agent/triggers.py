"""The driver's button: holds what was recorded lately, and what follows, before anybody asks.

A press is a file that is written, touched or moved into the trigger folder, the command
``layover-agent hold`` (which moves one there), or an edge of a GPIO. Each is written down as a
span hold with its reason before anything else happens.
"""

import asyncio
import contextlib
import json
import logging
import os
import select
import stat
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

from asyncinotify import Inotify, Mask

from layover_agent.clock import Clock
from layover_agent.core.paths import shown
from layover_agent.core.presses import Meaning, Presses, Rules
from layover_agent.errors import AgentError
from layover_agent.holds.spans import TRIGGER, Spans
from layover_agent.manifest import Manifest
from layover_agent.settings import Trigger
from layover_agent.wire.types import SpanHold, SpanWish

log = logging.getLogger(__name__)

RETRY_S = 10.0
MAX_LAST_S = 86_400
_MAX_FILE_BYTES = 4096
_MAX_REASON_CHARS = 300
_MAX_FILES = 100
_MASK = Mask.CLOSE_WRITE | Mask.MOVED_TO | Mask.ATTRIB | Mask.ONLYDIR | Mask.DELETE_SELF
_HEEDED = "presses"


@dataclass(frozen=True, slots=True)
class Press:
    """``last_s`` and ``at_ms``: None as configured, and now."""

    reason: str
    last_s: int | None = None
    at_ms: int | None = None


class Triggers:
    """Run as a task. ``troubles``: what does not work, by what it is about: since when (ms), and
    what to do."""

    def __init__(self, spans: Spans, manifest: Manifest, settings: Trigger, clock: Clock) -> None:
        self._spans = spans
        self._manifest = manifest
        self._settings = settings
        self._clock = clock
        rules = Rules(
            debounce_ms=settings.debounce_ms, pause_s=settings.pause_s, per_day=settings.per_day
        )
        self._presses = Presses(rules)
        self._current: SpanHold | None = None
        self.troubles: dict[str, tuple[int, str]] = {}
        spans.trigger_percent = settings.max_percent

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            if self._settings.folder:
                group.create_task(self._follow_folder(Path(self._settings.folder)))
            if self._settings.gpio:
                group.create_task(self._follow_gpio(Path(self._settings.gpio)))

    async def pressed(self, press: Press) -> SpanHold | None:
        """What a press led to; None: nothing, it was too much, or the same once more."""
        today = await self._spans.pressed_today()
        meaning = self._presses.pressed(self._clock.mono_ms(), today)
        if meaning is Meaning.BOUNCE:
            return None
        if meaning is Meaning.REFUSED:
            self._note(
                "button",
                f"{today} presses within 24 h: the button may be stuck; later ones are refused "
                "(trigger.per_day)",
            )
            return None
        self._note("button", "")
        return await self._held(press, prolongs=meaning is Meaning.PROLONGS)

    async def _held(self, press: Press, *, prolongs: bool) -> SpanHold | None:
        now_ms = self._clock.wall_ms() if press.at_ms is None else press.at_ms
        last_s = self._settings.last_s if press.last_s is None else press.last_s
        start_ms = max(now_ms - last_s * 1000, 0)
        end_ms = now_ms + max(self._settings.next_s, 1) * 1000
        span_id, reason = f"press-{now_ms}", press.reason
        if prolongs and self._current is not None:
            span_id, reason = self._current.id, self._current.reason
            start_ms = min(start_ms, self._current.start_ms)
            end_ms = max(end_ms, self._current.end_ms)
        wish = SpanWish(
            start_ms=start_ms, end_ms=end_ms, lease_s=self._settings.lease_s, reason=reason
        )
        try:
            self._current = await self._spans.put(span_id, wish, TRIGGER)
        except AgentError as error:
            self._note("button", f"a press could not be heeded: {error.detail}")
            return None
        log.warning("%s: holding %d recordings as %s", reason, self._current.held, span_id)
        return self._current

    async def _follow_folder(self, folder: Path) -> None:
        while True:
            try:
                await asyncio.to_thread(folder.mkdir, 0o770, parents=True, exist_ok=True)
                with Inotify() as inotify:
                    inotify.add_watch(folder, _MASK)
                    self._note("folder", "")
                    await self._look(folder, live=False)
                    async for event in inotify:
                        if event.mask & (Mask.DELETE_SELF | Mask.IGNORED):
                            break
                        await self._look(folder, live=True)
            except OSError as error:
                self._note(
                    "folder", f"the trigger folder {folder} cannot be watched: {error.strerror}"
                )
            await asyncio.sleep(RETRY_S)

    async def _look(self, folder: Path, *, live: bool) -> None:
        """Heeds files that changed since they were heeded last, also while the agent was not
        there to see it. By change and not by order of time: the clock may have been set back."""
        heeded: dict[str, int] = json.loads(await self._manifest.note(_HEEDED) or "{}")
        found = await asyncio.to_thread(_files, folder)
        for name, written_ns in found.items():
            if heeded.get(name) != written_ns:
                at_ms = None if live else written_ns // 1_000_000
                await self.pressed(await asyncio.to_thread(_read, folder / name, at_ms))
        if found != heeded:
            await self._manifest.set_note(_HEEDED, json.dumps(found))

    async def _follow_gpio(self, value: Path) -> None:
        while True:
            try:
                async with contextlib.aclosing(edges(value)) as values:
                    self._note("gpio", "")
                    async for text in values:
                        if text.strip() == self._settings.gpio_pressed:
                            await self.pressed(Press("button"))
            except OSError as error:
                self._note(
                    "gpio",
                    f"{value} cannot be read: {error.strerror}; export the GPIO and set its edge",
                )
            await asyncio.sleep(RETRY_S)

    def _note(self, about: str, trouble: str) -> None:
        if not trouble:
            self.troubles.pop(about, None)
        elif about not in self.troubles:
            log.error("%s", trouble)
            self.troubles[about] = (self._clock.wall_ms(), trouble)


async def edges(value: Path) -> AsyncGenerator[str]:
    """What a file of sysfs says each time the kernel signals a change of it (poll(2), POLLPRI).

    Nothing is polled: the file waits in an epoll set of its own, which the loop waits for.
    """
    handle = os.open(value, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    loop = asyncio.get_running_loop()
    signalled = asyncio.Event()
    try:
        with select.epoll() as interest:
            os.pread(handle, _MAX_FILE_BYTES, 0)
            interest.register(handle, select.EPOLLPRI | select.EPOLLERR | select.EPOLLET)
            loop.add_reader(interest.fileno(), signalled.set)
            try:
                while True:
                    await signalled.wait()
                    signalled.clear()
                    interest.poll(0)
                    yield os.pread(handle, _MAX_FILE_BYTES, 0).decode("ascii", "replace")
            finally:
                loop.remove_reader(interest.fileno())
    finally:
        os.close(handle)


def press(folder: Path, reason: str, last_s: int | None = None) -> Path:
    """Presses the button of the agent that watches ``folder``; for the command line. OSError
    where there is no such folder, or none that may be written to."""
    content = json.dumps({"reason": reason, **({} if last_s is None else {"last_s": last_s})})
    target = folder / f"hold-{os.getpid()}"
    whole = target.with_name(f".{target.name}")
    whole.write_text(content)
    whole.chmod(0o644)
    whole.rename(target)
    return target


def _files(folder: Path) -> dict[str, int]:
    """When the files in a folder were written (ns), in that order."""
    found = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                facts = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(facts.st_mode) and not entry.name.startswith("."):
                    found[entry.name] = facts.st_mtime_ns
    ordered = sorted(found.items(), key=lambda item: item[1])
    return dict(ordered[-_MAX_FILES:])


def _read(path: Path, at_ms: int | None) -> Press:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            text = os.read(handle, _MAX_FILE_BYTES).decode("utf-8", "replace").strip()
        finally:
            os.close(handle)
    except OSError:
        text = ""
    name = shown(path.name)
    with contextlib.suppress(ValueError, RecursionError):
        said = json.loads(text)
        if isinstance(said, dict):
            last_s = said.get("last_s")
            sane = type(last_s) is int and 0 < last_s <= MAX_LAST_S
            reason = str(said.get("reason") or name)
            return Press(_plain(reason), last_s if sane else None, at_ms)
    return Press(_plain(text or name), None, at_ms)


def _plain(text: str) -> str:
    """As it can be written down: without halves of characters, and not too long."""
    return text[:_MAX_REASON_CHARS].encode("utf-8", "replace").decode()
