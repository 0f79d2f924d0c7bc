"""A small HTTP/1.1 server for one kind of peer: central, behind mutual TLS.

Built on h11 over asyncio streams, so that a connection which the box itself opened can be served
the same way. Every wait has a deadline and every queue a bound: a peer that says half a request
and falls silent costs nothing but its own connection.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

import h11

log = logging.getLogger(__name__)

HANDSHAKE_S = 10.0
HEAD_S = 10.0
IDLE_S = 75.0
BODY_S = 20.0
SEND_S = 30.0
"""How long a peer may take for the next ``SLICE_BYTES``."""
SLICE_BYTES = 16 << 10
MAX_HEAD_BYTES = 16 << 10
MAX_BODY_BYTES = 64 << 10
MAX_CONNECTIONS = 64
MAX_PER_ADDRESS = 24
WRITE_BUFFER_BYTES = 64 << 10
"""What may wait in our own buffer: the sender's pace must be the pace on the wire."""


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Lower-case names; of a repeated header the last."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """``body`` as bytes, or as parts that add up to exactly ``length``, or, without a length, as
    parts of which only the end of the answer tells that they were all (chunked).

    An iterator that raises makes the server cut the connection: the peer sees a short body and
    never mistakes it for a whole one.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | AsyncGenerator[bytes] = b""
    length: int | None = None


Handler = Callable[[Request], Awaitable[Response]]
Accepts = Callable[[bytes | None], bool]


class Server:
    """Serves ``handler`` to peers that TLS and ``accepts`` let through."""

    def __init__(self, handler: Handler, context: ssl.SSLContext, accepts: Accepts) -> None:
        self._handler = handler
        self._context = context
        self._accepts = accepts
        self._open: dict[asyncio.Task[None], str] = {}

    @contextlib.asynccontextmanager
    async def listening(self, address: str, port: int) -> AsyncIterator[int]:
        """Listens while the block runs; gives the port. Open connections end with the block."""
        server = await asyncio.start_server(self._accepted, address, port, backlog=128)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)
            # Only now: from Python 3.12 on this waits for the connections too.
            await server.wait_closed()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Takes a connection if there is room, for all and for its address."""
        address = str((writer.get_extra_info("peername") or ["?"])[0])
        here = Counter(self._open.values())
        if len(self._open) >= MAX_CONNECTIONS or here[address] >= MAX_PER_ADDRESS:
            writer.transport.abort()
            return
        task = asyncio.get_running_loop().create_task(self._serve_tls(reader, writer))
        self._open[task] = address
        task.add_done_callback(self._open.pop)

    async def _serve_tls(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The handshake on a plain connection, then the requests on it."""
        try:
            async with asyncio.timeout(HANDSHAKE_S):
                await writer.start_tls(self._context)
            peer = writer.get_extra_info("ssl_object").getpeercert(True)
            if self._accepts(peer):
                await self.serve_connection(reader, writer)
            else:
                log.warning("a peer of our fleet that is not its central was turned away")
        except (OSError, TimeoutError, ConnectionError) as error:
            log.debug("connection ended: %s", error)
        finally:
            writer.transport.abort()

    async def serve_connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answers requests on an authenticated stream, one after another, until it ends."""
        _tune(writer)
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
        deadline_s = HEAD_S
        while True:
            try:
                request = await _read_request(connection, reader, deadline_s)
            except h11.RemoteProtocolError as error:
                await _refuse(connection, writer, error)
                return
            if request is None:
                return
            response = await self._handler(request)
            await _send(connection, writer, response, head_only=request.method == "HEAD")
            if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                return
            connection.start_next_cycle()
            deadline_s = IDLE_S


def _tune(writer: asyncio.StreamWriter) -> None:
    writer.transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(OSError, AttributeError):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


async def _read_request(
    connection: h11.Connection, reader: asyncio.StreamReader, deadline_s: float
) -> Request | None:
    """The next request; None: the peer has ended. TimeoutError where it dawdles."""
    async with asyncio.timeout(deadline_s):
        head = await _next_event(connection, reader)
    if not isinstance(head, h11.Request):
        return None
    body = bytearray()
    async with asyncio.timeout(BODY_S):
        while isinstance(event := await _next_event(connection, reader), h11.Data):
            body += event.data
            if len(body) > MAX_BODY_BYTES:
                raise h11.RemoteProtocolError("the body is too long", error_status_hint=413)
    if not isinstance(event, h11.EndOfMessage):
        return None
    try:
        target = urlsplit(head.target.decode("ascii", "replace"))
        query = dict(parse_qsl(target.query, keep_blank_values=True, max_num_fields=16))
    except ValueError as error:
        raise h11.RemoteProtocolError(f"the target cannot be read: {error}") from error
    return Request(
        method=head.method.decode("ascii", "replace"),
        path=target.path,
        query=query,
        headers={k.decode("latin-1"): v.decode("latin-1") for k, v in head.headers},
        body=bytes(body),
    )


async def _next_event(connection: h11.Connection, reader: asyncio.StreamReader) -> h11.Event:
    while (event := connection.next_event()) is h11.NEED_DATA:
        connection.receive_data(await reader.read(64 << 10))
    assert isinstance(event, h11.Event)
    return event


async def _send(
    connection: h11.Connection,
    writer: asyncio.StreamWriter,
    response: Response,
    *,
    head_only: bool,
) -> None:
    length = response.length
    if length is None and isinstance(response.body, bytes):
        length = len(response.body)
    headers = [(k.encode(), v.encode()) for k, v in response.headers.items()]
    if length is None:
        headers.append((b"Transfer-Encoding", b"chunked"))
    elif response.status != 204:
        headers.append((b"Content-Length", str(length).encode()))
    head = connection.send(h11.Response(status_code=response.status, headers=headers))
    writer.write(head or b"")
    if head_only:
        connection.send(h11.EndOfMessage())
    elif isinstance(response.body, bytes):
        writer.write(connection.send(h11.Data(data=response.body)) or b"")
        connection.send(h11.EndOfMessage())
    else:
        await _send_parts(connection, writer, response.body)
    async with asyncio.timeout(SEND_S):
        await writer.drain()


async def _send_parts(
    connection: h11.Connection, writer: asyncio.StreamWriter, parts: AsyncGenerator[bytes]
) -> None:
    async with contextlib.aclosing(parts) as stream:
        async for part in stream:
            # Around the part h11 puts what chunks need, or nothing where the length is known.
            for piece in connection.send_with_data_passthrough(h11.Data(data=part)) or ():
                # In slices, so that the deadline tells a slow link from a silent one.
                for start in range(0, len(piece), SLICE_BYTES):
                    writer.write(piece[start : start + SLICE_BYTES])
                    async with asyncio.timeout(SEND_S):
                        await writer.drain()
    writer.write(connection.send(h11.EndOfMessage()) or b"")


async def _refuse(
    connection: h11.Connection, writer: asyncio.StreamWriter, error: h11.RemoteProtocolError
) -> None:
    """One plain line to a peer whose request is not HTTP, then the end."""
    if connection.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
        return
    body = f"{error}\n".encode()
    head = h11.Response(
        status_code=error.error_status_hint,
        headers=[(b"Content-Length", str(len(body)).encode()), (b"Connection", b"close")],
        reason=b"",
    )
    writer.write((connection.send(head) or b"") + body)
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(1):
            await writer.drain()
