"""Manifest pages: what a site may claim of its recordings, and its words in our requests."""

from dataclasses import replace
from typing import Any

import pytest
from central.links.hostile import NOW_MS, Caller, Hostile, always, reply, told

from layover_agent.wire.codec import encode
from layover_agent.wire.pages import framed, packed
from layover_agent.wire.types import Hold, HoldState, ManifestPage, Recording, RecordingState
from layover_central.errors import Kind
from layover_central.links.agent_client import LAST_MS, AgentClient


def row(seq: int, **changed: Any) -> Recording:
    first = Recording(
        id=f"{seq:032x}",
        seq=seq,
        state=RecordingState.PRESENT,
        camera="front",
        start_ms=NOW_MS,
        end_ms=NOW_MS + 1000,
        size_bytes=1000,
        container="mp4",
        end_source="container",
        confidence="sure",
    )
    return replace(first, **changed)


def manifest(*rows: Recording, epoch: str = "e1") -> ManifestPage:
    return ManifestPage(epoch=epoch, head_seq=99, as_of_ms=NOW_MS, rows=list(rows))


PAGES: dict[str, tuple[ManifestPage, bool]] = {
    "in order": (manifest(row(11), row(12), row(20)), True),
    "empty": (manifest(), True),
    "a new epoch from its beginning": (manifest(row(1), row(2), epoch="e2"), True),
    "out of order": (manifest(row(12), row(11)), False),
    "a change twice": (manifest(row(11), row(11, id="f" * 32)), False),
    "what came before": (manifest(row(10)), False),
    "a new epoch from nothing": (manifest(row(0), epoch="e2"), False),
    "a negative size": (manifest(row(11, size_bytes=-1)), False),
    "an end before its beginning": (manifest(row(11, end_ms=NOW_MS - 1)), False),
    "no length": (manifest(row(11, end_ms=NOW_MS)), True),
    "times that no calendar holds": (manifest(row(11, end_ms=LAST_MS + 1)), False),
    "times before all calendars": (manifest(row(11, start_ms=-(2**61))), False),
    "a clock from 1970": (manifest(row(11, start_ms=-3_600_000)), True),
    "a word from the end of all numbers": (
        replace(manifest(row(11)), as_of_ms=2**63 - 1),
        False,
    ),
    "a camera with a nought in its name": (manifest(row(11, camera="a\0b")), False),
    "a kind with a nought": (manifest(row(11, kind="a\0b")), False),
    "an epoch with a nought": (manifest(epoch="e\0"), False),
}


async def read(client: AgentClient, epoch: str = "e1", after: int = 10) -> list[ManifestPage]:
    return [page async for page in client.changes(epoch, after)]


def sent(*pages: ManifestPage) -> bytes:
    return reply(body=b"".join(framed(packed(page)) for page in pages))


@pytest.mark.parametrize(("page", "fine"), PAGES.values(), ids=PAGES.keys())
async def test_a_manifest_page(
    hostile: Hostile, client: AgentClient, page: ManifestPage, fine: bool
) -> None:
    hostile.answer = always(sent(page))
    if fine:
        assert await read(client) == [page]
    else:
        with told(Kind.MALFORMED):
            await read(client)


async def test_pages_that_follow_one_another(hostile: Hostile, client: AgentClient) -> None:
    pages = [manifest(row(11), row(12)), manifest(row(13)), manifest()]
    hostile.answer = always(sent(*pages))
    assert await read(client) == pages


async def test_a_page_that_goes_back_behind_the_one_before(
    hostile: Hostile, client: AgentClient
) -> None:
    hostile.answer = always(sent(manifest(row(11), row(13)), manifest(row(12))))
    with told(Kind.MALFORMED):
        await read(client)


async def test_a_page_cut_off_is_told_and_those_before_it_are_kept(
    hostile: Hostile, client: AgentClient
) -> None:
    whole = framed(packed(manifest(row(11))))
    hostile.answer = always(reply(body=whole + whole[:-3]))
    pages = []
    with told(Kind.UNREACHABLE):
        async for page in client.changes("e1", 10):
            pages.append(page)
    assert pages == [manifest(row(11))]


@pytest.mark.parametrize(
    "body",
    [b"\xff\xff\xff\xff" + b"x" * 100, b"\0\0\0\x05hello", framed(b""), framed(b"\x80")],
    ids=["a page of 4 GB", "no page at all", "an empty page", "an empty map"],
)
async def test_what_is_no_page(hostile: Hostile, client: AgentClient, body: bytes) -> None:
    hostile.answer = always(reply(body=body))
    with told(Kind.MALFORMED):
        await read(client)


NAMES = ["a b", "../../x", "?after=0", "#", "a\r\nHost: b", "\x00", "ü" * 1000, "%2e%2e/"]


@pytest.mark.parametrize("name", NAMES)
async def test_a_site_s_words_stay_one_word_in_our_requests(
    hostile: Hostile, client: AgentClient, name: str
) -> None:
    """Epochs and recording ids are the site's words; they come back to it in our requests."""
    hold = Hold(recording_id="r1", state=HoldState.HELD, method="link", lease_s=60)

    async def fine(caller: Caller) -> None:
        while head := await caller.request():
            await caller.send(sent(manifest()) if b"GET" in head else reply(body=encode(hold)))

    hostile.answer = fine
    await read(client, name, 3)
    await client.hold(name, 60)
    heads = bytes(hostile.heard).split(b"\r\n")
    asked = [line for line in heads if line.endswith(b" HTTP/1.1")]
    assert len(asked) == 2
    assert asked[0].startswith(b"GET /v1/manifest?epoch=")
    assert asked[0].endswith(b"&after=3&pages=128 HTTP/1.1")
    assert asked[1].startswith(b"PUT /v1/holds/")
    assert asked[1].count(b"/") == 4
    assert b"?" not in asked[1]
