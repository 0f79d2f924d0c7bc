"""Who may ask: the right host name, the same origin, and the access key away from loopback.

On loopback there is no key, so two doors that a browser opens for strangers are shut: a page
whose name was re-bound to our address shows itself by its Host header, a page that posts across
origins by Sec-Fetch-Site and Origin. Every answer carries the headers that keep a page honest.
"""

import base64
import binascii
import hmac
import ipaddress
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from layover_central.errors import Kind, LayoverError
from layover_central.web.problems import HARDENING, answer

MAX_BODY_BYTES = 1 << 20
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OPEN_PATHS = frozenset({"/healthz"})
"""Answered without the access key: they say nothing about the fleet."""


@dataclass(frozen=True, slots=True)
class Guard:
    """An ASGI layer around the whole app. ``access_key``: None on loopback."""

    app: ASGIApp
    host: str
    access_key: str | None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HARDENING.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith("/api/"):
                    headers.setdefault("cache-control", "no-store")
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, with_headers)
        else:
            await self.app(scope, _bounded(receive), with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if self.access_key is None and not host_allowed(headers.get("host", ""), self.host):
            return answer(
                LayoverError(
                    Kind.BAD_INPUT,
                    f"central is not called {headers.get('host', '')!r}",
                    "Open it as http://localhost, or set the host that it serves at.",
                ),
                403,
                "Wrong host name",
            )
        if not self._known(scope, headers):
            return answer(
                LayoverError(Kind.UNAUTHORISED, "the access key is missing or wrong"),
                headers={"www-authenticate": 'Basic realm="Layover", charset="UTF-8"'},
            )
        if scope["method"] not in SAFE_METHODS and not same_origin(headers):
            return answer(
                LayoverError(
                    Kind.BAD_INPUT,
                    "another web page tried to change something here",
                    "Changes are taken from central's own page, and from programs.",
                ),
                403,
                "Cross-origin change refused",
            )
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length[:20]) > MAX_BODY_BYTES:
            return answer(_too_long(), 413, "Content Too Large")
        return None

    def _known(self, scope: Scope, headers: Headers) -> bool:
        if self.access_key is None or scope["path"] in OPEN_PATHS:
            return True
        return key_given(headers.get("authorization", ""), self.access_key)


def is_loopback(host: str) -> bool:
    """Whether an address to serve at is reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_allowed(header: str, host: str) -> bool:
    """Whether a Host header names this machine itself, whatever the port (tunnels change it)."""
    name = header.lower()
    if name.startswith("["):
        name, _, port = name[1:].partition("]")
        port = port.removeprefix(":")
    else:
        name, _, port = name.partition(":")
    if port and not port.isdecimal():
        return False
    return name in {"localhost", "127.0.0.1", "::1", host.lower()}


def same_origin(headers: Headers) -> bool:
    """Whether a change comes from our own page or from a program, which sends neither header."""
    if headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
        return False
    origin = headers.get("origin")
    if origin is None:
        return True
    scheme, _, name = origin.lower().partition("://")
    return scheme in {"http", "https"} and name == headers.get("host", "").lower()


def key_given(authorization: str, access_key: str) -> bool:
    """Whether an Authorization header carries the key: as Bearer, or as any user's password."""
    scheme, _, credentials = authorization.partition(" ")
    given = credentials.strip().encode("latin-1", "replace")
    if scheme.lower() == "basic":
        try:
            given = base64.b64decode(given, validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            return False
    elif scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(given, access_key.encode())


def _bounded(receive: Receive) -> Receive:
    """Bodies without a declared length are counted as they come."""
    total = 0

    async def counted() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > MAX_BODY_BYTES:
            raise HTTPException(413, _too_long().detail)
        return message

    return counted


def _too_long() -> LayoverError:
    return LayoverError(Kind.BAD_INPUT, f"a body of more than {MAX_BODY_BYTES} bytes")
