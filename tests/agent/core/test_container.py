import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layover_agent.core.container import Container, Read, look


def box(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def wide_box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4sQ", 1, kind, 16 + len(body)) + body


def mvhd(duration: int, scale: int = 1000, version: int = 0) -> bytes:
    times = struct.pack(">QQIQ" if version else ">IIII", 0, 0, scale, duration)
    return box(b"mvhd", bytes([version, 0, 0, 0]) + times + bytes(80))


def moov(duration: int, **more: int) -> bytes:
    return box(b"moov", box(b"free", b"12") + mvhd(duration, **more))


FTYP = box(b"ftyp", b"isom0000")
MDAT = box(b"mdat", b"v" * 100)
MOOF = box(b"moof", b"m" * 20)


def reader(data: bytes) -> Read:
    return lambda at, n: data[at : at + n]


def walk(data: bytes) -> Container:
    return look(reader(data), len(data))


WHOLE = {
    "index last": (FTYP + MDAT + moov(2000), 2000),
    "index first": (FTYP + moov(2000) + MDAT, 2000),
    "another time scale": (FTYP + MDAT + moov(180_000, scale=90_000), 2000),
    "version 1": (FTYP + MDAT + moov(2000, version=1), 2000),
    "a 64 bit length": (FTYP + wide_box(b"mdat", b"v" * 100) + moov(2000), 2000),
    "fragments without duration": (FTYP + moov(0) + (MOOF + MDAT) * 3, None),
    "fragments with duration": (FTYP + moov(2000) + MOOF + MDAT, 2000),
    "free space in between": (FTYP + box(b"free", bytes(50)) + MDAT + moov(2000), 2000),
}
CUT = {
    "nothing": b"",
    "no index": FTYP + MDAT,
    "no media": FTYP + moov(2000),
    "index first, media cut": FTYP + moov(2000) + MDAT[:-1],
    "media to the end of the file": FTYP + box(b"free") + struct.pack(">I4s", 0, b"mdat") + b"vvv",
    "a box shorter than its header": FTYP + struct.pack(">I4s", 7, b"mdat") + moov(2000),
    "a wide box shorter than its header": FTYP + struct.pack(">I4sQ", 1, b"mdat", 15) + bytes(50),
    "a length of 2^64-1": FTYP + struct.pack(">I4sQ", 1, b"mdat", (1 << 64) - 1) + bytes(50),
    "the last fragment cut": FTYP + moov(0) + MOOF + MDAT + MOOF + MDAT[:-1],
    "a fragment without its media": FTYP + moov(0) + MOOF + MDAT + MOOF,
    "no duration and no fragments": FTYP + MDAT + moov(0),
    "a duration that means unknown": FTYP + MDAT + moov(0xFFFFFFFF),
    "a time scale of zero": FTYP + MDAT + moov(2000, scale=0),
    "seven bytes behind": FTYP + MDAT + moov(2000) + bytes(7),
    "zeros": bytes(4096),
}


@pytest.mark.parametrize("case", WHOLE)
def test_whole(case: str) -> None:
    data, duration_ms = WHOLE[case]
    found = walk(data)
    assert (found.complete, found.duration_ms, found.why) == (True, duration_ms, "")


@pytest.mark.parametrize("case", CUT)
def test_cut_short(case: str) -> None:
    found = walk(CUT[case])
    assert not found.complete
    assert found.duration_ms is None
    assert found.why


def test_a_real_file(mp4: bytes) -> None:
    assert walk(mp4) == Container(True, 2000)


def test_a_real_fragmented_file(fragmented_mp4: bytes) -> None:
    assert walk(fragmented_mp4).complete


@settings(deadline=None, max_examples=60)
@given(st.floats(0, 1, exclude_max=True))
def test_no_part_of_a_plain_file_is_whole(mp4: bytes, part: float) -> None:
    assert not walk(mp4[: int(len(mp4) * part)]).complete


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=300))
def test_any_bytes_have_an_answer(data: bytes) -> None:
    walk(data)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 500), st.integers(0, 255))
def test_a_flipped_byte_never_breaks_the_walk(at: int, value: int) -> None:
    data = bytearray(FTYP + moov(0) + MOOF + MDAT + moov(2000))
    data[at % len(data)] = value
    walk(bytes(data))


def test_a_file_of_a_million_tiny_boxes_is_given_up() -> None:
    reads = 0

    def tiny(_at: int, _n: int) -> bytes:
        nonlocal reads
        reads += 1
        return box(b"free")

    assert not look(tiny, 8_000_000).complete
    assert reads <= 200_000


def test_an_absurd_duration_is_not_believed() -> None:
    assert walk(FTYP + MDAT + moov(1 << 62, scale=1, version=1)).duration_ms is None
