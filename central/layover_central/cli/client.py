"""The command line's way to central: its API over HTTP, errors as exit codes."""

import contextlib
import os
import sys
from collections.abc import Iterator
from types import TracebackType
from typing import Any, NoReturn, Self
from urllib.parse import quote

import httpx

from layover_central.cli import show
from layover_central.core.labels import check_label
from layover_central.errors import MEANINGS, Kind, LayoverError

DEFAULT_URL = "http://127.0.0.1:8440"
TIMEOUT_S = 30.0
NEWS_SILENCE_S = 40.0
"""Central sends a sign of life every 15 s."""

_DIRECT = ("all://127.0.0.1", "all://localhost", "all://[::1]")
"""What is on this machine is never asked through a proxy."""


class Lost(LayoverError):
    """The line was cut or fell silent: what was asked may have been done."""


class Client:
    """Calls to one central. Every failure is a LayoverError, for ``fail`` to show."""

    def __init__(self, url: str, key: str = "") -> None:
        if not key.isascii():
            raise LayoverError(Kind.BAD_INPUT, "an access key has ASCII characters only")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            base = httpx.URL(f"{url.rstrip('/')}/api/v1")
            if base.scheme not in ("http", "https") or not base.host:
                raise ValueError("no http:// or https:// and a host")
            if not 0 < (base.port or 80) < 1 << 16:
                raise ValueError(f"no port {base.port}")
            self._http = httpx.Client(
                base_url=base,
                headers=headers,
                timeout=TIMEOUT_S,
                mounts=dict.fromkeys(_DIRECT),
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise LayoverError(
                Kind.BAD_INPUT,
                f"this is no address of central: {error}",
                f"Write it like {DEFAULT_URL}.",
            ) from error
        self._shown = str(base.copy_with(userinfo=b"", path="/")).rstrip("/")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        return self._call("GET", path, params={k: v for k, v in query.items() if v is not None})

    def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> Any:
        return self._call("POST", path, json=body, headers=headers)

    def patch(self, path: str, body: Any) -> Any:
        return self._call("PATCH", path, json=body)

    def send_file(self, path: str, data: bytes, **query: Any) -> bytes:
        """POSTs a file as it is; the answer's bytes."""
        return self._answer("POST", path, content=data, params=query).content

    @contextlib.contextmanager
    def news(self) -> Iterator[Iterator[str]]:
        """The topics that change at central, from when the block begins; ends with central."""
        timeout = httpx.Timeout(TIMEOUT_S, read=NEWS_SILENCE_S)
        with (
            self._told_failures(),
            self._http.stream("GET", "/events", timeout=timeout) as answer,
        ):
            if not answer.is_success:
                answer.read()
                raise _told(answer) or self._stranger(f"status {answer.status_code}")
            events = (
                line.removeprefix("event: ")
                for line in answer.iter_lines()
                if line.startswith("event: ")
            )
            if next(events, None) != "hello":
                raise self._stranger("no news")
            yield events

    def _call(self, method: str, path: str, **options: Any) -> Any:
        try:
            return self._answer(method, path, **options).json()
        except ValueError as error:
            raise self._stranger("no JSON") from error

    def _answer(self, method: str, path: str, **options: Any) -> httpx.Response:
        with self._told_failures():
            answer = self._http.request(method, path, **options)
        if answer.is_success:
            return answer
        raise _told(answer) or self._stranger(f"status {answer.status_code}")

    @contextlib.contextmanager
    def _told_failures(self) -> Iterator[None]:
        """Every failure of httpx inside becomes one of ours."""
        try:
            yield
        except (ValueError, httpx.LocalProtocolError) as error:
            raise LayoverError(Kind.BAD_INPUT, f"this cannot be sent: {error}") from error
        except httpx.ConnectError as error:
            raise self._unreachable(str(error)) from error
        except httpx.HTTPError as error:
            raise Lost(
                Kind.UNREACHABLE,
                f"{self._shown}: {str(error) or type(error).__name__}",
                "What was asked may have been done: look before you repeat it.",
            ) from error

    def _unreachable(self, why: str) -> LayoverError:
        if "CERTIFICATE_VERIFY_FAILED" in why:
            return LayoverError(
                Kind.REFUSED,
                f"the certificate of {self._shown} is not trusted: {why}",
                "Name the file of its authority: SSL_CERT_FILE=ca.pem layover …",
            )
        return LayoverError(
            Kind.UNREACHABLE,
            f"no central answers at {self._shown}",
            "Is it running? layover serve --data DIR",
        )

    def _stranger(self, what: str) -> LayoverError:
        return LayoverError(
            Kind.MALFORMED,
            f"what answers at {self._shown} is not central: {what}",
            "Check --url or LAYOVER_URL.",
        )


def _told(answer: httpx.Response) -> LayoverError | None:
    """The problem that central tells; None where it is not central's."""
    try:
        problem = answer.json()
        kind = Kind(problem["code"])
        return LayoverError(kind, str(problem["detail"]), str(problem.get("hint", "")))
    except (ValueError, LookupError, TypeError):
        return None


def place(noun: str, label: str) -> str:
    """The path of one site or depot. BAD_INPUT where nothing can have that name."""
    try:
        return f"/{noun}/{quote(check_label(label), safe='')}"
    except ValueError as error:
        raise LayoverError(Kind.BAD_INPUT, str(error)) from error


def fail(error: LayoverError) -> NoReturn:
    """Shows an error as one line and a hint, and ends the process with its exit code."""
    print(f"layover: {show.plain(error.detail)}", file=sys.stderr)
    print(f"hint: {show.plain(error.hint)}", file=sys.stderr)
    sys.exit(MEANINGS[error.kind].exit_code)


def client(url: str, key: str) -> Client:
    return Client(
        url or os.environ.get("LAYOVER_URL", DEFAULT_URL), key or os.environ.get("LAYOVER_KEY", "")
    )
