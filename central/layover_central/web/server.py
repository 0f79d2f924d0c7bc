"""Uvicorn, taught to end the news streams before it waits for answers to end."""

import socket

import uvicorn
from fastapi import FastAPI

from layover_central.web.events import Streams


class WebServer(uvicorn.Server):
    """Serves an app of ``create_app`` and shuts down at once, whoever is listening to news."""

    def __init__(self, app: FastAPI, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._streams: Streams = app.state.streams

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._streams.close()
        await super().shutdown(sockets)
