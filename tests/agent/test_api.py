"""The wire's calls over real TLS: every answer, every refusal."""

import hashlib
from pathlib import Path

import httpx
import pytest
from agent.conftest import Box
from agent.serving import DATA, reason

from layover_agent.rows import Row
from layover_agent.wire.codec import decode, encode
from layover_agent.wire.pages import unpacked
from layover_agent.wire.problem import Problem, Reason
from layover_agent.wire.statement import verified
from layover_agent.wire.types import (
    Hold,
    HoldState,
    HoldWish,
    SignedStatement,
    Status,
)
from layover_agent.wire.version import MEDIA_JSON

NOBODY = "0" * 32
SIZE = len(DATA)


async def test_status_says_who_and_how(client: httpx.AsyncClient, box: Box, row: Row) -> None:
    status = decode(Status, (await client.get("/status")).content)
    assert status.identity == box.identity.id
    assert status.clock.wall_ms == box.clock.wall
    assert status.manifest == await box.manifest.head()
    assert [c.name for c in status.cameras] == ["front"]
    assert status.disks[0].size_bytes > status.disks[0].free_bytes > 0
    assert status.holds.possible
    assert status.faults == []


async def test_the_manifest_is_read_page_by_page(client: httpx.AsyncClient, box: Box) -> None:
    for minute in range(5):
        box.record(start=f"10-0{minute}-00")
    await box.scanner.scan()
    seen: list[str] = []
    after = 0
    while True:
        query = {"epoch": box.manifest.epoch, "after": after, "limit": 2}
        page = unpacked((await client.get("/manifest", params=query)).content)
        if not page.rows:
            break
        seen += [r.id for r in page.rows]
        after = page.rows[-1].seq
    assert len(seen) == len(set(seen)) == 5
    assert page.head_seq == 5


async def test_everything_is_spoken_in_json_too(client: httpx.AsyncClient, row: Row) -> None:
    asked = {"Accept": MEDIA_JSON}
    for path in ("/status", "/manifest", f"/recordings/{row.id}/digests"):
        response = await client.get(path, headers=asked)
        assert response.headers["content-type"] == MEDIA_JSON
        response.json()
    refusal = await client.get("/nothing", headers=asked)
    assert refusal.headers["content-type"] == "application/problem+json"
    assert refusal.json()["code"] == "not-found"


REFUSALS = {
    "no such path": ("GET", "/v1/nothing", Reason.NOT_FOUND),
    "no such method": ("POST", "/v1/status", Reason.NOT_FOUND),
    "another version": ("GET", "/v2/status", Reason.UNSUPPORTED_VERSION),
    "no version": ("GET", "/status", Reason.UNSUPPORTED_VERSION),
    "no such recording": ("GET", f"/v1/recordings/{NOBODY}", Reason.NOT_FOUND),
    "no such recording's digests": ("GET", f"/v1/recordings/{NOBODY}/digests", Reason.NOT_FOUND),
    "no such recording's hold": ("PUT", f"/v1/holds/{NOBODY}", Reason.NOT_FOUND),
    "an encoded path": ("GET", "/v1/recordings/..%2f..%2fetc%2fpasswd", Reason.NOT_FOUND),
    "an id in capitals": ("GET", f"/v1/recordings/{'A' * 32}", Reason.NOT_FOUND),
    "an id too long": ("GET", f"/v1/recordings/{'a' * 33}", Reason.NOT_FOUND),
    "after in letters": ("GET", "/v1/manifest?after=x", Reason.BAD_REQUEST),
    "after below nothing": ("GET", "/v1/manifest?after=-1", Reason.BAD_REQUEST),
    "after beyond the sky": ("GET", f"/v1/manifest?after={1 << 70}", Reason.BAD_REQUEST),
    "a limit of nothing": ("GET", "/v1/manifest?limit=0", Reason.BAD_REQUEST),
    "after of 5,000 digits": ("GET", f"/v1/manifest?after={'9' * 5000}", Reason.BAD_REQUEST),
}


@pytest.mark.parametrize("case", REFUSALS)
async def test_refusals(port: int, client: httpx.AsyncClient, case: str) -> None:
    method, path, expected = REFUSALS[case]
    url = httpx.URL(f"https://127.0.0.1:{port}").copy_with(raw_path=path.encode())
    response = await client.request(method, url, content=encode(HoldWish(lease_s=60)))
    assert reason(response) is expected


async def test_another_version_says_which_is_spoken(port: int, client: httpx.AsyncClient) -> None:
    response = await client.get(f"https://127.0.0.1:{port}/v2/status")
    assert "v1" in decode(Problem, response.content).detail


async def test_digests_are_signed_by_the_key_of_the_connection(
    client: httpx.AsyncClient, row: Row, box: Box
) -> None:
    async with client.stream("GET", f"/recordings/{row.id}/digests") as response:
        der = response.extensions["network_stream"].get_extra_info("ssl_object").getpeercert(True)
        statement = decode(SignedStatement, await response.aread())
    digests = verified(statement, der, box.identity.id)
    assert digests.sha256 == hashlib.sha256(DATA).digest()


async def test_a_hold_from_wish_to_release(
    client: httpx.AsyncClient, row: Row, path: Path, box: Box
) -> None:
    wish = encode(HoldWish(lease_s=60))
    hold = decode(Hold, (await client.put(f"/holds/{row.id}", content=wish)).content)
    assert (hold.state, hold.lease_s) == (HoldState.HELD, 60)
    path.unlink()
    await box.scanner.scan()
    assert (await client.get(f"/recordings/{row.id}")).content == DATA
    status = decode(Status, (await client.get("/status")).content)
    assert (status.holds.count, status.holds.size_bytes) == (1, SIZE)
    for _ in range(2):
        released = await client.delete(f"/holds/{row.id}")
        assert released.status_code == 204
    assert reason(await client.get(f"/recordings/{row.id}")) is Reason.GONE


async def test_a_hold_in_json(client: httpx.AsyncClient, row: Row) -> None:
    response = await client.put(
        f"/holds/{row.id}", json={"lease_s": 60}, headers={"Accept": MEDIA_JSON}
    )
    assert response.json()["state"] == "held"


@pytest.mark.parametrize("body", [b"", b"junk", encode(HoldWish(lease_s=0)), b"\x80"])
async def test_a_wish_that_is_none(client: httpx.AsyncClient, row: Row, body: bytes) -> None:
    response = await client.put(f"/holds/{row.id}", content=body)
    assert reason(response) is Reason.BAD_REQUEST
