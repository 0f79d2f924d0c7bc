import base64
import stat
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from starlette.datastructures import Headers

from layover_central.context import Central
from layover_central.web.access_key import access_key
from layover_central.web.app import create_app
from layover_central.web.guard import host_allowed, is_loopback, key_given, same_origin

STATUS = "/api/v1/status"
SITES = "/api/v1/sites"


@pytest.mark.parametrize(
    ("header", "allowed"),
    [
        ("localhost", True),
        ("LOCALHOST:8440", True),
        ("127.0.0.1:9999", True),
        ("[::1]:8440", True),
        ("[::1]", True),
        ("central.lan", True),
        ("evil.example", False),
        ("evil.example:8440", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("localhost:8440@evil.example", False),
        ("localhost:evil.example", False),
        ("[::1].evil.example", False),
        ("[::2]:8440", False),
        ("", False),
    ],
)
def test_host_allowed(header: str, allowed: bool) -> None:
    assert host_allowed(header, "Central.LAN") is allowed


@pytest.mark.parametrize(
    ("headers", "same"),
    [
        ({}, True),
        ({"origin": "http://localhost:8440"}, True),
        ({"origin": "http://localhost:8440", "sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"origin": "http://localhost:8440", "sec-fetch-site": "cross-site"}, False),
        ({"origin": "http://localhost:9999"}, False),
        ({"origin": "http://evil.example", "sec-fetch-site": "same-origin"}, False),
        ({"origin": "null"}, False),
        ({"origin": ""}, False),
        ({"origin": "file://localhost:8440"}, False),
    ],
)
def test_same_origin(headers: dict[str, str], same: bool) -> None:
    assert same_origin(Headers({"host": "localhost:8440", **headers})) is same


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("authorization", "given"),
    [
        ("Bearer k3y", True),
        ("bearer k3y", True),
        (basic("anybody", "k3y"), True),
        (basic("", "k3y"), True),
        ("", False),
        ("k3y", False),
        ("Bearer", False),
        ("Bearer k3", False),
        ("Bearer é", False),
        ("Digest k3y", False),
        ("Basic k3y", False),
        ("Basic é", False),
        (basic("k3y", ""), False),
        (basic("a", "b:k3y"), False),
    ],
)
def test_key_given(authorization: str, given: bool) -> None:
    assert key_given(authorization, "k3y") is given


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("central.lan", False),
    ],
)
def test_is_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


async def test_a_rebound_name_reads_nothing(client: httpx.AsyncClient) -> None:
    for path in (STATUS, "/", "/static/style.css", "/healthz"):
        answer = await client.get(path, headers={"host": "evil.example:8440"})
        assert (answer.status_code, answer.json()["code"]) == (403, "bad-input")


async def test_another_page_changes_nothing(client: httpx.AsyncClient) -> None:
    for headers in ({"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}):
        answer = await client.post(SITES, json={"label": "bus-1"}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "bad-input")
    assert (await client.get(SITES, headers={"sec-fetch-site": "cross-site"})).json() == []


async def test_every_answer_is_hardened(client: httpx.AsyncClient) -> None:
    for path in ("/", STATUS, "/nothing", "/static/style.css"):
        headers = (await client.get(path)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
    assert (await client.get(STATUS)).headers["cache-control"] == "no-store"


class TestAwayFromLoopback:
    @pytest.fixture
    async def remote(self, central: Central) -> AsyncIterator[httpx.AsyncClient]:
        settings = replace(central.settings, host="0.0.0.0")
        transport = httpx.ASGITransport(create_app(replace(central, settings=settings)))
        async with httpx.AsyncClient(transport=transport, base_url="https://c.lan") as client:
            yield client

    async def test_nothing_without_the_key(self, remote: httpx.AsyncClient) -> None:
        for path in (STATUS, "/", "/static/style.css", "/api/v1/events"):
            answer = await remote.get(path)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorised")
            assert answer.headers["www-authenticate"].startswith("Basic ")

    async def test_everything_with_it(self, remote: httpx.AsyncClient, central: Central) -> None:
        key = (central.settings.data / "access-key").read_text().strip()
        for authorization in (f"Bearer {key}", basic("dispatcher", key)):
            answer = await remote.get(STATUS, headers={"authorization": authorization})
            assert answer.status_code == 200
        answer = await remote.get(STATUS, headers={"authorization": f"Bearer {key}x"})
        assert answer.status_code == 401

    async def test_the_key_is_no_excuse_for_another_page(
        self, remote: httpx.AsyncClient, central: Central
    ) -> None:
        key = access_key(central.settings.data)
        headers = {"authorization": f"Bearer {key}", "origin": "https://evil.example"}
        answer = await remote.post(SITES, json={"label": "bus-1"}, headers=headers)
        assert answer.status_code == 403

    async def test_life_is_shown_without_it(self, remote: httpx.AsyncClient) -> None:
        assert (await remote.get("/healthz")).status_code == 200


def test_the_key_is_made_once_and_kept_secret(tmp_path: Path) -> None:
    data = tmp_path / "data"
    key = access_key(data)
    assert len(key) >= 32
    assert access_key(data) == key
    assert stat.S_IMODE((data / "access-key").stat().st_mode) == 0o600
    assert list(data.iterdir()) == [data / "access-key"]


def test_an_empty_key_file_is_no_key(tmp_path: Path) -> None:
    (tmp_path / "access-key").write_text("\n")
    assert access_key(tmp_path)


async def test_loopback_makes_no_key(client: httpx.AsyncClient, central: Central) -> None:
    assert (await client.get(STATUS)).status_code == 200
    assert not (central.settings.data / "access-key").exists()
