"""A folder full of recordings, made fast: every file a valid MP4 with bytes of its own.

One real H.264 movie is the mould. Per recording its clocks and durations are set to the
recording's, and random bytes and a hole of random size follow its frames, so that sizes and digests
differ while little disk is used.
"""

import os
import random
import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from layover_sim.recorder_settings import name_of

FRAMES = 5
CAMERAS = 16
SEGMENT_MS = 60_000
JITTER_MS = 500
"""A segment ends with the first key frame after its time: by so much longer at most."""
LONGEST_MS = SEGMENT_MS + JITTER_MS
OWN_BYTES = 64
MAX_HOLE_BYTES = 1 << 16
MP4_EPOCH_S = 2_082_844_800
"""1904-01-01 to 1970-01-01: what MP4 clocks count from (ISO/IEC 14496-12, 8.2.2)."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording to be written."""

    camera: str
    start_ms: int
    duration_ms: int
    hole_bytes: int


class Mould:
    """A small real movie, cut to any start and duration."""

    def __init__(self) -> None:
        self._movie = bytearray(_movie())
        self._mvhd, self._tkhd, self._mdhd = (
            self._movie.index(kind) + 4 for kind in (b"mvhd", b"tkhd", b"mdhd")
        )
        self._stts, self._elst = (self._movie.index(kind) + 4 for kind in (b"stts", b"elst"))
        self._mdat = self._movie.index(b"mdat") - 4
        (self._movie_scale,) = struct.unpack_from(">I", self._movie, self._mvhd + 12)
        (self._track_scale,) = struct.unpack_from(">I", self._movie, self._mdhd + 12)

    def movie(self, start_ms: int, duration_ms: int, tail_bytes: int) -> bytes:
        """The movie, before ``tail_bytes`` more of media data that are for the caller to write."""
        movie = self._movie
        clock_s = start_ms // 1000 + MP4_EPOCH_S
        step = duration_ms * self._track_scale // 1000 // FRAMES
        whole = duration_ms * self._movie_scale // 1000
        for header in (self._mvhd, self._tkhd, self._mdhd):
            struct.pack_into(">II", movie, header + 4, clock_s, clock_s)
        struct.pack_into(">I", movie, self._mvhd + 16, whole)
        struct.pack_into(">I", movie, self._tkhd + 20, whole)
        struct.pack_into(">I", movie, self._mdhd + 16, step * FRAMES)
        struct.pack_into(">III", movie, self._stts + 4, 1, FRAMES, step)
        struct.pack_into(">I", movie, self._elst + 8, whole)
        struct.pack_into(">I", movie, self._mdat, len(movie) - self._mdat + tail_bytes)
        return bytes(movie)


class Folder:
    """Recordings written into a recorder's folder, each camera's one after another."""

    def __init__(self, folder: Path, first_ms: int) -> None:
        self.folder = folder
        self._mould = Mould()
        self._chance = random.Random(1)
        self._due = [(first_ms + 1000 * i, f"cam-{i:02}") for i in range(CAMERAS)]

    @property
    def last_end_ms(self) -> int:
        """When the latest of what is there ends; all that is written from now on ends later."""
        return max(due_ms for due_ms, _ in self._due)

    def write(self, count: int) -> None:
        """So many more recordings, by all cameras in turn; closed when this returns."""
        for recorded in self._next(count):
            self._write(recorded)

    def _next(self, count: int) -> Iterator[Recorded]:
        for nth in range(count):
            start_ms, camera = self._due[nth % CAMERAS]
            duration_ms = SEGMENT_MS + self._chance.randrange(JITTER_MS)
            self._due[nth % CAMERAS] = (start_ms + duration_ms, camera)
            yield Recorded(camera, start_ms, duration_ms, self._chance.randrange(MAX_HOLE_BYTES))

    def _write(self, one: Recorded) -> None:
        path = self.folder / name_of(one.camera, one.start_ms)
        own = self._chance.randbytes(OWN_BYTES)
        movie = self._mould.movie(one.start_ms, one.duration_ms, one.hole_bytes + len(own))
        try:
            file = path.open("wb", buffering=0)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("wb", buffering=0)
        with file:
            file.write(movie + own)
            file.truncate(len(movie) + len(own) + one.hole_bytes)
            end_ns = (one.start_ms + one.duration_ms) * 1_000_000
            os.utime(file.fileno(), ns=(end_ns, end_ns))

    def write_large(self, camera: str, start_ms: int, size_bytes: int) -> Path:
        """A recording of about that size, without a hole: what a long download takes."""
        path = self.folder / name_of(camera, start_ms)
        path.parent.mkdir(parents=True, exist_ok=True)
        block_bytes = 1 << 20
        blocks = max(1, size_bytes // block_bytes)
        with path.open("wb") as file:
            file.write(self._mould.movie(start_ms, SEGMENT_MS, blocks * block_bytes))
            for _ in range(blocks):
                file.write(self._chance.randbytes(block_bytes))
            file.flush()
            end_ns = (start_ms + SEGMENT_MS) * 1_000_000
            os.utime(file.fileno(), ns=(end_ns, end_ns))
        return path

    def out_of_cache(self) -> None:
        """Has the contents written to the disk and dropped from the page cache, as far as the
        kernel obliges; names and inodes stay in memory."""
        os.sync()
        for parent, _, names in os.walk(self.folder):
            for name in names:
                handle = os.open(f"{parent}/{name}", os.O_RDONLY)
                os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
                os.close(handle)


def _movie() -> bytes:
    """A real movie with its index in front (moov before mdat), a few kB."""
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        with av.open(file.name, "w", format="mp4", options={"movflags": "faststart"}) as container:
            stream = container.add_stream("libx264", rate=FRAMES)
            stream.width, stream.height, stream.pix_fmt = 128, 72, "yuv420p"
            stream.options = {"preset": "ultrafast", "tune": "zerolatency"}
            for nth in range(FRAMES):
                picture = np.full((72, 128, 3), 40 * nth, dtype=np.uint8)
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return Path(file.name).read_bytes()
