"""Bytes of recordings: exactly the ones asked for, or a failure; never more, never others."""

import pytest
from central.links.hostile import Answer, Caller, Hostile, always, reply, told

from layover_agent.wire.codec import encode
from layover_agent.wire.problem import Problem, Reason
from layover_central.core.resume import ByteSpan
from layover_central.errors import Kind
from layover_central.links.agent_client import AgentClient

SIZE_BYTES = 1000
ASKED = ByteSpan(100, 199)
BYTES = bytes(range(100))
ETAG = '"abc"'
RANGE = f"bytes 100-199/{SIZE_BYTES}"


def part(status: str = "206 Partial Content", body: bytes = BYTES, **headers: str) -> bytes:
    """The right answer, but for what the test changes."""
    return reply(status, body, **({"Content_Range": RANGE, "ETag": ETAG} | headers))


async def fetched(
    client: AgentClient, asked: ByteSpan = ASKED, rate_bps: int | None = None
) -> bytearray:
    got = bytearray()
    async with client.span("r1", asked, SIZE_BYTES, ETAG, rate_bps) as parts:
        async for data in parts:
            got += data
    return got


async def test_the_right_bytes(hostile: Hostile, client: AgentClient) -> None:
    hostile.answer = always(part())
    assert await fetched(client, rate_bps=64_000) == BYTES
    head = bytes(hostile.heard).decode().lower()
    for line in ("range: bytes=100-199", f"if-match: {ETAG}", "layover-rate: 64000"):
        assert line in head
    assert "accept-encoding: identity" in head


async def test_no_rate_is_no_header(hostile: Hostile, client: AgentClient) -> None:
    hostile.answer = always(part())
    await fetched(client)
    assert b"layover-rate" not in bytes(hostile.heard).lower()


async def test_a_whole_recording_may_come_without_a_range(
    hostile: Hostile, client: AgentClient
) -> None:
    whole = bytes(SIZE_BYTES)
    hostile.answer = always(part("200 OK", whole, Content_Range=""))
    assert await fetched(client, ByteSpan(0, SIZE_BYTES - 1)) == whole


HEADS = {
    "200 to a range": (part("200 OK", bytes(SIZE_BYTES), Content_Range=""), Kind.MALFORMED),
    "200 with a range": (part("200 OK"), Kind.MALFORMED),
    "204": (part("204 No Content", b"", Content_Length=""), Kind.MALFORMED),
    "304": (part("304 Not Modified", b"", Content_Length=""), Kind.MALFORMED),
    "no range": (part(Content_Range=""), Kind.MALFORMED),
    "another range": (part(Content_Range="bytes 0-99/1000"), Kind.MALFORMED),
    "another size": (part(Content_Range="bytes 100-199/1001"), Kind.MALFORMED),
    "an unknown size": (part(Content_Range="bytes 100-199/*"), Kind.MALFORMED),
    "two ranges": (
        part(Content_Type="multipart/byteranges; boundary=x", Content_Range=""),
        Kind.MALFORMED,
    ),
    "a length too long": (part(Content_Length="101"), Kind.MALFORMED),
    "a length too short": (part(Content_Length="99"), Kind.MALFORMED),
    "no length": (part(Content_Length=""), Kind.MALFORMED),
    "chunks": (
        part(
            Content_Length="",
            Transfer_Encoding="chunked",
            body=b"64\r\n" + BYTES + b"\r\n0\r\n\r\n",
        ),
        Kind.MALFORMED,
    ),
    "gzip": (part(Content_Encoding="gzip"), Kind.MALFORMED),
    "identity, but said": (part(Content_Encoding="identity"), Kind.MALFORMED),
    "another ETag": (part(ETag='"xyz"'), Kind.CHANGED),
    "a weak ETag": (part(ETag='W/"abc"'), Kind.CHANGED),
    "no ETag": (part(ETag=""), Kind.CHANGED),
    "a redirect": (reply("302 Found", Location="http://127.0.0.1:1/"), Kind.MALFORMED),
    "an error without words": (reply("500 No"), Kind.MALFORMED),
}


@pytest.mark.parametrize(("answer", "kind"), HEADS.values(), ids=HEADS.keys())
async def test_a_head_that_promises_anything_else(
    hostile: Hostile, client: AgentClient, answer: bytes, kind: Kind
) -> None:
    hostile.answer = always(answer, then_close=True)
    with told(kind):
        await fetched(client)


REFUSALS = {
    Reason.GONE: Kind.GONE,
    Reason.CHANGED: Kind.CHANGED,
    Reason.BAD_RANGE: Kind.CHANGED,
    Reason.TOO_BUSY: Kind.STALLED,
    Reason.STORAGE: Kind.REFUSED,
}


@pytest.mark.parametrize(("reason", "kind"), REFUSALS.items())
async def test_a_refusal(hostile: Hostile, client: AgentClient, reason: Reason, kind: Kind) -> None:
    hostile.answer = always(reply("400 No", encode(Problem(code=reason, title="no", status=400))))
    with told(kind):
        await fetched(client)


async def cut_clean(caller: Caller) -> None:
    await caller.request()
    await caller.send(part()[:-40])


async def stall(caller: Caller) -> None:
    await caller.request()
    await caller.send(part()[:-40])
    await caller.gone()


BREAKS = {"an early end": (cut_clean, Kind.UNREACHABLE), "a stall": (stall, Kind.STALLED)}


@pytest.mark.parametrize(("answer", "kind"), BREAKS.values(), ids=BREAKS.keys())
async def test_what_came_before_a_break_was_handed_out(
    hostile: Hostile, answer: Answer, kind: Kind
) -> None:
    hostile.answer = answer
    client = hostile.client(timeout_s=0.3)
    got = bytearray()
    with told(kind):
        async with client.span("r1", ASKED, SIZE_BYTES, ETAG, None) as parts:
            async for data in parts:
                got += data
    assert got == BYTES[:60]
    await client.close()


async def test_bytes_beyond_the_promise_are_never_handed_out(
    hostile: Hostile, client: AgentClient
) -> None:
    """They poison at most the next answer on their own connection."""
    hostile.answer = always(part() + b"HTTP/1.1 206 Evil\r\n\r\n" + b"surplus" * 100)
    assert await fetched(client) == BYTES
    with told(Kind.MALFORMED):
        await fetched(client)
    hostile.answer = always(part())
    assert await fetched(client) == BYTES


async def test_leaving_early_ends_the_transfer_at_the_site(
    hostile: Hostile, client: AgentClient
) -> None:
    async def slow(caller: Caller) -> None:
        await caller.request()
        await caller.send(part()[:-40])
        await caller.gone()

    hostile.answer = slow
    async with client.span("r1", ASKED, SIZE_BYTES, ETAG, None) as parts:
        assert len(await anext(parts)) == 60
    await hostile.left()


async def test_a_failure_while_bytes_come_ends_the_transfer_at_the_site(
    hostile: Hostile, client: AgentClient
) -> None:
    hostile.answer = stall
    with pytest.raises(ZeroDivisionError):
        async with client.span("r1", ASKED, SIZE_BYTES, ETAG, None) as parts:
            await anext(parts)
            raise ZeroDivisionError
    await hostile.left()
