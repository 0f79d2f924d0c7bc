"""A recording's bytes over real TLS: ranges, conditions, pace, changes while they are sent."""

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
from agent.serving import DATA, ETAG, reason

from layover_agent.rows import Row
from layover_agent.wire.codec import encode
from layover_agent.wire.problem import Reason
from layover_agent.wire.types import (
    HoldWish,
)
from layover_agent.wire.version import RATE_HEADER


async def test_a_recording_arrives_whole_with_its_digest(
    client: httpx.AsyncClient, row: Row
) -> None:
    response = await client.get(f"/recordings/{row.id}")
    assert response.status_code == 200
    assert response.content == DATA
    assert response.headers["content-length"] == str(len(DATA))
    assert response.headers["etag"] == ETAG
    assert response.headers["accept-ranges"] == "bytes"
    assert response.headers["content-type"] == "video/h264"
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
    assert reason(await client.get(f"/recordings/{row.id}")) is Reason.STORAGE, "not yet final"
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


async def test_no_descriptor_is_left_open_whatever_becomes_of_a_request(
    client: httpx.AsyncClient, row: Row
) -> None:
    await client.get(f"/recordings/{row.id}")

    def recordings_open() -> int:
        links = [os.path.realpath(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")]
        return sum(link.endswith(".h264") for link in links)

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
    rows = {Path(r.path).stem[-5:]: r for r in await box.rows()}

    async def fetched(minute: int) -> bytes:
        row = rows[f"0{minute}-00"]
        return (await client.get(f"/recordings/{row.id}")).content

    got = await asyncio.gather(*(fetched(minute) for minute in contents))
    assert got == list(contents.values())
