"""News inside central: who publishes need not know who listens."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

BACKLOG = 256
"""News kept for a slow listener; older news are dropped, since news say only *look again*."""


class Topic(StrEnum):
    """What changed. News carry no data: the store and the live board hold the truth."""

    DEPOTS = "depots"
    SITES = "sites"
    REQUESTS = "requests"
    TRANSFERS = "transfers"
    WARNINGS = "warnings"
    WANTED = "wanted"
    """What is wanted of a site changed: more of it, or less."""


class Changes:
    """A bus within one process and one event loop."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[Topic]] = set()

    def publish(self, topic: Topic) -> None:
        for queue in self._listeners:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(topic)

    @contextmanager
    def subscribed(self) -> Iterator[asyncio.Queue[Topic]]:
        """A queue that receives everything published while the block runs."""
        queue: asyncio.Queue[Topic] = asyncio.Queue(BACKLOG)
        self._listeners.add(queue)
        try:
            yield queue
        finally:
            self._listeners.discard(queue)
