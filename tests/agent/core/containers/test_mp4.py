import struct

import pytest
from agent.core.containers.memory import seen
from agent.core.containers.mp4_bytes import (
    FTYP,
    MDAT,
    box,
    fragments,
    full,
    moof,
    moov,
    movie_of_fragments,
    mvhd,
    trak,
    wide_box,
)
from hypothesis import given
from hypothesis import strategies as st

FREE = box(b"free", bytes(50))
START_NS = 1_795_258_800_123_456_789
MTXI = box(b"udta", full(b"mtxi", bytes(16) + struct.pack(">Qqq", 3, 5_000_000_000, START_NS)))
SIDX = struct.pack(">IIIIHH", 1, 1000, 0, 0, 0, 1)


def sidx(bytes_listed: int) -> bytes:
    return full(b"sidx", SIDX + struct.pack(">III", bytes_listed, 1000, 0))


def late(wait: int, duration: int) -> bytes:
    """A movie that begins with nothing, as ffmpeg's segments on the stream's own clock do."""
    edits = struct.pack(">IIiIIiI", 2, wait, -1, 1 << 16, duration, 0, 1 << 16)
    track = trak(1, 1000, duration, box(b"edts", full(b"elst", edits)))
    return box(b"moov", mvhd(wait + duration), track)


WHOLE = {
    "index last": (FTYP + MDAT + moov(2000), 2000),
    "index first": (FTYP + moov(2000) + MDAT, 2000),
    "another time scale": (FTYP + MDAT + moov(180_000, scale=90_000), 2000),
    "version 1": (FTYP + MDAT + moov(2000, version=1), 2000),
    "a 64 bit length": (FTYP + wide_box(b"mdat", b"v" * 100) + moov(2000), 2000),
    "free space in between": (FTYP + FREE + MDAT + moov(2000), 2000),
    "wide, uuid and skip": (
        FTYP + box(b"wide") + MDAT + box(b"uuid", bytes(30)) + moov(2000) + box(b"skip"),
        2000,
    ),
    "QuickTime without ftyp": (box(b"wide") + MDAT + moov(2000), 2000),
    "only the track knows its length": (
        FTYP + MDAT + box(b"moov", mvhd(0), trak(1, 90_000, 180_000)),
        2000,
    ),
    "a beginning without anything does not count": (FTYP + MDAT + late(4021, 4001), 4001),
    "zeros behind, preallocated": (FTYP + MDAT + moov(2000) + bytes(4096), 2000),
    "fragments": (FTYP + movie_of_fragments() + fragments(3), 3000),
    "fragments whose clock runs on": (
        FTYP + movie_of_fragments() + fragments(3, after_ms=3_600_000),
        3000,
    ),
    "fragments that list their samples": (
        FTYP + movie_of_fragments(sample_units=0) + moof(0, 10, listed=100) + MDAT,
        1000,
    ),
    "fragments behind samples of the index": (
        FTYP + MDAT + box(b"moov", mvhd(1000), trak(1, 1000, 1000)) + moof(1000) + MDAT,
        1000,
    ),
    "a duration in the header of fragments": (FTYP + movie_of_fragments(2000) + fragments(2), 2000),
    "fragments nobody can time": (
        FTYP + moov(0) + (box(b"moof", b"m" * 20) + MDAT) * 3,
        None,
    ),
    "fragments with an index of them": (
        FTYP + movie_of_fragments() + sidx(len(fragments(2))) + fragments(2),
        2000,
    ),
    "a bare segment": (box(b"styp", b"msdh0000") + fragments(2), None),
    "a bare segment with an index": (
        box(b"styp", b"msdh0000") + sidx(len(moof(0) + MDAT)) + moof(5000) + MDAT,
        None,
    ),
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
    "a length of 2^63": FTYP + struct.pack(">I4sQ", 1, b"mdat", 1 << 63) + bytes(50),
    "no duration and no fragments": FTYP + MDAT + moov(0),
    "a duration that means unknown": FTYP + MDAT + moov(0xFFFFFFFF),
    "a time scale of zero": FTYP + MDAT + moov(2000, scale=0),
    "seven bytes behind": FTYP + MDAT + moov(2000) + bytes(6) + b"x",
    "zeros": bytes(4096),
    "an index of zeros": FTYP + MDAT + struct.pack(">I4s", 500, b"moov") + bytes(492),
    "an absurd duration": FTYP + MDAT + moov(1 << 62, scale=1, version=1),
    "a placeholder, then fragments (Kerberos)": box(b"free", bytes(2600)) + fragments(3),
    "a movie without its first fragment": FTYP + movie_of_fragments(),
}
FRAGMENTS_CUT = {
    "the last media cut": (FTYP + movie_of_fragments() + fragments(3)[:-1], 2000),
    "the last fragment without media": (
        FTYP + movie_of_fragments() + fragments(2) + moof(2000),
        2000,
    ),
    "the last fragment cut": (FTYP + movie_of_fragments() + fragments(2) + moof(2000)[:-9], 2000),
    "a header cut": (FTYP + movie_of_fragments() + fragments(2) + b"\0\0\0", 2000),
    "zeros behind": (FTYP + movie_of_fragments() + fragments(2) + bytes(5000), 2000),
    "less than the header says": (FTYP + movie_of_fragments(3000) + fragments(2), 2000),
    "less than the segment index says": (
        FTYP + movie_of_fragments() + sidx(len(fragments(3))) + fragments(2),
        2000,
    ),
    "MediaMTX did not close it": (FTYP + movie_of_fragments(0, MTXI) + fragments(2), 2000),
}


@pytest.mark.parametrize("case", WHOLE)
def test_whole(case: str) -> None:
    data, duration_ms = WHOLE[case]
    found = seen("mp4", data)
    assert (found.complete, found.why) == (True, "")
    if "bare" not in case:
        assert found.duration_ms == duration_ms
        assert found.playable


@pytest.mark.parametrize("case", CUT)
def test_cut_short(case: str) -> None:
    found = seen("mp4", CUT[case])
    assert not found.complete
    assert found.duration_ms is None
    assert found.why
    assert not found.playable


@pytest.mark.parametrize("case", FRAGMENTS_CUT)
def test_fragments_cut_short(case: str) -> None:
    data, duration_ms = FRAGMENTS_CUT[case]
    found = seen("mp4", data)
    assert not found.complete
    assert found.duration_ms == duration_ms
    assert found.why
    assert found.playable


def test_a_bare_segment_is_timed_by_its_own_index() -> None:
    data = box(b"styp", b"msdh0000") + sidx(200) + moof(5000, 25, listed=40) + b""
    found = seen("m4s", data + MDAT)
    assert (found.complete, found.duration_ms, found.playable) == (True, 1000, None)


def test_mediamtx_writes_when_it_began() -> None:
    found = seen("mp4", FTYP + movie_of_fragments(2000, MTXI) + fragments(2))
    assert (found.complete, found.start_ms) == (True, START_NS // 1_000_000)


CREATED = {"nothing": (0, None), "2026": (3_878_103_600, 1_795_258_800_000), "1950": (1, None)}


@pytest.mark.parametrize("case", CREATED)
def test_creation_time_counts_from_1904(case: str) -> None:
    created, creation_ms = CREATED[case]
    assert seen("mov", FTYP + MDAT + moov(2000, created=created)).creation_ms == creation_ms


@pytest.mark.parametrize("count", [15, 16, 17, 18, 60, 4000])
def test_a_long_file_of_fragments_is_timed_by_its_end(count: int) -> None:
    data = FTYP + movie_of_fragments() + fragments(count)
    assert seen("mp4", data).duration_ms == count * 1000
    cut = seen("mp4", data[:-1])
    assert (cut.complete, cut.duration_ms) == (False, (count - 1) * 1000)


def test_a_long_file_of_uneven_fragments_is_timed_by_its_end() -> None:
    small, big = fragments(20), fragments(1, after_ms=20_000, media=box(b"mdat", bytes(900_000)))
    data = FTYP + movie_of_fragments() + small + big
    assert seen("mp4", data).duration_ms == 21_000


@given(st.integers(0, 2000), st.integers(0, 255))
def test_a_changed_byte_never_breaks_the_walk(at: int, value: int) -> None:
    data = bytearray(FTYP + movie_of_fragments(2000, MTXI) + sidx(99) + fragments(2) + moov(2000))
    data[at % len(data)] = value
    seen("mp4", bytes(data))


@given(st.binary(max_size=300), st.sampled_from(["mp4", "ts", "m2ts", "mkv", "avi"]))
def test_any_bytes_have_an_answer(data: bytes, kind: str) -> None:
    seen(kind, data)
