"""News over server-sent events: that something changed, never what. Who listens looks again."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from layover_central.changes import Changes, Topic
from layover_central.web.parts import Here
from layover_central.web.problems import documented

router = APIRouter(tags=["events"])

EVERY_S = 0.2
"""A topic is told at most once in this time, however much happens."""

HEARTBEAT_S = 15.0
"""Silence after which a comment shows both ends that the line is alive."""


@router.get(
    "/events",
    summary="News as server-sent events",
    description="`hello` first, then one event per topic that changed: "
    + ", ".join(f"`{topic}`" for topic in Topic)
    + ". Events carry no data: ask again for what you show.",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}, **documented()},
)
async def events(request: Request, central: Here) -> StreamingResponse:
    streams: Streams = request.app.state.streams
    return StreamingResponse(
        told(central.changes, streams.closing),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


@dataclass(frozen=True, slots=True)
class Streams:
    """What ends every stream: a server that shuts down waits for its answers to end."""

    closing: asyncio.Event = field(default_factory=asyncio.Event)

    def close(self) -> None:
        self.closing.set()


async def told(changes: Changes, closing: asyncio.Event) -> AsyncGenerator[str, None]:
    """The lines of one stream, until ``closing`` is set or the reader goes away."""
    loop = asyncio.get_running_loop()
    due_s: dict[Topic, float] = {}
    told_s: dict[Topic, float] = {}
    ending = loop.create_task(closing.wait())
    with changes.subscribed() as news:
        coming = loop.create_task(news.get())
        try:
            yield "event: hello\ndata: {}\n\n"
            spoke_s = loop.time()
            while not closing.is_set():
                wake_s = min(due_s.values(), default=spoke_s + HEARTBEAT_S)
                await asyncio.wait(
                    {coming, ending},
                    timeout=max(wake_s - loop.time(), 0),
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if coming.done():
                    topic = coming.result()
                    due_s.setdefault(topic, told_s.get(topic, 0.0) + EVERY_S)
                    coming = loop.create_task(news.get())
                now_s = loop.time()
                for topic in [topic for topic, due in due_s.items() if due <= now_s]:
                    del due_s[topic]
                    told_s[topic] = spoke_s = now_s
                    yield f"event: {topic}\ndata: {{}}\n\n"
                if now_s >= spoke_s + HEARTBEAT_S:
                    spoke_s = now_s
                    yield ": alive\n\n"
        finally:
            coming.cancel()
            ending.cancel()
