"""The agent as one process: its parts wired together, started and ended in order."""

import asyncio
import contextlib
import logging
import os
import signal
from pathlib import Path

from layover_agent.advertise import advertising
from layover_agent.api import Api
from layover_agent.clock import Clock, SystemClock
from layover_agent.digests import Hasher
from layover_agent.errors import NotEnrolled
from layover_agent.files import Files
from layover_agent.health import Health
from layover_agent.holds import Holds
from layover_agent.http import Server
from layover_agent.identity import Identity
from layover_agent.looker import Looker
from layover_agent.manifest import Manifest, opened
from layover_agent.scan import Scanner
from layover_agent.settings import Config
from layover_agent.sources.source import Source
from layover_agent.sources.template import TemplateSource
from layover_agent.watch import watching
from layover_agent.wire.identity import spoken

log = logging.getLogger(__name__)


def identity_of(config: Config) -> Identity:
    return Identity(config.data_folder / "identity")


async def run(config: Config, clock: Clock | None = None) -> None:
    """Runs the agent until SIGTERM or SIGINT. NotEnrolled where it has no certificate."""
    clock = clock or SystemClock()
    identity = identity_of(config)
    if not identity.enrolled:
        raise NotEnrolled
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with opened(config.data_folder / "manifest.db") as manifest:
        await _serve(config, clock, identity, manifest, stopped)


async def _serve(
    config: Config, clock: Clock, identity: Identity, manifest: Manifest, stopped: asyncio.Event
) -> None:
    sources: dict[str, Source] = {
        name: TemplateSource(name, one) for name, one in config.sources.items()
    }
    files = Files(sources, config.holds_folder)
    holds = await Holds.restored(manifest, files, clock)
    holds.declare(_why_no_holds(config, sources))
    hasher = Hasher(manifest, files, clock, identity.key, identity.id)
    scanner = Scanner(manifest, sources.values(), clock)
    health = Health(identity.id, manifest, sources, scanner, holds, clock)
    looker = Looker(scanner, hasher, config.rescan)
    server = Server(
        Api(manifest, files, hasher, holds, health), identity.server_context(), identity.accepts
    )

    def not_advertised(why: str) -> None:
        health.advertise_fault = why

    async with contextlib.AsyncExitStack() as stack:
        port = await stack.enter_async_context(
            server.listening(config.listen.address, config.listen.port)
        )
        watch = await stack.enter_async_context(
            watching([source.folder for source in sources.values()], looker)
        )
        await stack.enter_async_context(
            advertising(config.advertise, identity.id, port, not_advertised)
        )
        if config.listen.port_file:
            _write_port(Path(config.listen.port_file), port)
        log.info("agent %s listens on port %d", spoken(identity.id), port)
        async with asyncio.TaskGroup() as group:
            running = (looker.run(watch), hasher.run(), holds.run())
            parts = [group.create_task(part) for part in running]
            await stopped.wait()
            for part in parts:
                part.cancel()
        await holds.save()


def _why_no_holds(config: Config, sources: dict[str, Source]) -> str:
    """What already speaks against holds before the first is asked for."""
    undeclared = [n for n, s in sources.items() if s.config.deletes_by != "unlink"]
    if undeclared:
        return f'sources.{undeclared[0]}.deletes_by is not "unlink"'
    try:
        config.holds_folder.mkdir(parents=True, exist_ok=True)
        here = config.holds_folder.stat().st_dev
        apart = [n for n, s in sources.items() if s.folder.stat().st_dev != here]
    except OSError as error:
        return f"the holds folder cannot be used: {error.strerror}"
    return f"source {apart[0]} is on another file system than the holds folder" if apart else ""


def _write_port(path: Path, port: int) -> None:
    """Whole or not at all: whoever waits for the file never reads half a number."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_text(str(port))
    temporary.rename(path)
