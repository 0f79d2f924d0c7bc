"""Containers by hand, byte by byte, and by ffmpeg; and what a decoder says of them."""

import struct
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import av

from layover_agent.core.containers import Container, look

SOURCES = [
    *("-f", "lavfi", "-i", "testsrc2=s=160x120:r=25"),
    *("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"),
]
CODECS = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-b:v", "300k", "-c:a", "aac"]


@dataclass
class Bytes:
    """A file in memory that counts what is read of it."""

    data: bytes
    reads: int = 0
    bytes_read: int = 0
    asked: int = 0
    """The most that was asked for at once."""
    spans: list[tuple[int, int]] = field(default_factory=list)

    def read(self, offset: int, length: int) -> bytes:
        assert offset >= 0
        assert length > 0
        self.reads += 1
        self.asked = max(self.asked, length)
        self.bytes_read += length
        self.spans.append((offset, length))
        return self.data[offset : offset + length]


def seen(kind: str, data: bytes) -> Container:
    """What the walker of that kind says."""
    found = look(kind, Bytes(data).read, len(data))
    assert found is not None
    return found


def box(kind: bytes, *bodies: bytes) -> bytes:
    body = b"".join(bodies)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def wide_box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4sQ", 1, kind, 16 + len(body)) + body


def full(kind: bytes, body: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), body)


def times(scale: int, duration: int, version: int = 0, created: int = 0) -> bytes:
    return struct.pack(">QQIQ" if version else ">IIII", created, created, scale, duration)


def mvhd(duration: int, scale: int = 1000, version: int = 0, created: int = 0) -> bytes:
    return full(b"mvhd", times(scale, duration, version, created) + bytes(80), version)


def trak(track_id: int = 1, scale: int = 1000, duration: int = 0, *more: bytes) -> bytes:
    tkhd = full(b"tkhd", struct.pack(">IIIII", 0, 0, track_id, 0, duration) + bytes(60))
    mdhd = full(b"mdhd", times(scale, duration) + bytes(4))
    return box(b"trak", tkhd, *more, box(b"mdia", mdhd, box(b"minf", box(b"stbl"))))


def moov(duration: int, scale: int = 1000, version: int = 0, created: int = 0) -> bytes:
    return box(b"moov", box(b"free", b"12"), mvhd(duration, scale, version, created), trak())


def trex(track_id: int = 1, sample_units: int = 40) -> bytes:
    return full(b"trex", struct.pack(">IIIII", track_id, 1, sample_units, 0, 0))


def movie_of_fragments(
    duration: int = 0, *more: bytes, scale: int = 1000, sample_units: int = 40
) -> bytes:
    mvex = box(b"mvex", trex(1, sample_units))
    return box(b"moov", mvhd(duration), trak(1, scale), mvex, *more)


def moof(begin: int, samples: int = 25, track_id: int = 1, *, listed: int = 0) -> bytes:
    """A fragment of one track; ``listed``: the length of each sample is written out."""
    tfhd = full(b"tfhd", struct.pack(">I", track_id), flags=0x20000)
    tfdt = full(b"tfdt", struct.pack(">Q", begin), version=1)
    entries = struct.pack(">II", listed, 9) * samples if listed else b""
    flags = 0x301 if listed else 0x1
    trun = full(b"trun", struct.pack(">Ii", samples, 0) + entries, flags=flags)
    return box(b"moof", full(b"mfhd", bytes(4)), box(b"traf", tfhd, tfdt, trun))


FTYP = box(b"ftyp", b"isom0000")
MDAT = box(b"mdat", b"v" * 100)


def fragments(count: int, each_ms: int = 1000, after_ms: int = 0, media: bytes = MDAT) -> bytes:
    """So many whole pairs of ``moof`` and ``mdat``, 25 samples of 40 ms each by default."""
    return b"".join(moof(after_ms + n * each_ms, each_ms // 40) + media for n in range(count))


def ffmpeg(path: Path, seconds: float, *options: str) -> Path:
    """A real file; the format by its name."""
    run = ["ffmpeg", "-v", "error", "-y", *SOURCES, "-t", str(seconds), *CODECS, *options]
    subprocess.run([*run, str(path)], check=True, timeout=120)
    return path


def decoded_ms(path: Path) -> int:
    """How long the pictures are that a decoder gets out of what is there."""
    begin = end = step = None
    with av.open(str(path)) as media:
        stream = media.streams.video[0]
        try:
            for packet in media.demux(stream):
                if packet.pts is None or packet.is_corrupt:
                    continue
                begin = packet.pts if begin is None else min(begin, packet.pts)
                end = packet.pts if end is None else max(end, packet.pts)
                step = packet.duration or step
        except av.error.FFmpegError:
            pass
        assert begin is not None
        assert end is not None
        return round((end - begin + (step or 0)) * stream.time_base * 1000)
