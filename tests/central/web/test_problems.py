import json
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from layover_central.web.guard import MAX_BODY_BYTES

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code", "word"),
    [
        ("GET", "/api/v1/nothing", b"", 404, "not-found", "nothing"),
        ("GET", "/static/nothing.js", b"", 404, "not-found", "nothing"),
        ("GET", "/static/../app.py", b"", 404, "not-found", "nothing"),
        ("GET", "/docs", b"", 404, "not-found", "nothing"),
        ("DELETE", "/api/v1/sites", b"", 405, "bad-input", "DELETE"),
        ("POST", "/api/v1/status", b"", 405, "bad-input", "POST"),
        ("POST", "/api/v1/sites", b"{", 400, "bad-input", "not JSON"),
        ("POST", "/api/v1/sites", b"", 400, "bad-input", "body"),
        ("POST", "/api/v1/sites", b"[]", 400, "bad-input", "body"),
        ("POST", "/api/v1/sites", b"null", 400, "bad-input", "body"),
        ("POST", "/api/v1/sites", b"\xff\xfe", 400, "bad-input", "body"),
        ("POST", "/api/v1/sites", b"[" * 5000, 400, "bad-input", "body"),
        ("POST", "/api/v1/sites", b"{}", 400, "bad-input", "label"),
        ("POST", "/api/v1/sites", b'{"label": 1}', 400, "bad-input", "label"),
        ("POST", "/api/v1/sites", b"x" * (MAX_BODY_BYTES + 1), 413, "bad-input", "1048576"),
    ],
)
async def test_every_refusal_is_a_problem(
    client: httpx.AsyncClient,
    method: str,
    path: str,
    body: bytes,
    status: int,
    code: str,
    word: str,
) -> None:
    answer = await client.request(method, path, content=body, headers=JSON)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) == {"type", "title", "status", "detail", "hint", "code"}
    assert (problem["status"], problem["code"]) == (status, code)
    assert word in problem["detail"]
    assert problem["hint"]


async def test_a_body_without_a_length_is_counted(client: httpx.AsyncClient) -> None:
    async def endless() -> Any:
        while True:
            yield b" " * 65_536

    answer = await client.post("/api/v1/sites", content=endless(), headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "bad-input")


async def test_405_says_what_is_possible(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/api/v1/status")
    assert answer.headers["allow"] == "GET"
    assert "GET" in answer.json()["hint"]


async def test_a_bug_is_a_problem_and_tells_nothing(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    async def broken() -> None:
        raise RuntimeError("secret")

    app.add_api_route("/broken", broken)
    answer = await client.get("/broken")
    assert (answer.status_code, answer.json()["code"]) == (500, "storage")
    assert "secret" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_database_that_is_gone_is_a_problem(client: httpx.AsyncClient, stage: Any) -> None:
    from sqlalchemy import text

    async with stage.central.store.begin() as connection:
        await connection.execute(text("DROP TABLE warnings"))
    answer = await client.get("/api/v1/warnings")
    assert (answer.status_code, answer.json()["code"]) == (500, "storage")
    assert "SELECT" not in answer.text


HOSTILE: list[Any] = [
    None,
    True,
    0,
    -1,
    1 << 70,
    1.5,
    "",
    " ",
    "\0",
    "‮",
    "\ud800",
    "../..",
    "x" * 5000,
    "'; DROP TABLE sites; --",
    "2026-11-21T10:00:00+99:99",
    "2026-11-21T24:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "+0m",
    [],
    ["", "\0", None],
    [["bus-217"]],
    ["bus-217"] * 1001,
    {},
    {"a": {"b": []}},
]
BODIES: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "depots", {"name": "Hof", "zone": "UTC", "cap": "", "networks": [], "slots": 1}),
    ("PATCH", "depots/Yard", {"zone": "UTC", "cap": "", "networks": [], "slots": 1}),
    ("POST", "sites", {"label": "bus-1", "depot": "Yard", "address": "bus:1"}),
    ("PATCH", "sites/bus-217", {"depot": "Yard", "address": "bus:1", "expected": "22:10"}),
    (
        "POST",
        "requests",
        {
            "sites": ["bus-217"],
            "cameras": ["front"],
            "from": "10:00",
            "to": "+1m",
            "priority": "low",
            "needed_by": "22:10",
            "reason": "r",
            "case": "c",
        },
    ),
]


@pytest.mark.parametrize(
    ("method", "path", "body"), BODIES, ids=[b[0] + " " + b[1] for b in BODIES]
)
async def test_nothing_that_is_sent_is_a_bug(
    client: httpx.AsyncClient, method: str, path: str, body: dict[str, Any]
) -> None:
    await client.post("/api/v1/depots", json={"name": "Yard"})
    await client.post("/api/v1/sites", json={"label": "bus-217"})
    for field in body:
        for value in HOSTILE:
            text = json.dumps(body | {field: value})
            answer = await client.request(method, f"/api/v1/{path}", content=text, headers=JSON)
            assert answer.status_code in {200, 201, 400, 404, 409}, (field, value, answer.text)
            if answer.is_error:
                assert answer.json()["hint"]
    for listed in ("depots", "sites", "requests"):
        assert (await client.get(f"/api/v1/{listed}")).status_code == 200
