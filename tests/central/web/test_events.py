"""News over a real socket from a real server."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from layover_central.changes import Changes, Topic
from layover_central.context import Central
from layover_central.web import events
from layover_central.web.events import told
from layover_central.web.server import WebServer


@dataclass(frozen=True)
class Served:
    url: str
    server: WebServer
    ended: asyncio.Task[None]


@pytest.fixture
async def served(app: FastAPI) -> AsyncIterator[Served]:
    config = uvicorn.Config(app, port=0, log_level="error", lifespan="off", access_log=False)
    server = WebServer(app, config)
    ended = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:
            await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Served(f"http://127.0.0.1:{port}", server, ended)
    server.should_exit = True
    async with asyncio.timeout(10):
        await ended


async def lines_of(answer: httpx.Response, count: int) -> list[str]:
    found: list[str] = []
    async with asyncio.timeout(10):
        async for line in answer.aiter_lines():
            if line:
                found.append(line)
            if len(found) == count:
                return found
    return found


def listeners(central: Central) -> int:
    return len(central.changes._listeners)


async def test_news_come_as_they_happen(served: Served, central: Central) -> None:
    async with (
        httpx.AsyncClient(base_url=served.url) as client,
        client.stream("GET", "/api/v1/events") as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.aiter_lines()
        async with asyncio.timeout(10):
            assert [await anext(lines), await anext(lines)] == ["event: hello", "data: {}"]
            response = await client.post("/api/v1/sites", json={"label": "bus-217"})
            assert response.status_code == 201
            await anext(lines)
            assert [await anext(lines), await anext(lines)] == ["event: sites", "data: {}"]


async def test_a_reader_that_left_is_forgotten(served: Served, central: Central) -> None:
    async with httpx.AsyncClient(base_url=served.url) as client:
        async with client.stream("GET", "/api/v1/events") as answer:
            await lines_of(answer, 2)
            assert listeners(central) == 1
        async with asyncio.timeout(10):
            while listeners(central):
                await asyncio.sleep(0.01)


async def test_a_server_that_ends_keeps_no_reader(served: Served, central: Central) -> None:
    async with (
        httpx.AsyncClient(base_url=served.url) as client,
        client.stream("GET", "/api/v1/events") as answer,
    ):
        lines = answer.aiter_lines()
        assert await anext(lines) == "event: hello"
        began_s = time.monotonic()
        served.server.should_exit = True
        async with asyncio.timeout(10):
            rest = [line async for line in lines]
            await served.ended
        assert rest == ["data: {}", ""]
        assert time.monotonic() - began_s < 3
    assert listeners(central) == 0


async def test_much_news_of_a_topic_are_few() -> None:
    changes, closing = Changes(), asyncio.Event()
    stream = told(changes, closing)
    assert await anext(stream) == "event: hello\ndata: {}\n\n"
    loop = asyncio.get_running_loop()
    until_s = loop.time() + 1.0

    async def shout() -> None:
        while loop.time() < until_s:
            changes.publish(Topic.TRANSFERS)
            await asyncio.sleep(0.002)
        changes.publish(Topic.WARNINGS)

    shouting = asyncio.create_task(shout())
    heard: list[str] = []
    async with asyncio.timeout(10):
        while "event: warnings\ndata: {}\n\n" not in heard:
            heard.append(await anext(stream))
    await shouting
    assert 2 <= heard.count("event: transfers\ndata: {}\n\n") <= 6
    await stream.aclose()
    assert not changes._listeners


async def test_news_after_silence_are_told_at_once() -> None:
    changes, closing = Changes(), asyncio.Event()
    stream = told(changes, closing)
    await anext(stream)
    coming = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    began_s = time.monotonic()
    changes.publish(Topic.SITES)
    assert await asyncio.wait_for(coming, 5) == "event: sites\ndata: {}\n\n"
    assert time.monotonic() - began_s < events.EVERY_S
    await stream.aclose()


async def test_silence_is_broken_by_a_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.05)
    stream = told(Changes(), asyncio.Event())
    await anext(stream)
    async with asyncio.timeout(5):
        assert [await anext(stream), await anext(stream)] == [": alive\n\n"] * 2
    await stream.aclose()


async def test_closing_ends_a_stream_that_waits() -> None:
    closing = asyncio.Event()
    stream = told(Changes(), closing)
    await anext(stream)
    coming = asyncio.ensure_future(anext(stream))
    closing.set()
    with contextlib.suppress(StopAsyncIteration):
        async with asyncio.timeout(5):
            raise AssertionError(await coming)
