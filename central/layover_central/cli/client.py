"""The command line's way to central: its API over HTTP, errors as exit codes."""

import os
import sys
from typing import Any, NoReturn

import httpx

from layover_central.errors import MEANINGS, Kind, LayoverError

DEFAULT_URL = "http://127.0.0.1:8440"
TIMEOUT_S = 30.0


class Client:
    """Calls to one central. Every failure is a LayoverError, for ``fail`` to show."""

    def __init__(self, url: str, key: str = "") -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._url = url
        self._http = httpx.Client(
            base_url=f"{url.rstrip('/')}/api/v1", headers=headers, timeout=TIMEOUT_S
        )

    def get(self, path: str, **query: Any) -> Any:
        return self._call("GET", path, params={k: v for k, v in query.items() if v is not None})

    def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> Any:
        return self._call("POST", path, json=body, headers=headers)

    def patch(self, path: str, body: Any) -> Any:
        return self._call("PATCH", path, json=body)

    def send_file(self, path: str, data: bytes, **query: Any) -> bytes:
        """POSTs a file as it is; the answer's bytes."""
        return self._answer("POST", path, content=data, params=query).content

    def _call(self, method: str, path: str, **options: Any) -> Any:
        return self._answer(method, path, **options).json()

    def _answer(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **options)
        except httpx.ConnectError as error:
            raise LayoverError(
                Kind.UNREACHABLE,
                f"no central answers at {self._url}",
                "Is it running? layover serve --data DIR",
            ) from error
        except httpx.HTTPError as error:
            raise LayoverError(
                Kind.UNREACHABLE, f"{self._url}: {error}", "Repeat it; a request is never doubled."
            ) from error
        if answer.is_error:
            raise _told(answer)
        return answer


def _told(answer: httpx.Response) -> LayoverError:
    try:
        problem = answer.json()
        kind = Kind(problem["code"])
        return LayoverError(kind, str(problem["detail"]), str(problem.get("hint", "")))
    except (ValueError, KeyError, TypeError):
        return LayoverError(Kind.STORAGE, f"central answers with status {answer.status_code}")


def fail(error: LayoverError) -> NoReturn:
    """Shows an error as one line and a hint, and ends the process with its exit code."""
    print(f"layover: {error.detail}", file=sys.stderr)
    print(f"hint: {error.hint}", file=sys.stderr)
    sys.exit(MEANINGS[error.kind].exit_code)


def client(url: str, key: str) -> Client:
    return Client(
        url or os.environ.get("LAYOVER_URL", DEFAULT_URL), key or os.environ.get("LAYOVER_KEY", "")
    )
