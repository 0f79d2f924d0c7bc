"""The live table, on a real terminal."""

import contextlib
import os
import pty
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from central.cli.conftest import Fleet, Run, command, process, served

from layover_central.config import Settings
from layover_central.store.transfers import TransferState

SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass
class Terminal:
    """A process on a terminal of its own, and all it has written."""

    running: subprocess.Popen[bytes]
    handle: int
    written: bytearray = field(default_factory=bytearray)

    def until(self, words: str, after: int = 0) -> int:
        """Waits for words that come after a place in the text; the place behind them."""
        deadline_s = time.monotonic() + 20
        while True:
            text = self.text
            if (found := text.find(words, after)) >= 0:
                return found + len(words)
            assert time.monotonic() < deadline_s, text[-2000:]
            assert self.running.poll() is None, text[-2000:]
            with contextlib.suppress(OSError):  # EIO: the process has ended.
                self.written += os.read(self.handle, 65536)

    @property
    def text(self) -> str:
        return SEQUENCE.sub("", self.written.decode(errors="replace"))


@contextmanager
def watching(url: str) -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "160", "LINES": "50"}
    running = subprocess.Popen(
        command("watch", "--url", url), stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    try:
        yield Terminal(running, ours)
    finally:
        if running.poll() is None:
            running.kill()
        running.wait(10)
        os.close(ours)


@pytest.mark.slow
def test_it_shows_what_happens_as_it_happens(good: Run, bus: str, fleet: Fleet) -> None:
    with watching(fleet.url) as terminal:
        terminal.until("bus-217")
        good("site", "add", "bus-218")
        place = terminal.until("bus-218")
        good("request", bus, "--camera", "front", "--from", "11:00", "--to", "+3m")
        place = terminal.until("queued", place)
        fleet.becomes(1, TransferState.COMPLETE)
        terminal.until("complete", place)
        terminal.running.send_signal(signal.SIGINT)
        assert terminal.running.wait(10) == 0
        assert "Traceback" not in terminal.text


@pytest.mark.slow
def test_a_central_that_goes_away_is_told(tmp_path: Path) -> None:
    with contextlib.ExitStack() as central:
        fleet = central.enter_context(served(Settings(data=tmp_path / "data")))
        with watching(fleet.url) as terminal:
            place = terminal.until("0 sites in reach")
            central.close()
            terminal.until("NO NEWS since then", place)
            assert terminal.running.poll() is None


def test_without_a_terminal_it_says_what_to_use(fleet: Fleet) -> None:
    result = process("watch", "--url", fleet.url)
    assert result.code == 2
    assert "layover status" in result.err


@pytest.mark.slow
def test_without_central_it_ends_at_once(fleet: Fleet) -> None:
    with watching("http://127.0.0.1:9") as terminal:
        assert terminal.running.wait(20) == 10
