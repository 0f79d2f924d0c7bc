"""Small messages from a site that lies, babbles, stalls or sends us elsewhere."""

import asyncio
from typing import Any

import pytest
from central.links.hostile import (
    NOW_MS,
    Answer,
    Box,
    Caller,
    Hostile,
    always,
    reply,
    told,
)

from layover_agent.wire.codec import MAX_MESSAGE_BYTES, encode
from layover_agent.wire.problem import STATUS_OF, Problem, Reason
from layover_agent.wire.types import (
    Clock,
    HoldUsage,
    ManifestHead,
    Status,
)
from layover_central.errors import Kind
from layover_central.links.agent_client import AgentClient


def status(identity: str, wall_ms: int = NOW_MS, versions: tuple[int, ...] = (1,)) -> Status:
    return Status(
        identity=identity,
        api_versions=list(versions),
        agent_version="0.1.0",
        capabilities=[],
        clock=Clock(wall_ms=wall_ms, mono_ms=5, boot_id="boot-1"),
        manifest=ManifestHead(epoch="e1", seq=1, scanned_ms=NOW_MS),
        cameras=[],
        disks=[],
        retention=[],
        holds=HoldUsage(possible=True, method="link"),
    )


async def test_a_plain_status(hostile: Hostile, client: AgentClient) -> None:
    said = status(hostile.box.identity, wall_ms=NOW_MS - 5000)
    hostile.answer = always(reply(body=encode(said)))
    assert (await client.status())[0] == said
    assert (await client.status())[1].offset_ms == 5000


STATUSES: dict[str, tuple[dict[str, Any], Kind]] = {
    "of another identity": ({"identity": "cd" * 32}, Kind.MALFORMED),
    "of a version nobody speaks": ({"versions": (2, 3)}, Kind.REFUSED),
    "of no version": ({"versions": ()}, Kind.REFUSED),
    "from the end of all numbers": ({"wall_ms": 2**63 - 1}, Kind.MALFORMED),
    "from the beginning of all numbers": ({"wall_ms": -(2**63)}, Kind.MALFORMED),
}


@pytest.mark.parametrize(("said", "kind"), STATUSES.values(), ids=STATUSES.keys())
async def test_a_status(
    hostile: Hostile, client: AgentClient, said: dict[str, Any], kind: Kind
) -> None:
    hostile.answer = always(reply(body=encode(status(**{"identity": hostile.box.identity} | said))))
    with told(kind):
        await client.status()


def nested(depth: int) -> bytes:
    return b"\x91" * depth + b"\xc0"


ANSWERS: dict[str, tuple[bytes, Kind]] = {
    "a status line of garbage": (b"what?\r\n\r\n", Kind.MALFORMED),
    "a status line that talks of an end": (b"without sending\r\n\r\n", Kind.MALFORMED),
    "a status that is no number": (b"HTTP/1.1 abc OK\r\n\r\n", Kind.MALFORMED),
    "a status of four digits": (reply("2000 OK"), Kind.MALFORMED),
    "headers without an end": (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 30_000, Kind.MALFORMED),
    "a header with a nought": (reply(X="a\0b"), Kind.MALFORMED),
    "two lengths": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        Kind.MALFORMED,
    ),
    "a negative length": (reply(Content_Length="-1"), Kind.MALFORMED),
    "a length of words": (reply(Content_Length="many"), Kind.MALFORMED),
    "a chunk of garbage": (
        reply(Content_Length="", Transfer_Encoding="chunked") + b"zz\r\n",
        Kind.MALFORMED,
    ),
    "an empty body": (reply(), Kind.MALFORMED),
    "a body of noise": (reply(body=bytes(range(256))), Kind.MALFORMED),
    "a list": (reply(body=b"\x93\x01\x02\x03"), Kind.MALFORMED),
    "lists 100,000 deep": (reply(body=nested(100_000)), Kind.MALFORMED),
    "a list that claims four thousand million": (reply(body=b"\xdd" + b"\xff" * 4), Kind.MALFORMED),
    "bytes that claim four thousand million": (reply(body=b"\xc6" + b"\xff" * 4), Kind.MALFORMED),
    "gzip": (reply(body=b"\x1f\x8b\x08\0\0\0\0\0", Content_Encoding="gzip"), Kind.MALFORMED),
    "no content": (reply("204 No Content", Content_Length=""), Kind.MALFORMED),
    "not modified": (reply("304 Not Modified", Content_Length=""), Kind.MALFORMED),
    "switching protocols": (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        Kind.MALFORMED,
    ),
    "an error without words": (reply("500 Internal Server Error"), Kind.MALFORMED),
    "an error in HTML": (reply("403 Forbidden", b"<html>no</html>"), Kind.MALFORMED),
}


@pytest.mark.parametrize(("answer", "kind"), ANSWERS.values(), ids=ANSWERS.keys())
async def test_an_answer_that_is_none(
    hostile: Hostile, client: AgentClient, answer: bytes, kind: Kind
) -> None:
    hostile.answer = always(answer, then_close=True)
    with told(kind):
        await client.status()


@pytest.mark.parametrize("reason", Reason)
async def test_a_refusal_says_what_the_agent_says(
    hostile: Hostile, client: AgentClient, reason: Reason
) -> None:
    expected = {
        Reason.GONE: Kind.GONE,
        Reason.NOT_FOUND: Kind.GONE,
        Reason.CHANGED: Kind.CHANGED,
        Reason.BAD_RANGE: Kind.CHANGED,
        Reason.TOO_BUSY: Kind.STALLED,
        Reason.STILL_RECORDING: Kind.STALLED,
    }.get(reason, Kind.REFUSED)
    code = STATUS_OF[reason]
    body = encode(Problem(code=reason, title="no", status=code, detail="the disk sleeps"))
    hostile.answer = always(reply(f"{code} No", body))
    with pytest.raises(Exception, match="the site says: the disk sleeps") as caught:
        await client.hold("r1", 60)
    assert getattr(caught.value, "kind", None) is expected


async def test_a_reason_that_nobody_knows_is_a_refusal(
    hostile: Hostile, client: AgentClient
) -> None:
    body = encode(Problem(code="full-moon", title="no", status=418))
    hostile.answer = always(reply("418 I'm a teapot", body))
    with told(Kind.REFUSED):
        await client.status()


REDIRECTS = ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent"]


@pytest.mark.parametrize("redirect", REDIRECTS)
async def test_a_redirect_is_never_followed(
    hostile: Hostile, client: AgentClient, box: Box, redirect: str
) -> None:
    """To loopback, where something might listen that trusts whoever comes from there."""
    elsewhere = Hostile(box)
    async with elsewhere.serving(None):
        target = f"http://127.0.0.1:{elsewhere.port}/admin"
        hostile.answer = always(reply(redirect, Location=target))
        with told(Kind.MALFORMED):
            await client.status()
        assert elsewhere.heard == b""
    assert hostile.heard.count(b"GET ") == 1


ENDLESS = {
    "with a length": reply(Content_Length=str(1 << 40)),
    "until the end of the connection": reply(Content_Length=""),
    "in chunks": reply(Content_Length="", Transfer_Encoding="chunked"),
}


@pytest.mark.parametrize("status_line", ["200 OK", "500 No"])
@pytest.mark.parametrize("head", ENDLESS.values(), ids=ENDLESS.keys())
async def test_an_endless_body_is_cut_off(
    hostile: Hostile, client: AgentClient, head: bytes, status_line: str
) -> None:
    sent_bytes = 0
    piece = b"x" * 65536
    if b"chunked" in head:
        piece = b"10000\r\n" + piece + b"\r\n"

    async def endless(caller: Caller) -> None:
        nonlocal sent_bytes
        await caller.request()
        await caller.send(head.replace(b"200 OK", status_line.encode()))
        while True:
            await caller.send(piece)
            sent_bytes += len(piece)

    hostile.answer = endless
    with told(Kind.MALFORMED):
        await client.status()
    await hostile.left()
    assert sent_bytes < MAX_MESSAGE_BYTES + (28 << 20), "what socket buffers hold comes on top"


async def says_nothing(caller: Caller) -> None:
    await caller.request()
    await caller.gone()


async def stops_in_the_head(caller: Caller) -> None:
    await caller.request()
    await caller.send(b"HTTP/1.1 200 O")
    await caller.gone()


async def stops_in_the_body(caller: Caller) -> None:
    await caller.request()
    await caller.send(reply(Content_Length="100") + b"x")
    await caller.gone()


STALLS = [says_nothing, stops_in_the_head, stops_in_the_body]


@pytest.mark.parametrize("stall", STALLS, ids=lambda stall: stall.__name__)
async def test_a_stall_is_given_up_and_the_connection_with_it(
    hostile: Hostile, stall: Answer
) -> None:
    hostile.answer = stall
    client = hostile.client(timeout_s=0.2)
    with told(Kind.STALLED):
        await client.status()
    await hostile.left()
    await client.close()


async def hangs_up_unheard(caller: Caller) -> None:
    await caller.request()


async def hangs_up_in_the_head(caller: Caller) -> None:
    await caller.request()
    await caller.send(b"HTTP/1.1 200 O")


async def hangs_up_in_the_body(caller: Caller) -> None:
    await caller.request()
    await caller.send(reply(Content_Length="100") + b"x")


CUTS = [hangs_up_unheard, hangs_up_in_the_head, hangs_up_in_the_body]


@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: cut.__name__)
async def test_a_cut_is_a_site_out_of_reach(
    hostile: Hostile, client: AgentClient, cut: Answer
) -> None:
    hostile.answer = cut
    with told(Kind.UNREACHABLE):
        await client.status()


async def test_a_client_goes_on_after_every_failure(hostile: Hostile, client: AgentClient) -> None:
    answers = iter([answer for answer, _ in ANSWERS.values()])

    async def one_after_another(caller: Caller) -> None:
        while await caller.request():
            await caller.send(next(answers, reply(body=encode(status(hostile.box.identity)))))

    hostile.answer = one_after_another
    for _, kind in ANSWERS.values():
        with told(kind):
            await client.status()
    await client.status()


@pytest.mark.parametrize("status_line", ["200 OK", "204 No Content", "404 Not Found"])
async def test_a_hold_that_is_gone_is_released(
    hostile: Hostile, client: AgentClient, status_line: str
) -> None:
    length = "" if status_line.startswith("204") else "0"
    hostile.answer = always(reply(status_line, Content_Length=length))
    await client.release("r1")


async def test_a_release_with_an_endless_answer_is_cut_off(
    hostile: Hostile, client: AgentClient
) -> None:
    async def endless(caller: Caller) -> None:
        await caller.request()
        await caller.send(reply(Content_Length=str(1 << 40)))
        while True:
            await caller.send(b"x" * 65536)

    hostile.answer = endless
    async with asyncio.timeout(20):
        with told(Kind.MALFORMED):
            await client.release("r1")
