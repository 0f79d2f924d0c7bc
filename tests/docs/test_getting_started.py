"""The page docs/getting-started.md, typed as it stands, on ports of its own."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "getting-started.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
STAYS = re.compile(r"^layover(-agent run| serve)\b")
PATIENCE_S = 45
SETTLE_S = 5.0
"""How long the page asks its reader to leave new files alone."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed"),
]


class Terminal:
    """Types the page's blocks in a folder; what stays in the foreground runs until the end."""

    def __init__(self, folder: Path) -> None:
        port, agent_port = _free_ports()
        self.folder = folder
        self.said = ""
        self._agent = f"127.0.0.1:{agent_port}"
        self._running: list[subprocess.Popen[bytes]] = []
        self._environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "TZ": "UTC",
            "COLUMNS": "200",
            "LAYOVER_PORT": str(port),
            "LAYOVER_URL": f"http://127.0.0.1:{port}",
            "LAYOVER_AGENT_LISTEN__PORT": str(agent_port),
        }

    def type(self, block: str) -> None:
        block = block.replace("127.0.0.1:8441", self._agent)
        if STAYS.match(block):
            self._start(f"exec {block}")
            return
        done = self._run(block)
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        self.said += done.stdout

    def json(self, *command: str) -> list[dict[str, object]] | None:
        """What a listing says; None: central does not answer yet."""
        done = self._run(" ".join([*command, "--json"]))
        found: list[dict[str, object]] | None = None
        if done.returncode == 0:
            found = json.loads(done.stdout)
        return found

    def close(self) -> None:
        for process in reversed(self._running):
            process.terminate()
        for process in self._running:
            process.wait(timeout=20)

    def _run(self, block: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-euc", block],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )

    def _start(self, block: str) -> None:
        log = self.folder / f"log-{len(self._running)}"
        with log.open("wb") as output:
            self._running.append(
                subprocess.Popen(
                    ["bash", "-euc", block],
                    cwd=self.folder,
                    env=self._environment,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
            )


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    opened = Terminal(tmp_path)
    try:
        yield opened
    finally:
        opened.close()


def test_the_page_works_as_it_is_typed(terminal: Terminal) -> None:
    blocks = BLOCK.findall(PAGE.read_text())
    serve, *before, run, after, file = blocks
    assert STAYS.match(serve) and STAYS.match(run)

    terminal.type(serve)
    _until(lambda: terminal.json("layover", "sites") == [], "central to answer")
    for block in before:
        terminal.type(block)
    assert "bus-217 not in reach" in terminal.said

    _until(lambda: _rest_s(terminal.folder / "recordings") > SETTLE_S, "the files to rest")
    terminal.type(run)
    _until(lambda: _states(terminal) == ["complete"], "the request to be complete")
    for block in (after, file):
        terminal.type(block)
    archived = list((terminal.folder / "central" / "archive").rglob("*.mp4"))
    assert len(archived) == 1
    assert str(archived[0].relative_to(terminal.folder / "central" / "archive")) in terminal.said


def _rest_s(folder: Path) -> float:
    """Seconds since the youngest file below a folder changed."""
    return time.time() - max(file.stat().st_mtime for file in folder.rglob("*.mp4"))


def _states(terminal: Terminal) -> list[object]:
    return [one["state"] for one in terminal.json("layover", "requests") or []]


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s, f"waited in vain for {what}"
        time.sleep(0.1)


def _free_ports() -> tuple[int, int]:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        return one.getsockname()[1], two.getsockname()[1]
