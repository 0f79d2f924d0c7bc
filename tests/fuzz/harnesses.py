"""What strangers' bytes reach: one plain function each, for any bytes.

A harness raises only where something is wrong: an exception that is not in the contract, more
work than is promised, or an answer that contradicts itself.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from layover_agent.config import BadConfig, load
from layover_agent.core.containers import Container, look
from layover_agent.core.containers.container import MAX_MS
from layover_agent.core.containers.window import MAX_BYTES, MAX_READS, PIECE_BYTES
from layover_agent.core.layout import BadLayout, Layout

HUGE_BYTES = 1 << 41
SLOW_S = 1.0


class Disk:
    """A file that counts what is read of it. ``goes_on``: how, after ``data``, for terabytes:
    the same again and again, zeros, or nothing (it shrank)."""

    def __init__(self, data: bytes, goes_on: str = "") -> None:
        self._data = data
        self._again = goes_on == "again" and bool(data)
        self._zeros = goes_on == "zeros"
        self.size_bytes = HUGE_BYTES if goes_on else len(data)
        self.reads = self.bytes_read = 0

    def read(self, offset: int, length: int) -> bytes:
        assert offset >= 0
        assert 0 < length <= PIECE_BYTES
        self.reads += 1
        self.bytes_read += length
        if self._again:
            begin = offset % len(self._data)
            copies = (begin + length) // len(self._data) + 1
            return (self._data * copies)[begin : begin + length]
        piece = self._data[offset : offset + length]
        return piece.ljust(length, b"\0") if self._zeros else piece


def walked(kind: str, disk: Disk) -> Container:
    """The walk of one container kind: its answer makes sense and its work is bounded."""
    found = look(kind, disk.read, disk.size_bytes)
    assert found is not None
    assert found.complete == (not found.why)
    assert found.duration_ms is None or 0 < found.duration_ms < MAX_MS
    assert disk.reads <= MAX_READS
    assert disk.bytes_read <= MAX_BYTES
    return found


def mp4(data: bytes) -> None:
    walked("mp4", Disk(data))


def ts(data: bytes) -> None:
    walked("ts", Disk(data))


def mkv(data: bytes) -> None:
    walked("mkv", Disk(data))


def avi(data: bytes) -> None:
    walked("avi", Disk(data))


def budget(data: bytes) -> None:
    """Files of terabytes: the first two bytes say of which kind, and how it goes on."""
    kind = ("mp4", "ts", "mkv", "avi")[data[0] % 4 if data else 0]
    goes_on = ("again", "zeros", "nothing")[data[1] % 3 if len(data) > 1 else 0]
    walked(kind, Disk(data[2:], goes_on))


def layout(data: bytes) -> None:
    """A template, a zone and paths, divided by zero bytes. Each path also comes in many
    copies, which no template may take long over."""
    template, _, rest = data.decode("utf-8", "surrogateescape").partition("\0")
    zone, _, paths = rest.partition("\0")
    for time_from, camera in (("name", ""), ("mtime", "front")):
        try:
            ready = Layout.parse(template, zone, time=time_from, camera=camera)
        except BadLayout:
            continue
        for path in paths.split("\0")[:4]:
            for written_ms in (None, 1_795_258_800_000):
                named = ready.match(path, written_ms)
                assert named is None or time_from == "mtime" or named.start_ms is not None
            for length in (128, 255, 1024):
                began = time.thread_time()
                ready.match((path * 100)[:length])
                assert time.thread_time() - began < SLOW_S, "a match takes too long"


def config(data: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=_memory()) as file:
        file.write(data)
        file.flush()
        try:
            load(Path(file.name), {})
        except BadConfig:
            return


def _memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


HARNESSES: dict[str, Callable[[bytes], None]] = {
    "mp4": mp4,
    "ts": ts,
    "mkv": mkv,
    "avi": avi,
    "budget": budget,
    "layout": layout,
    "config": config,
}
