"""The page in a real browser, driven over its debugging pipe, served by a real server."""

import asyncio
import base64
import json
import os
import shutil
from collections.abc import AsyncIterator
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
CONTRAST = Path(__file__).parent / "contrast.js"


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
        found = await self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
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
async def serving(app: FastAPI, port: int = 0) -> AsyncIterator[str]:
    config = uvicorn.Config(app, port=port, log_level="error", lifespan="off", access_log=False)
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


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    async with browsing(tmp_path / "profile") as browser:
        yield browser


@pytest.fixture
async def url(app: FastAPI) -> AsyncIterator[str]:
    async with serving(app) as url:
        yield url


@pytest.fixture
async def fleet(stage: Any, client: httpx.AsyncClient) -> None:
    """A site in reach with a request half done, one with a hostile name, a warning."""
    site_id = await stage.site("bus-217")
    await client.post("/api/v1/sites/bus-217/certificate", content=stage.signing_request())
    await stage.records(site_id, "front", stage.clock.ms - 600_000, count=5)
    await stage.records(site_id, HOSTILE, stage.clock.ms - 600_000)
    fault = Fault(
        code="disk", severity="critical", since_ms=stage.clock.ms, text=HOSTILE, remedy=HOSTILE
    )
    await stage.seen(site_id, stage.status(("front", HOSTILE), (fault,)))
    stage.in_reach(site_id, link_bps=40_000_000)
    await stage.site("bus-218")
    asked = {"sites": ["bus-217"], "from": "2026-11-21T10:50:00Z", "to": "+3m"}
    await client.post("/api/v1/requests", json=asked | {"reason": HOSTILE, "case": "A-17"})
    await stage.saved(1, b"no video", "bus-217/front/x.mp4")
    outlook = Outlook(Chance.AT_RISK, Level.WARN, "may be overwritten", "bring it in")
    stage.central.live.outlooks[(1, site_id)] = outlook
    async with stage.central.store.begin() as connection:
        await warnings.raise_or_update(connection, 1, site_id, outlook, None, None, stage.clock.ms)


LIVE = "document.querySelector('#line')?.dataset.line === 'live'"


def has(selector: str, text: str) -> str:
    found = f"document.querySelector({json.dumps(selector)})?.innerText.includes"
    return f"({found}({json.dumps(text)}) ?? false)"


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine"),
]


async def test_the_page_shows_what_central_knows(
    browser: Browser, url: str, fleet: None, stage: Any
) -> None:
    await browser.open(url)
    await browser.until(f"{LIVE} && {has('#sites', 'bus-218')} && {has('#requests', '#1')}")
    await browser.until(f"{has('#warnings', 'bring it in')} && {has('#figures', 'in reach')}")
    requests = await browser.text("#requests")
    for words in ("Waiting", "bus-217", "1 of 4 files", "At risk", "about to start", "A-17"):
        assert words in requests
    site = await browser.text("#sites")
    for words in ("In reach", "Not enrolled", "40\u00a0Mbit/s", "2 cameras", HOSTILE):
        assert words in site
    assert "May be lost" in await browser.text("#warnings")
    assert await browser.run("document.title") == "(1) Layover"
    title = await browser.run("document.querySelector('#requests .when .span').title")
    assert title == "2026-11-21 10:50:00 UTC to 2026-11-21 10:53:00 UTC"
    await browser.run("document.querySelector('[data-focus=open-1]').click()")
    await browser.until(has("#detail-1", "Complete"))
    assert HOSTILE in await browser.text("#detail-1")
    assert await browser.run("document.images.length") == 1
    assert browser.complaints == []


async def test_news_change_the_page_where_it_stands(
    browser: Browser, url: str, fleet: None, client: httpx.AsyncClient, stage: Any
) -> None:
    await browser.open(url)
    await browser.until(f"{LIVE} && {has('#requests', '1 of 4 files')}")
    await browser.run("document.querySelector('[data-focus=open-1]').click()")
    await browser.until(has("#detail-1", "Complete"))
    await browser.run("document.querySelector('[data-focus=open-1]').focus()")
    await client.post("/api/v1/sites", json={"label": "ferry Ålesund"})
    await browser.until(has("#sites", "ferry Ålesund"))
    await stage.saved(2, b"no video either", "bus-217/front/y.mp4")
    stage.central.changes.publish(Topic.TRANSFERS)
    await browser.until(has("#requests", "2 of 4 files"))
    await browser.until("document.querySelectorAll('#detail-1 .file button').length === 2")
    assert await browser.run("document.activeElement.dataset.focus") == "open-1"


async def test_a_file_that_is_viewed(browser: Browser, url: str, fleet: None) -> None:
    await browser.open(url)
    await browser.until(f"{LIVE} && {has('#requests', 'View')}")
    await browser.run("document.querySelector('[data-focus=view-1]').click()")
    await browser.until("document.querySelector('#player').open")
    source = await browser.run("document.querySelector('#player video').src")
    assert source == f"{url}/api/v1/recordings/1/file"
    await browser.until(has("#player", "cannot play this file"))
    await browser.run("document.querySelector('#player [data-do=close]').click()")
    assert await browser.run("document.querySelector('#player').open") is False


async def test_the_filter(browser: Browser, url: str, fleet: None) -> None:
    await browser.open(url)
    await browser.until(f"{LIVE} && {has('#sites', 'bus-218')} && {has('#requests', '#1')}")
    typed = "const f = document.querySelector('#filter'); f.value = {!r};"
    typed += " f.dispatchEvent(new Event('input')); true"
    await browser.run("{" + typed.format("BUS-218") + "}")
    await browser.until(has("#requests", "No request matches"))
    assert "bus-217" not in await browser.text("#sites")
    await browser.run("{" + typed.format("") + "}")
    await browser.until(has("#requests", "A-17"))


async def test_a_central_that_knows_nothing_yet(browser: Browser, url: str) -> None:
    await browser.open(url)
    await browser.until(f"{LIVE} && {has('#requests', 'Nothing has been asked for yet')}")
    await browser.until(has("#sites", "layover site add"))
    await browser.until(has("#warnings", "Nothing is predicted"))
    assert browser.complaints == []


async def test_a_section_that_cannot_be_loaded(browser: Browser, url: str, stage: Any) -> None:
    from sqlalchemy import text

    async with stage.central.store.begin() as connection:
        await connection.execute(text("ALTER TABLE depots RENAME COLUMN cap TO lid"))
    await browser.open(url)
    await browser.until(has("#depots", "could not be loaded: the database failed"))
    async with stage.central.store.begin() as connection:
        await connection.execute(text("ALTER TABLE depots RENAME COLUMN lid TO cap"))
    await browser.run("document.querySelector('#depots button').click()")
    await browser.until(has("#depots", "No depots"))


async def test_a_line_that_is_lost_and_comes_back(
    browser: Browser, app: FastAPI, stage: Any, fleet: None
) -> None:
    from layover_central.web.events import Streams

    async with serving(app) as url:
        await browser.open(url)
        await browser.until(f"{LIVE} && {has('#sites', 'bus-218')}")
    await browser.until("document.querySelector('#line').dataset.line === 'lost'")
    assert "was last updated at" in await browser.text("#lost")
    assert "bus-218" in await browser.text("#sites")
    async with stage.central.store.begin() as connection:
        await sites.add(connection, "bus-219", stage.clock.ms)
    app.state.streams = Streams()
    async with serving(app, port=int(url.rpartition(":")[2])):
        await browser.until(f"{LIVE} && {has('#sites', 'bus-219')}")
        assert await browser.run("document.querySelector('#lost').hidden") is True


@pytest.mark.parametrize("width", [320, 360, 768, 1280, 2560])
async def test_nothing_sticks_out(browser: Browser, url: str, fleet: None, width: int) -> None:
    for scheme in ("light", "dark"):
        await browser.look(width, 800, scheme)
        await browser.open(url)
        await browser.until(f"{LIVE} && {has('#sites', 'bus-218')} && {has('#requests', '#1')}")
        await browser.run("document.querySelector('[data-focus=open-1]').click()")
        await browser.until(has("#detail-1", "Complete"))
        assert await browser.run("document.documentElement.scrollWidth <= innerWidth")
        lowest = await browser.run(CONTRAST.read_text())
        assert 4.5 <= lowest["ratio"] < 21, lowest
