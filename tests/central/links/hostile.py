"""A site that misbehaves as it is told: a TLS server with a real certificate of the fleet."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from layover_central.errors import Kind, LayoverError
from layover_central.links.agent_client import AgentClient
from layover_central.trust.authority import Authority

NOW_MS = 1_795_258_800_000
"""2026-11-21 11:00 UTC."""
MSGPACK = "application/msgpack"

Answer = Callable[["Caller"], Awaitable[None]]


class StillClock:
    def now_ms(self) -> int:
        return NOW_MS

    def mono_s(self) -> float:
        return NOW_MS / 1000


def reply(status: str = "200 OK", body: bytes = b"", **headers: str) -> bytes:
    """A well-formed answer. Headers by name with ``_`` for ``-``; an empty one is left out."""
    fields = {"Content-Length": str(len(body)), "Content-Type": MSGPACK}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"HTTP/1.1 {status}", *(f"{n}: {v}" for n, v in fields.items() if v)]
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass
class Caller:
    """One connection of central's, from the site's end."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def request(self) -> bytes:
        """The next request's head; empty where central hung up."""
        try:
            return await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""

    async def send(self, data: bytes) -> None:
        """ConnectionError once central has hung up: TLS transports only log it."""
        if self.writer.transport.is_closing():
            raise ConnectionResetError
        self.writer.write(data)
        await self.writer.drain()
        await asyncio.sleep(0)

    async def gone(self) -> None:
        """Until central has hung up."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65536):
                pass


def always(answer: bytes, *, then_close: bool = False) -> Answer:
    """The same bytes to every request; ``then_close``: and the end of the connection."""

    async def answering(caller: Caller) -> None:
        while await caller.request():
            await caller.send(answer)
            if then_close:
                return

    return answering


@dataclass
class Box:
    """A key and the fleet's certificate for it."""

    authority: Authority
    folder: Path
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def __post_init__(self) -> None:
        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        pem = request.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        self.identity, bundle = self.authority.certify_site(pem)
        self.folder.mkdir(parents=True)
        (self.folder / "site.pem").write_bytes(bundle)
        (self.folder / "fleet-ca.pem").write_bytes(self.authority.ca_pem)
        (self.folder / "site.key").write_bytes(
            self.key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )

    def context(self, trusted: bytes | None = None) -> ssl.SSLContext:
        """TLS as an agent speaks it; ``trusted``: another authority than the fleet's."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=(trusted or self.authority.ca_pem).decode())
        context.load_cert_chain(self.folder / "site.pem", self.folder / "site.key")
        return context


@dataclass
class Hostile:
    """The server, what it answers, and what it saw."""

    box: Box
    answer: Answer = field(default_factory=lambda: always(reply()))
    port: int = 0
    callers_left: int = 0
    heard: bytearray = field(default_factory=bytearray)
    """All that central said, decrypted."""

    @contextlib.asynccontextmanager
    async def serving(self, context: ssl.SSLContext | None) -> AsyncIterator[None]:
        """``context`` None: plain TCP."""
        tasks: set[asyncio.Task[None]] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            try:
                await self.answer(Caller(reader, writer))
            except (ConnectionError, asyncio.CancelledError):
                pass
            finally:
                writer.transport.abort()
                tasks.discard(task)
                self.callers_left += 1

        class Overheard(asyncio.StreamReaderProtocol):
            def data_received(_, data: bytes) -> None:
                self.heard.extend(data)
                super().data_received(data)

        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: Overheard(asyncio.StreamReader(), connected), "127.0.0.1", 0, ssl=context
        )
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            for task in list(tasks):
                task.cancel()
            if tasks:
                await asyncio.wait(list(tasks))

    async def left(self) -> None:
        """Until a connection has ended at the site's end, too."""
        async with asyncio.timeout(5):
            while not self.callers_left:
                await asyncio.sleep(0.01)

    def client(self, *, identity: str = "", timeout_s: float = 5.0) -> AgentClient:
        return AgentClient(
            self.box.authority,
            StillClock(),
            f"127.0.0.1:{self.port}",
            identity or self.box.identity,
            timeout_s,
        )


@contextlib.contextmanager
def told(kind: Kind) -> Iterator[None]:
    """The block fails with exactly this kind, and with words."""
    try:
        yield
    except LayoverError as error:
        assert error.kind is kind, f"{error.kind}: {error.detail}"
        assert error.detail
    else:
        raise AssertionError(f"nothing was told where {kind} was due")
