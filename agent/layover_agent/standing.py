"""For whoever stands next to the box: its status, without central and without a certificate.

The running agent answers on a socket in its data folder, which the folder's rights protect, and
where ``service.listen`` says so on a port of the LAN: ``/livez``, ``/readyz``, ``/metrics`` and
``/status``, and never a byte of a recording.
"""

import asyncio
import contextlib
import errno
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

from layover_agent.http import Request, Response, Server
from layover_agent.metrics import MEDIA_PROMETHEUS, exposition
from layover_agent.wire.codec import MAX_MESSAGE_BYTES, decode, encode
from layover_agent.wire.types import Status
from layover_agent.wire.version import MEDIA_JSON

SOCKET = "service.sock"
ASK_S = 10.0
_MODE = 0o660


class NotRunning(Exception):
    """No agent answers on this data folder."""


class NotAnswering(Exception):
    """An agent took the question and did not answer in time."""


class Standing:
    """Answers the service calls, over a socket of the box or a port of the LAN."""

    def __init__(self, status: Callable[[], Awaitable[Status]]) -> None:
        self._status = status
        self._server = _Open(self)

    async def __call__(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            return _plain(405, "only GET: nothing can be changed here", {"Allow": "GET, HEAD"})
        match request.path:
            case "/livez":
                return _plain(200, "ok")
            case "/readyz":
                return _readiness(await self._status())
            case "/metrics":
                body = exposition(await self._status()).encode()
                return Response(200, {"Content-Type": MEDIA_PROMETHEUS}, body)
            case "/status":
                body = encode(await self._status(), MEDIA_JSON)
                return Response(200, {"Content-Type": MEDIA_JSON}, body)
        return _plain(404, "there is /livez, /readyz, /metrics and /status")

    @contextlib.asynccontextmanager
    async def listening(self, data_folder: Path, listen: str = "") -> AsyncIterator[int]:
        """Answers while the block runs; gives the LAN port (0: none). OSError where a socket
        cannot be had, ValueError where ``listen`` is no address with a port."""
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(self._server.on(stack.enter_context(_at(data_folder))))
            port = 0
            if listen:
                address, number = address_of(listen)
                port = await stack.enter_async_context(self._server.listening(address, number))
            yield port


class _Open(Server):
    """Serves without TLS: there is nothing here that the box would not tell who stands by it."""

    def __init__(self, handler: Standing) -> None:
        self._handler = handler
        self._open = {}

    @contextlib.asynccontextmanager
    async def on(self, listener: socket.socket) -> AsyncIterator[None]:
        server = await asyncio.start_unix_server(self._accepted, sock=listener)
        try:
            yield
        finally:
            server.close()
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)
            await server.wait_closed()

    async def _serve_tls(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, TimeoutError):
                await self.serve_connection(reader, writer)
        finally:
            writer.transport.abort()


def asked(data_folder: Path, timeout_s: float = ASK_S) -> Status:
    """The status of the agent that runs on a data folder. NotRunning, NotAnswering; OSError
    where this user may not ask."""
    import http.client  # only whoever asks needs it; the agent is to be small

    connection = http.client.HTTPConnection("localhost", timeout=timeout_s)
    with socket.socket(socket.AF_UNIX) as sock, contextlib.closing(connection):
        sock.settimeout(timeout_s)
        try:
            with _short(data_folder) as path:
                sock.connect(path)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise NotRunning from error
        connection.sock = sock
        try:
            connection.request("GET", "/status")
            answer = connection.getresponse()
            body = answer.read(MAX_MESSAGE_BYTES + 1)
        except TimeoutError as error:
            raise NotAnswering from error
        except (http.client.HTTPException, ConnectionError) as error:
            raise NotRunning from error
    if answer.status != 200:
        raise NotAnswering
    return decode(Status, body, MEDIA_JSON)


def address_of(listen: str) -> tuple[str, int]:
    """``0.0.0.0:8442`` or ``[::]:8442`` taken apart. ValueError for anything else."""
    host, colon, port = listen.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError(
            f"service.listen = {listen!r}: give an address and a port, as 0.0.0.0:8442"
        )
    return host.removeprefix("[").removesuffix("]"), int(port)


@contextlib.contextmanager
def _at(data_folder: Path) -> Iterator[socket.socket]:
    """A socket bound in the data folder. OSError (EADDRINUSE) where another agent has it."""
    with socket.socket(socket.AF_UNIX) as sock, _short(data_folder) as path:
        with contextlib.suppress(FileNotFoundError), socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1.0)
            with contextlib.suppress(ConnectionRefusedError):
                probe.connect(path)
                raise OSError(errno.EADDRINUSE, "another agent runs on this data folder", path)
            Path(path).unlink()
        # Made with its rights, never given them: the service may not change rights of files.
        before = os.umask(0o777 & ~_MODE)
        try:
            sock.bind(path)
        finally:
            os.umask(before)
        try:
            yield sock
        finally:
            with contextlib.suppress(OSError):
                Path(path).unlink()


@contextlib.contextmanager
def _short(data_folder: Path) -> Iterator[str]:
    """The socket's path through a descriptor: the kernel takes 107 characters, folders are
    longer (unix(7))."""
    handle = os.open(data_folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{handle}/{SOCKET}"
    finally:
        os.close(handle)


def _readiness(status: Status) -> Response:
    """Whether central would be served well: enrolled, and the folders were looked at."""
    lacks = []
    if not status.enrolled:
        lacks.append("not enrolled")
    if not status.manifest.scanned_ms:
        lacks.append("the folders were not looked at yet")
    body = json.dumps({"ready": not lacks, "lacks": lacks}).encode()
    return Response(503 if lacks else 200, {"Content-Type": MEDIA_JSON}, body)


def _plain(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return Response(status, {"Content-Type": "text/plain", **(headers or {})}, f"{text}\n".encode())
