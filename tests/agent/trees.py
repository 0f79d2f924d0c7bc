"""Folders as recorders leave them: real small videos under the names of the recorders' examples."""

import datetime as dt
import io
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import av
import numpy as np

from layover_agent.recorders import Recorder

_FORMATS = {
    "mp4": ("mp4", "libx264"), "mov": ("mov", "libx264"), "mkv": ("matroska", "libx264"),
    "ts": ("mpegts", "libx264"), "avi": ("avi", "mpeg4"),
}  # fmt: skip


@cache
def video(ending: str) -> bytes:
    """Two seconds; of an ending that no container here has, bytes that are no video."""
    if ending.lower() not in _FORMATS:
        return b"no container" * 500
    kind, codec = _FORMATS[ending.lower()]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        random = np.random.default_rng(1)
        for _ in range(20):
            picture = random.integers(0, 40, (48, 64, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def put(root: Path, path: str, written: dt.datetime, data: bytes | None = None) -> Path:
    """A recording that was last written at a time."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(video(file.suffix[1:]) if data is None else data)
    at_ns = int(written.timestamp() * 10**9)
    os.utime(file, ns=(at_ns, at_ns))
    return file


def planted(root: Path, recorder: Recorder, beside: Mapping[str, bytes]) -> None:
    """The examples of a recorder as files, with what lies beside them."""
    end = dt.datetime(2026, 11, 21, 10, 0, 3, tzinfo=dt.UTC)
    for example in recorder.examples:
        start = dt.datetime.fromisoformat(example.start) if example.start else end
        put(root, example.path, start + dt.timedelta(seconds=2))
    for path, data in beside.items():
        put(root, path, end, data)
