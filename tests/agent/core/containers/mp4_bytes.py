"""MP4 by hand, box by box."""

import struct


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
