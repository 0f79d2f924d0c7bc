"""The wire's calls over real TLS: every answer, every refusal."""

import asyncio
import base64
import hashlib
import os
import time
from pathlib import Path

import httpx
import pytest
from agent.conftest import Box
from agent.kit import touch_at

from layover_agent.manifest import Row
from layover_agent.wire.codec import decode, encode
from layover_agent.wire.problem import STATUS_OF, Problem, Reason
from layover_agent.wire.statement import verified
from layover_agent.wire.types import (
    Hold,
    HoldState,
    HoldWish,
    ManifestPage,
    SignedStatement,
    Status,
)
from layover_agent.wire.version import MEDIA_JSON, RATE_HEADER

DATA = os.urandom(700_000)
ETAG = f'"{hashlib.sha256(DATA).hexdigest()}"'
NOBODY = "0" * 32


@pytest.fixture
async def path(box: Box) -> Path:
    return box.record(data=DATA)


@pytest.fixture
async def row(box: Box, path: Path) -> Row:
    return await box.listed(path)


def reason(response: httpx.Response) -> Reason:
    problem = decode(Problem, response.content)
    assert problem.status == response.status_code == STATUS_OF[Reason(problem.code)]
    assert problem.title
    assert problem.hint
    return Reason(problem.code)


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
        page = decode(ManifestPage, (await client.get("/manifest", params=query)).content)
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


async def test_a_recording_arrives_whole_with_its_digest(
    client: httpx.AsyncClient, row: Row
) -> None:
    response = await client.get(f"/recordings/{row.id}")
    assert response.status_code == 200
    assert response.content == DATA
    assert response.headers["content-length"] == str(len(DATA))
    assert response.headers["etag"] == ETAG
    assert response.headers["accept-ranges"] == "bytes"
    assert response.headers["content-type"] == "video/mp2t"
    assert "content-encoding" not in response.headers
    assert "transfer-encoding" not in response.headers
    digest = base64.b64encode(hashlib.sha256(DATA).digest()).decode()
    assert response.headers["repr-digest"] == f"sha-256=:{digest}:"


async def test_a_head_says_what_a_get_would(client: httpx.AsyncClient, row: Row) -> None:
    response = await client.head(f"/recordings/{row.id}")
    assert (response.status_code, response.headers["etag"]) == (200, ETAG)
    assert response.headers["content-length"] == str(len(DATA))
    assert response.content == b""


SIZE = len(DATA)
RANGES = {
    "the first byte": ("bytes=0-0", 206, slice(0, 1)),
    "the middle": ("bytes=300000-399999", 206, slice(300_000, 400_000)),
    "the rest": (f"bytes={SIZE - 1}-", 206, slice(SIZE - 1, SIZE)),
    "the end": ("bytes=-17", 206, slice(SIZE - 17, SIZE)),
    "all of it": ("bytes=0-", 206, slice(0, SIZE)),
    "two ranges": ("bytes=0-1,5-6", 200, slice(0, SIZE)),
    "nonsense": ("lines=1-2", 200, slice(0, SIZE)),
}


@pytest.mark.parametrize("case", RANGES)
async def test_ranges(client: httpx.AsyncClient, row: Row, case: str) -> None:
    header, status, part = RANGES[case]
    response = await client.get(f"/recordings/{row.id}", headers={"Range": header})
    assert response.status_code == status
    assert response.content == DATA[part]
    assert response.headers["content-length"] == str(len(DATA[part]))
    if status == 206:
        expected = f"bytes {part.start}-{part.stop - 1}/{SIZE}"
        assert response.headers["content-range"] == expected


async def test_a_range_behind_the_end(client: httpx.AsyncClient, row: Row) -> None:
    response = await client.get(f"/recordings/{row.id}", headers={"Range": f"bytes={SIZE}-"})
    assert reason(response) is Reason.BAD_RANGE
    assert response.headers["content-range"] == f"bytes */{SIZE}"


CONDITIONS = {
    "if-range matches": ({"If-Range": ETAG}, 206),
    "if-range differs": ({"If-Range": '"' + "0" * 64 + '"'}, 200),
    "if-range is weak": ({"If-Range": f"W/{ETAG}"}, 200),
    "if-range is a date": ({"If-Range": "Sat, 21 Nov 2026 10:00:00 GMT"}, 200),
    "if-match matches": ({"If-Match": ETAG}, 206),
    "if-match among others": ({"If-Match": f'"x", {ETAG}'}, 206),
    "if-match any": ({"If-Match": "*"}, 206),
    "if-match differs": ({"If-Match": '"x"'}, 412),
    "if-match is weak": ({"If-Match": f"W/{ETAG}"}, 412),
}


@pytest.mark.parametrize("case", CONDITIONS)
async def test_conditions(client: httpx.AsyncClient, row: Row, case: str) -> None:
    headers, status = CONDITIONS[case]
    asked = {"Range": "bytes=5-9", **headers}
    response = await client.get(f"/recordings/{row.id}", headers=asked)
    assert response.status_code == status
    if status == 412:
        assert reason(response) is Reason.CHANGED
    else:
        assert response.content == (DATA[5:10] if status == 206 else DATA)


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


@pytest.mark.parametrize(
    "rate", ["", "fast", "-1", "0", "999", "1e6", "1.5", "9" * 40, "1 000 000"]
)
async def test_a_rate_that_is_none(client: httpx.AsyncClient, row: Row, rate: str) -> None:
    response = await client.get(f"/recordings/{row.id}", headers={RATE_HEADER: rate})
    assert reason(response) is Reason.BAD_REQUEST


async def test_the_sender_keeps_the_rate(client: httpx.AsyncClient, row: Row) -> None:
    began = time.monotonic()
    headers = {RATE_HEADER: "4000000", "Range": "bytes=0-249999"}
    response = await client.get(f"/recordings/{row.id}", headers=headers)
    took = time.monotonic() - began
    assert response.content == DATA[:250_000]
    assert 0.45 <= took <= 0.8


async def test_a_deleted_recording_is_gone(
    client: httpx.AsyncClient, box: Box, row: Row, path: Path
) -> None:
    box.record(start="11-00-00", written_s_ago=100)
    path.unlink()
    assert reason(await client.get(f"/recordings/{row.id}")) is Reason.GONE
    await box.scanner.scan()
    for answer in (
        await client.get(f"/recordings/{row.id}"),
        await client.get(f"/recordings/{row.id}/digests"),
        await client.put(f"/holds/{row.id}", content=encode(HoldWish(lease_s=60))),
    ):
        assert reason(answer) is Reason.GONE


async def test_a_changed_recording_is_not_served(
    client: httpx.AsyncClient, row: Row, path: Path, box: Box
) -> None:
    await client.get(f"/recordings/{row.id}/digests")
    path.write_bytes(DATA[::-1])
    touch_at(path, box.clock.wall)
    assert reason(await client.get(f"/recordings/{row.id}")) is Reason.CHANGED


async def test_a_recording_swapped_for_a_link_is_not_served(
    client: httpx.AsyncClient, row: Row, path: Path, box: Box
) -> None:
    await client.get(f"/recordings/{row.id}/digests")
    path.unlink()
    path.symlink_to("/etc/passwd")
    response = await client.get(f"/recordings/{row.id}")
    assert response.status_code >= 400
    assert b"root:" not in response.content


@pytest.mark.parametrize("change", ["written over", "cut short", "grown"])
async def test_a_change_while_it_is_sent_never_looks_whole(
    client: httpx.AsyncClient, row: Row, path: Path, change: str
) -> None:
    await client.get(f"/recordings/{row.id}/digests")
    got = 0
    with pytest.raises(httpx.HTTPError):
        async with client.stream(
            "GET", f"/recordings/{row.id}", headers={RATE_HEADER: "8000000"}
        ) as response:
            async for part in response.aiter_raw():
                if got == 0:
                    if change == "written over":
                        with path.open("r+b") as file:
                            file.write(b"new")
                    elif change == "cut short":
                        os.truncate(path, 400_000)
                    else:
                        with path.open("ab") as file:
                            file.write(b"more")
                got += len(part)
    assert 0 < got < SIZE


async def test_a_recording_deleted_while_it_is_sent_arrives_whole(
    client: httpx.AsyncClient, row: Row, path: Path
) -> None:
    await client.get(f"/recordings/{row.id}/digests")
    data = b""
    async with client.stream(
        "GET", f"/recordings/{row.id}", headers={RATE_HEADER: "16000000"}
    ) as response:
        async for part in response.aiter_raw():
            if not data:
                path.unlink()
            data += part
    assert data == DATA


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


async def test_no_descriptor_is_left_open_whatever_becomes_of_a_request(
    client: httpx.AsyncClient, row: Row
) -> None:
    await client.get(f"/recordings/{row.id}")

    def recordings_open() -> int:
        links = [os.path.realpath(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")]
        return sum(link.endswith(".ts") for link in links)

    await client.head(f"/recordings/{row.id}")
    await client.get(f"/recordings/{row.id}", headers={"Range": "bytes=9999999-"})
    for _ in range(5):
        async with client.stream(
            "GET", f"/recordings/{row.id}", headers={RATE_HEADER: "100000"}
        ) as response:
            async for _part in response.aiter_raw():
                break
    deadline = time.monotonic() + 5
    while recordings_open() and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    assert recordings_open() == 0


async def test_many_at_once_each_get_their_own_bytes(client: httpx.AsyncClient, box: Box) -> None:
    contents = {minute: os.urandom(300_000 + minute) for minute in range(8)}
    for minute, data in contents.items():
        box.record(start=f"10-0{minute}-00", data=data)
    await box.scanner.scan()
    rows = {r.path[-8:-3]: r for r in await box.rows()}

    async def fetched(minute: int) -> bytes:
        row = rows[f"0{minute}-00"]
        return (await client.get(f"/recordings/{row.id}")).content

    got = await asyncio.gather(*(fetched(minute) for minute in contents))
    assert got == list(contents.values())
