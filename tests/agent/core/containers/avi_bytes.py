"""AVI by hand, chunk by chunk."""

import struct


def chunk(kind: bytes, body: bytes, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return struct.pack("<4sI", kind, size) + body + b"\0" * (len(body) % 2)


def listed(kind: bytes, form: bytes, *bodies: bytes, length: int | None = None) -> bytes:
    return chunk(kind, form + b"".join(bodies), length)


def stream(frames: int, scale: int = 1, rate: int = 25, kind: bytes = b"vids") -> bytes:
    strh = kind + b"H264" + bytes(12) + struct.pack("<IIII", scale, rate, 0, frames) + bytes(20)
    return listed(b"LIST", b"strl", chunk(b"strh", strh), chunk(b"strf", bytes(40)))


def header(*streams: bytes) -> bytes:
    return listed(b"LIST", b"hdrl", chunk(b"avih", bytes(56)), *streams)


MOVIE = listed(b"LIST", b"movi", chunk(b"00dc", bytes(101)))
INDEX = chunk(b"idx1", bytes(16))


def avi(*parts: bytes, length: int | None = None) -> bytes:
    return listed(b"RIFF", b"AVI ", *parts, length=length)


MORE = listed(b"RIFF", b"AVIX", MOVIE)
