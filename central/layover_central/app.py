"""Central as one process: store, lookout, puller and web, started together, ended together."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn

from layover_central import fulfilment, outlook
from layover_central.archive.files import Archive
from layover_central.changes import Topic
from layover_central.clock import Clock, SystemClock
from layover_central.config import Settings
from layover_central.context import Central
from layover_central.errors import Kind, LayoverError
from layover_central.links.discover import discovering
from layover_central.puller.caps import Caps
from layover_central.puller.lookout import Lookout
from layover_central.puller.loop import Puller
from layover_central.store import Store, transfers
from layover_central.trust.authority import Authority
from layover_central.web.app import create_app
from layover_central.web.server import WebServer

log = logging.getLogger(__name__)

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
OUTLOOK_EVERY_S = 2.0
"""How often forecasts are looked at even if nothing happens: time itself is news to them."""


async def serve(settings: Settings) -> None:
    """Runs central until SIGTERM or SIGINT. LayoverError where it cannot start."""
    if settings.host not in LOOPBACK and not (settings.tls_certificate and settings.tls_key):
        raise LayoverError(
            Kind.BAD_INPUT,
            f"the page is served without encryption on loopback only, not on {settings.host}",
            "Give --tls-certificate and --tls-key, or leave --host away.",
        )
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    with contextlib.closing(_listener(settings)) as listener:
        async with running(settings, SystemClock()) as central:
            server = _web_server(central)
            async with asyncio.TaskGroup() as group:
                group.create_task(server.serve(sockets=[listener]))
                await stopped.wait()
                server.should_exit = True


@contextlib.asynccontextmanager
async def running(settings: Settings, clock: Clock) -> AsyncIterator[Central]:
    """Everything but the web, for as long as the block runs."""
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        archive = Archive(settings.archive_folder)
    except OSError as error:
        raise LayoverError(Kind.STORAGE, f"the data folder cannot be used: {error}") from error
    store = await Store.open(settings.database_url)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(store.close)
        authority = Authority(settings.data / "trust")
        central = Central(settings, clock, store, authority, started_ms=clock.now_ms())
        async with store.begin() as connection:
            wanted = await transfers.wanted_ids(connection)
        await asyncio.to_thread(archive.discard_strangers, wanted)
        caps = Caps(central)
        await caps.load()
        puller = Puller(central, archive, caps)
        lookout = Lookout(central, archive, puller)
        if settings.discover:
            await stack.enter_async_context(discovering(lookout.sighted, lookout.allowed_networks))
        tasks = [
            asyncio.create_task(part)
            for part in (
                puller.run(),
                lookout.run(),
                fulfilment.keep_reviewing(central),
                _follow_news(central, caps, puller),
            )
        ]
        for task in tasks:
            task.add_done_callback(_bug)
        try:
            yield central
        finally:
            for task in reversed(tasks):
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


async def _follow_news(central: Central, caps: Caps, puller: Puller) -> None:
    """Keeps caps, contacts and warnings in step with what people change and time brings."""
    await outlook.refresh(central)
    with central.changes.subscribed() as news:
        while True:
            topic = None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(OUTLOOK_EVERY_S):
                    topic = await news.get()
            if topic is Topic.DEPOTS:
                await caps.load()
            if topic is Topic.WANTED:
                puller.wants_changed()
            if topic in (None, Topic.WANTED):
                await outlook.refresh(central)
            if topic in (Topic.DEPOTS, Topic.WANTED):
                puller.wake()


def _bug(task: asyncio.Task[None]) -> None:
    """A part that ends by itself is a bug: central stops rather than live on as half of itself."""
    if not task.cancelled() and task.exception() is not None:
        log.critical("central stops: a part of it failed", exc_info=task.exception())
        signal.raise_signal(signal.SIGTERM)


def _listener(settings: Settings) -> socket.socket:
    """The page's socket, taken before anything starts. CONFLICT where the port is in use."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family)
    except OSError as error:
        raise LayoverError(
            Kind.CONFLICT,
            f"the page cannot be served at {settings.host}:{settings.port}: {error.strerror}",
            "Choose another port with --port, or end the program that uses this one.",
        ) from error


class _Server(WebServer):
    """A web server that leaves the process's signals to us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _web_server(central: Central) -> uvicorn.Server:
    settings = central.settings
    app = create_app(central)
    return _Server(
        app,
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            ssl_certfile=settings.tls_certificate or None,
            ssl_keyfile=settings.tls_key or None,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=2,
            lifespan="off",
        ),
    )
