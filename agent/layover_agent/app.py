"""The agent as one process: its parts wired together, started and ended in order."""

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import sqlite3
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

from layover_agent.advertise import advertising
from layover_agent.api import Api
from layover_agent.clock import Clock, SystemClock
from layover_agent.clockwatch import ClockWatch
from layover_agent.config import BadConfig
from layover_agent.contacts import Contacts
from layover_agent.digests import Hasher
from layover_agent.errors import NotEnrolled
from layover_agent.facts.box import Box
from layover_agent.facts.enrolment import enrolment
from layover_agent.files import Files
from layover_agent.health import Health
from layover_agent.holds import Holds, Terms
from layover_agent.http import Server
from layover_agent.identity import Identity
from layover_agent.journal import Journal
from layover_agent.looker import Looker
from layover_agent.memory import given_back
from layover_agent.notify import notify, status, watchdog
from layover_agent.parts import Parts
from layover_agent.pressure import Pressure
from layover_agent.refuge import Opening, opened_anyhow
from layover_agent.restraint import Restraint
from layover_agent.retention import Observer
from layover_agent.scan import Scanner
from layover_agent.settings import Config
from layover_agent.sources import registry
from layover_agent.standing import Standing
from layover_agent.triggers import Triggers
from layover_agent.watch import watching
from layover_agent.wire.identity import spoken

log = logging.getLogger(__name__)


def identity_of(config: Config) -> Identity:
    return Identity(config.data_folder / "identity")


async def run(config: Config, clock: Clock | None = None) -> None:
    """Runs the agent until SIGTERM or SIGINT. NotEnrolled where it has no certificate, BadConfig
    where another agent runs on its data folder."""
    clock = clock or SystemClock()
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    while not stopped.is_set():
        identity = identity_of(config)
        if not identity.enrolled:
            raise NotEnrolled
        with _alone(config.data_folder):
            async with opened_anyhow(config.data_folder / "manifest.db") as opening:
                await _serve(config, clock, identity, opening, stopped)


async def _serve(
    config: Config, clock: Clock, identity: Identity, opening: Opening, stopped: asyncio.Event
) -> None:
    """Until it is stopped, or the data folder's disk is another one or has room again."""
    manifest = opening.manifest
    sources = {name: registry.made(name, one) for name, one in config.sources.items()}
    folders = {name: str(source.folder) for name, source in sources.items()}
    files = Files(sources, config.holds_folder)
    holds = await Holds.restored(manifest, files, clock, _terms(config))
    triggers = Triggers(holds.spans, manifest, config.trigger, clock)
    journal = Journal(manifest)
    observer = await Observer.opened(journal, folders, clock)
    contacts = await Contacts.opened(manifest, clock)

    def stepped(shift_ms: int) -> None:
        observer.stepped(shift_ms)
        contacts.stepped(clock.wall_ms())

    clock_watch = ClockWatch(journal, clock, stepped)
    restraint = Restraint(Pressure(), clock, observer.recorder_behind)
    hasher = Hasher(
        manifest, files, clock, identity.key, identity.id, lambda: restraint.pace().work_share
    )
    scanner = Scanner(manifest, sources.values(), clock, [holds.changed, observer.changed])
    looker = Looker(scanner, hasher, observer, clock_watch, clock, config.rescan)
    parts = Parts()
    health = Health(
        identity.id,
        manifest,
        sources,
        scanner,
        holds,
        clock,
        contacts=contacts,
        habits=observer,
        box=Box(config.sources, clock, config.data_folder),
        enrolment=enrolment(config.data_folder / "identity"),
    )
    health.failing, health.triggers = parts.failing, triggers.troubles
    server = Server(
        Api(manifest, files, hasher, holds, health), identity.server_context(), identity.accepts
    )

    def not_advertised(why: str) -> None:
        health.advertise_fault = why

    async with contextlib.AsyncExitStack() as stack:
        port = await stack.enter_async_context(
            server.listening(config.listen.address, config.listen.port)
        )
        standing = Standing(health.status).listening(config.data_folder, config.service.listen)
        try:
            await stack.enter_async_context(standing)
        except OSError as error:
            if not opening.makeshift:
                raise
            log.error("whoever stands next to the box cannot ask for its status: %s", error)
        watch = await stack.enter_async_context(
            watching([source.folder for source in sources.values()], looker)
        )
        health.deaf = lambda: watch.deaf
        await stack.enter_async_context(
            advertising(config.advertise, identity.id, port, not_advertised)
        )
        if config.listen.port_file:
            _write_port(Path(config.listen.port_file), port)
        log.info("agent %s listens on port %d", spoken(identity.id), port)
        notify("READY=1", status(f"listens on port {port}"))
        given_back()
        async with asyncio.TaskGroup() as group:
            running = [
                group.create_task(parts.keep("looking", lambda: looker.run(watch))),
                group.create_task(parts.keep("hashing", hasher.run)),
                group.create_task(parts.keep("holds", holds.run)),
                group.create_task(parts.keep("triggers", triggers.run)),
                group.create_task(parts.keep("health", health.run)),
                group.create_task(watchdog(looker.alive)),
            ]
            await _first(stopped.wait(), opening.outdated())
            if stopped.is_set():
                notify("STOPPING=1")
            else:
                log.info("the data folder can be used as it should be: everything begins anew")
            for part in running:
                part.cancel()
        for last in (observer.save, clock_watch.save, health.save, holds.save):
            try:
                await last()
            except sqlite3.OperationalError as error:
                log.warning("something could not be written down at the end: %s", error)


async def _first(*waits: Coroutine[Any, Any, object]) -> None:
    """Waits until one of them is over; its failure is ours."""
    tasks = [asyncio.ensure_future(one) for one in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()


def _terms(config: Config) -> Terms:
    return Terms(
        reserve_bytes=config.holds.reserve_bytes,
        max_percent=config.holds.max_percent,
        max_count=config.holds.max_count,
        copy_rate_bps=config.holds.copy_rate_bps,
    )


@contextlib.contextmanager
def _alone(data_folder: Path) -> Iterator[None]:
    """Two agents on one data folder would tell central two stories. The folder itself is locked:
    a disk without room has none for a file."""
    data_folder.mkdir(parents=True, exist_ok=True)
    folder = os.open(data_folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BadConfig(
                f"another agent runs on {data_folder}: end it, or give this one its own data_folder"
            ) from error
        yield
    finally:
        os.close(folder)


def _write_port(path: Path, port: int) -> None:
    """Whole or not at all: whoever waits for the file never reads half a number."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_text(str(port))
    temporary.rename(path)
