"""A real central in its own process, and the two ways to talk to it: command line and API."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import httpx

from layover_sim.fleet import NotReady, Program


class CommandFailed(RuntimeError):
    """A ``layover`` command that ended with an error; the message is what it said."""


class Headquarters:
    """Central as people run it: ``layover serve``, driven by ``layover …``."""

    def __init__(self, data: Path, port: int, environment: dict[str, str] | None = None) -> None:
        self.data = data
        self.url = f"http://127.0.0.1:{port}"
        self._environment = environment or {}
        data.mkdir(parents=True, exist_ok=True)
        self.program = Program(
            "central",
            [
                *(sys.executable, "-m", "layover_central.cli", "serve"),
                *("--data", str(data), "--port", str(port), "--no-discover"),
            ],
            data.parent / f"{data.name}.log",
        )
        self.api = httpx.AsyncClient(base_url=f"{self.url}/api/v1", timeout=10)

    async def start(self) -> None:
        """Starts central and waits until it answers."""
        await self.program.start(self._environment)
        async with asyncio.timeout(30):
            while True:
                try:
                    if (await self.api.get("/status")).is_success:
                        return
                except httpx.HTTPError:
                    if not self.program.running:
                        raise NotReady(f"central ended\n{self.program.tail()}") from None
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        await self.api.aclose()
        await self.program.stop()

    async def get(self, path: str, **query: Any) -> Any:
        answer = await self.api.get(path, params=query)
        answer.raise_for_status()
        return answer.json()

    async def run(self, *arguments: str) -> Any:
        """A ``layover`` command with ``--json``; its document. CommandFailed with its message."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "layover_central.cli"),
            *(*arguments, "--url", self.url),
            *(() if arguments[:2] == ("site", "enrol") else ("--json",)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
        if process.returncode:
            raise CommandFailed(f"layover {' '.join(arguments)}: {errors.decode().strip()}")
        return json.loads(output) if output.startswith((b"{", b"[")) else output.decode()

    async def enrol(self, label: str, csr: Path, bundle: Path) -> None:
        await self.run("site", "enrol", label, "--csr", str(csr), "--out", str(bundle))

    async def site(self, label: str) -> Any:
        return await self.get(f"/sites/{label}")

    async def request(self, request_id: int) -> Any:
        return await self.get(f"/requests/{request_id}")

    async def requests_until(self, ids: list[int], states: set[str], timeout_s: float) -> list[Any]:
        """The requests, once all of them are in one of the states."""
        found: list[Any] = []

        async def look() -> bool:
            nonlocal found
            found = [await self.request(one) for one in ids]
            return all(one["state"] in states for one in found)

        async with asyncio.timeout(timeout_s):
            while not await look():
                await asyncio.sleep(0.1)
        return found
