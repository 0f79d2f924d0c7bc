"""Byte streams to a site for httpcore, with the site's key pinned before a request is sent.

``SiteBackend`` is where another way to reach a site plugs in: it only has to yield a stream
over which central speaks TLS as the client.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterable
from typing import Any

import httpcore

from layover_agent.wire.identity import identity_of_certificate
from layover_central.errors import Kind, LayoverError

READ_LIMIT = 256 << 10

SeenCertificate = Callable[[bytes], None]


class SiteStream(httpcore.AsyncNetworkStream):
    """An asyncio connection as httpcore wants it; ``start_tls`` checks who answers."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        identity: str,
        seen: SeenCertificate,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._identity = identity
        self._seen = seen

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            async with asyncio.timeout(timeout):
                return await self._reader.read(max_bytes)
        except TimeoutError as error:
            raise httpcore.ReadTimeout("no bytes in time") from error
        except OSError as error:
            # With TLS 1.3 a site that does not trust us says so only after the handshake. Any
            # other TLS error there is a link that damages bytes.
            if isinstance(error, ssl.SSLError) and _speaks_of_trust(error):
                raise _distrust(error) from error
            raise httpcore.ReadError(str(error) or "the site hung up") from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not buffer:
            return
        try:
            self._writer.write(buffer)
            async with asyncio.timeout(timeout):
                await self._writer.drain()
        except TimeoutError as error:
            raise httpcore.WriteTimeout("bytes not taken in time") from error
        except OSError as error:
            raise httpcore.WriteError(str(error) or "the site hung up") from error

    async def aclose(self) -> None:
        # Not wait_closed(): after start_tls() it can wait for ever on a connection that was reset.
        self._writer.transport.abort()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                await self._writer.start_tls(ssl_context, server_hostname=server_hostname)
        except TimeoutError as error:
            await self.aclose()
            raise httpcore.ConnectTimeout("no TLS handshake in time") from error
        except ssl.SSLError as error:
            await self.aclose()
            raise _distrust(error) from error
        except OSError as error:
            await self.aclose()
            raise httpcore.ConnectError(str(error) or "the site hung up") from error
        except asyncio.CancelledError:
            self._writer.transport.abort()
            raise
        der = self._writer.get_extra_info("ssl_object").getpeercert(True)
        if der is None or identity_of_certificate(der) != self._identity:
            await self.aclose()
            raise LayoverError(
                Kind.REFUSED,
                "another site answers at this address",
                "Correct the site's address, or enrol the box that stands there now.",
            )
        self._seen(der)
        return self

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            # httpcore asks whether an idle connection has been closed by the other end.
            return self._reader.at_eof() or self._writer.is_closing()
        return self._writer.get_extra_info(info)


def _speaks_of_trust(error: ssl.SSLError) -> bool:
    words = ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED")
    return any(word in (error.reason or "") for word in words)


def _distrust(error: ssl.SSLError) -> LayoverError:
    return LayoverError(
        Kind.REFUSED,
        f"no trust between central and the site: {error.reason or error}",
        "Check that the box was enrolled with this central and shows the fleet's certificate.",
    )


class SiteBackend(httpcore.AsyncNetworkBackend):
    """Opens TCP connections to one site."""

    def __init__(self, identity: str, seen: SeenCertificate) -> None:
        self._identity = identity
        self._seen = seen

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                reader, writer = await asyncio.open_connection(host, port, limit=READ_LIMIT)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("no connection in time") from error
        except (OSError, OverflowError, UnicodeError) as error:
            raise httpcore.ConnectError(str(error)) from error
        return SiteStream(reader, writer, self._identity, self._seen)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
