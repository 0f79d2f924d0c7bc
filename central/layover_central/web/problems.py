"""Every failure as problem+json: ours, the framework's, and the ones nobody foresaw."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from layover_central.errors import MEANINGS, Kind, LayoverError, problem
from layover_central.web.models import ProblemOut

log = logging.getLogger(__name__)

MEDIA = "application/problem+json"
HARDENING = {
    "content-security-policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
"""On every answer; the guard puts them there, save on errors that even it did not see coming."""

_KIND_OF_STATUS = {404: Kind.NOT_FOUND, 401: Kind.UNAUTHORISED, 409: Kind.CONFLICT}


def answer(
    error: LayoverError,
    status: int | None = None,
    title: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The response for an error; ``status`` and ``title`` where HTTP has a more exact word."""
    body = problem(error)
    if status is not None:
        body["status"] = status
    if title is not None:
        body["title"] = title
    return JSONResponse(body, error.meaning.status if status is None else status, headers, MEDIA)


def documented(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """The problem responses of an endpoint, for its OpenAPI description."""
    by_status: dict[int | str, dict[str, Any]] = {}
    for kind in (*kinds, Kind.STORAGE):
        meaning = MEANINGS[kind]
        by_status[meaning.status] = {
            "description": meaning.title,
            "content": {MEDIA: {"schema": {"$ref": "#/components/schemas/ProblemOut"}}},
        }
    return by_status


def install(app: FastAPI) -> None:
    """Teaches an app to answer every failure this way."""
    app.add_exception_handler(LayoverError, _ours)
    app.add_exception_handler(HTTPException, _of_the_framework)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(DBAPIError, _storage)
    app.add_exception_handler(PoolTimeout, _storage)
    app.add_exception_handler(Exception, _unforeseen)


def describe(schema: dict[str, Any]) -> None:
    """Puts the problem's shape into an OpenAPI schema, and takes the framework's own out."""
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    schemas["ProblemOut"] = ProblemOut.model_json_schema()
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for operations in schema["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)


async def _ours(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, LayoverError)
    return answer(error)


async def _of_the_framework(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    kind = _KIND_OF_STATUS.get(error.status_code, Kind.BAD_INPUT)
    detail, title, hint = str(error.detail), str(error.detail), ""
    if error.status_code == 404:
        detail = f"there is nothing at {request.url.path!r}"
        hint = "The API is described at /api/v1/openapi.json."
    elif error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "another method")
        detail = f"{request.method} is not possible here"
        hint = f"Possible: {allowed}."
    return answer(LayoverError(kind, detail, hint), error.status_code, title, error.headers)


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    details = [_said(item) for item in error.errors()]
    return answer(LayoverError(Kind.BAD_INPUT, "; ".join(details[:10])))


def _said(item: Mapping[str, Any]) -> str:
    place: Sequence[Any] = item["loc"]
    if item["type"] == "json_invalid":
        return f"the body is not JSON: {item['ctx']['error']} at character {place[-1]}"
    if place == ("body",):
        return f"the body: {item['msg']}"
    name = ".".join(str(part) for part in (place[1:] or place))
    message = str(item["msg"]).removeprefix("Value error, ")
    return f"{name}: {message}"


async def _storage(_request: Request, error: Exception) -> JSONResponse:
    log.error("the database failed", exc_info=error)
    return answer(LayoverError(Kind.STORAGE, "the database failed"))


async def _unforeseen(_request: Request, _error: Exception) -> JSONResponse:
    """The server logs the error itself, with its trace."""
    return answer(
        LayoverError(Kind.STORAGE, "an error that nobody foresaw", "See central's log."),
        title="Central failed",
        headers=HARDENING,
    )
