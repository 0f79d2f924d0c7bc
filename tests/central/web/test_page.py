"""The page in a real browser, driven over its debugging pipe, served by a real server."""

import asyncio
import base64
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from layover_agent.wire.types import Fault
from layover_central.changes import Topic
from layover_central.core.warnings import Chance, Level, Outlook
from layover_central.store import sites, warnings
from layover_central.web.server import WebServer

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
HOSTILE = "<img src=x onerror=document.title='owned'>"
PATIENCE_S = 20


class Browser:
    """One tab of a headless Chromium."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._count = 0
        self._session = ""
        self.complaints: list[str] = []

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        self._count += 1
        message: dict[str, Any] = {"id": self._count, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._writer.write(json.dumps(message).encode() + b"\0")
        async with asyncio.timeout(PATIENCE_S):
            while True:
                answer = json.loads((await self._reader.readuntil(b"\0"))[:-1])
                if answer.get("id") == self._count:
                    assert "error" not in answer, answer
                    return dict(answer["result"])
                self._hear(answer)

    def _hear(self, event: dict[str, Any]) -> None:
        if event["method"] == "Log.entryAdded" and event["params"]["entry"]["level"] == "error":
            self.complaints.append(event["params"]["entry"]["text"])
        if event["method"] == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(event["params"]["exceptionDetails"]))

    async def attach(self) -> None:
        target = await self.call("Target.createTarget", url="about:blank")
        found = await self.call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        self._session = found["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            await self.call(f"{domain}.enable")

    async def look(self, width: int, height: int, scheme: str = "light") -> None:
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        media = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.call("Emulation.setEmulatedMedia", features=media)

    async def open(self, url: str) -> None:
        await self.call("Page.navigate", url=url)

    async def run(self, script: str) -> Any:
        answer = await self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def until(self, script: str) -> None:
        """Waits for an expression to become true."""
        async with asyncio.timeout(PATIENCE_S):
            while not await self.run(script):
                await asyncio.sleep(0.05)

    async def text(self, selector: str) -> str:
        return str(await self.run(f"document.querySelector({json.dumps(selector)}).innerText"))

    async def shot(self, path: Path) -> None:
        answer = await self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(answer["data"]))


@asynccontextmanager
async def browsing(folder: Path) -> AsyncIterator[Browser]:
    to_read, to_write = os.pipe(), os.pipe()
    script = (
        f'exec "{CHROMIUM}" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run '
        "--disable-background-networking --disable-component-update --disable-sync "
        f'--remote-debugging-pipe "--user-data-dir={folder}" '
        f"3<&{to_read[0]} 4>&{to_write[1]}"
    )
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        script,
        pass_fds=(to_read[0], to_write[1]),
        stderr=asyncio.subprocess.DEVNULL,
    )
    os.close(to_read[0])
    os.close(to_write[1])
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=64 << 20)
    reading, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(to_write[0], "rb")
    )
    writing, protocol = await loop.connect_write_pipe(
        asyncio.streams.FlowControlMixin, os.fdopen(to_read[1], "wb")
    )
    browser = Browser(reader, asyncio.StreamWriter(writing, protocol, None, loop))
    try:
        await browser.attach()
        yield browser
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        writing.close()
        reading.close()


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[str]:
    config = uvicorn.Config(app, port=0, log_level="error", lifespan="off", access_log=False)
    server = WebServer(app, config)
    ended = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:
            await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        async with asyncio.timeout(10):
            await ended
