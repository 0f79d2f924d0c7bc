"""The server against peers that are slow, silent, greedy or wrong. Real sockets throughout."""

import logging

import pytest
from agent.serving import GET, Stage, answer, ended

from layover_agent.http import Response


async def test_requests_follow_each_other_on_one_connection(dial, stage: Stage) -> None:  # type: ignore[no-untyped-def]
    async with dial() as (reader, writer):
        for _ in range(3):
            writer.write(GET)
            assert await answer(reader) == (200, b"hello")
        writer.write(GET + GET)
        assert await answer(reader) == (200, b"hello")
        assert await answer(reader) == (200, b"hello")
    assert len(stage.asked) == 5


async def test_the_request_arrives_as_it_was_sent(dial, stage: Stage) -> None:  # type: ignore[no-untyped-def]
    async with dial() as (reader, writer):
        writer.write(
            b"PUT /v1/x?a=1&b=%C3%BC&a=2&c= HTTP/1.1\r\nHost: b\r\nX-Y: Z\r\n"
            b"Content-Length: 3\r\n\r\nabc"
        )
        await answer(reader)
    (request,) = stage.asked
    assert (request.method, request.path, request.body) == ("PUT", "/v1/x", b"abc")
    assert request.query == {"a": "2", "b": "ü", "c": ""}
    assert request.headers["x-y"] == "Z"


async def test_a_chunked_body_arrives_whole(dial, stage: Stage) -> None:  # type: ignore[no-untyped-def]
    async with dial() as (reader, writer):
        writer.write(
            b"PUT /x HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        )
        await answer(reader)
    assert stage.asked[0].body == b"abcde"


async def test_a_head_request_has_the_length_and_no_body(dial, stage: Stage) -> None:  # type: ignore[no-untyped-def]
    stage.answer = lambda _: Response(200, {}, b"", 12345)
    async with dial() as (reader, writer):
        writer.write(b"HEAD /a HTTP/1.1\r\nHost: box\r\nConnection: close\r\n\r\n")
        assert b"Content-Length: 12345" in (said := await ended(reader))
        assert said.endswith(b"\r\n\r\n")


WRONG = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "no host": b"GET /a HTTP/1.1\r\n\r\n",
    "two lengths": b"PUT /a HTTP/1.1\r\nHost: b\r\n"
    b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a length of letters": b"PUT /a HTTP/1.1\r\nHost: b\r\nContent-Length: abc\r\n\r\n",
    "a negative length": b"PUT /a HTTP/1.1\r\nHost: b\r\nContent-Length: -1\r\n\r\n",
    "a body announced too long": b"PUT /a HTTP/1.1\r\nHost: b\r\nContent-Length: 65537\r\n\r\n"
    + b"x" * 65537,
    "a head without end": b"GET /a HTTP/1.1\r\nHost: b\r\nX: " + b"x" * 40_000,
    "a control character": b"GET /a\x01 HTTP/1.1\r\nHost: b\r\n\r\n",
    "an address nobody can read": b"GET http://[ HTTP/1.1\r\nHost: b\r\n\r\n",
    "a query of a thousand fields": b"GET /a?" + b"a=1&" * 1000 + b" HTTP/1.1\r\nHost: b\r\n\r\n",
}


@pytest.mark.parametrize("case", WRONG)
async def test_what_is_no_request_is_refused_and_never_handled(
    dial, stage: Stage, case: str, caplog: pytest.LogCaptureFixture
) -> None:  # type: ignore[no-untyped-def]
    async with dial() as (reader, writer):
        writer.write(WRONG[case])
        said = await ended(reader)
    assert said.startswith(b"HTTP/1.1 4"), said[:80]
    assert stage.asked == []
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR]


async def test_a_peer_that_speaks_no_tls_gets_nothing(dial, stage: Stage) -> None:  # type: ignore[no-untyped-def]
    async with dial(None) as (reader, writer):
        writer.write(GET)
        assert b"hello" not in await ended(reader)
    assert stage.asked == []
