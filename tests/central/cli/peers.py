"""Peers that are not central: lines that are cut, programs that answer anything."""

import http.client
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Line:
    """A way to central that forwards everything, and loses the answers it is told to lose."""

    central_port: int
    losses: int
    """How many of the next answers are lost."""
    seen: list[str] = field(default_factory=list)
    """``METHOD path`` of everything that reached central."""
    keys: list[str | None] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def line(central_port: int, losses: int) -> Iterator[Line]:
    state = Line(central_port, losses)

    class Forward(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            central = http.client.HTTPConnection("127.0.0.1", state.central_port, timeout=10)
            central.request(self.command, self.path, body, dict(self.headers))
            answer = central.getresponse()
            data = answer.read()
            central.close()
            state.seen.append(f"{self.command} {self.path}")
            state.keys.append(self.headers.get("idempotency-key"))
            if state.losses:
                state.losses -= 1
                _reset(self)
                return
            self.send_response(answer.status)
            self.send_header("content-type", answer.headers["content-type"])
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PATCH = do_POST

        def log_message(self, *_: object) -> None: ...

    with _serving(Forward) as port:
        state.port = port
        yield state


@contextmanager
def stranger(
    status: int, headers: dict[str, str], body: bytes, certificate: Path | None = None
) -> Iterator[str]:
    """The address of a program that answers everything alike."""

    class Same(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_PATCH = do_GET

        def log_message(self, *_: object) -> None: ...

    with _serving(Same, certificate) as port:
        yield f"{'https' if certificate else 'http'}://127.0.0.1:{port}"


class _Quiet(ThreadingHTTPServer):
    daemon_threads = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A peer that gives up in the middle is what these servers are for."""


@contextmanager
def _serving(
    handler: type[BaseHTTPRequestHandler], certificate: Path | None = None
) -> Iterator[int]:
    handler.timeout = 10
    with _Quiet(("127.0.0.1", 0), handler) as server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def _reset(handler: BaseHTTPRequestHandler) -> None:
    """Cuts the line: the other end gets a reset, no answer."""
    handler.close_connection = True
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.rfile.close()
    handler.wfile.close()
    handler.connection.close()
