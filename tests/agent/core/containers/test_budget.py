"""What a first look costs: 100,000 recordings within a minute, on disks that seek."""

import struct
import tracemalloc

import pytest
from agent.core.containers import avi_bytes, mkv_bytes, mp4_bytes, ts_bytes
from agent.core.containers.memory import Bytes

from layover_agent.core.containers import look
from layover_agent.core.containers.window import PIECE_BYTES

MEDIA = mp4_bytes.box(b"mdat", bytes(3 << 20))
PART = mp4_bytes.box(b"mdat", bytes(20_000))
BIG_INDEX = mp4_bytes.box(b"moov", mp4_bytes.mvhd(2000), mp4_bytes.trak(1, 1000, 2000), MEDIA)
FILES = {
    "plain": ("mp4", mp4_bytes.FTYP + MEDIA + mp4_bytes.moov(2000), 2, 8_192),
    "an index of megabytes": ("mp4", mp4_bytes.FTYP + MEDIA + BIG_INDEX, 3, 12_288),
    "a minute in parts of a second": (
        "mp4",
        mp4_bytes.FTYP + mp4_bytes.movie_of_fragments() + mp4_bytes.fragments(60, media=PART),
        24,
        24 * 4096 + PIECE_BYTES,
    ),
    "an hour in parts of a second": (
        "mp4",
        mp4_bytes.FTYP + mp4_bytes.movie_of_fragments() + mp4_bytes.fragments(3600, media=PART),
        24,
        24 * 4096 + PIECE_BYTES,
    ),
    "transport stream": ("ts", ts_bytes.stream(60) * 9, 2, 2 * PIECE_BYTES),
    "Matroska": ("mkv", mkv_bytes.whole(mkv_bytes.info(2000), mkv_bytes.TWO * 500), 1, 4096),
    "AVI": ("avi", avi_bytes.avi(avi_bytes.header(avi_bytes.stream(50)), avi_bytes.MOVIE), 1, 4096),
}


@pytest.mark.parametrize("name", FILES)
def test_reads(name: str) -> None:
    kind, data, reads, bytes_read = FILES[name]
    file = Bytes(data)
    found = look(kind, file.read, len(data))
    assert found is not None
    assert found.complete
    assert file.reads <= reads
    assert file.bytes_read <= bytes_read
    assert file.asked <= PIECE_BYTES


def test_memory_stays_small_whatever_the_tables_are() -> None:
    """A cut file whose index lists many samples, and says that there are four billion."""
    table = struct.pack(">III", 0, 0, 0xFFFFFFFF) + struct.pack(">I", 9) * 150_000
    tables = mp4_bytes.box(
        b"stbl",
        mp4_bytes.full(b"stts", struct.pack(">I", 0xFFFFFFFF) + struct.pack(">II", 1, 1) * 75_000),
        mp4_bytes.full(b"stsc", struct.pack(">IIII", 1, 1, 1 << 30, 1)),
        mp4_bytes.box(b"stsz", table),
        mp4_bytes.full(b"stco", struct.pack(">II", 1, 100)),
    )
    mdhd = mp4_bytes.full(b"mdhd", mp4_bytes.times(1000, 1000) + bytes(4))
    mdia = mp4_bytes.box(b"mdia", mdhd, mp4_bytes.box(b"minf", tables))
    moov = mp4_bytes.box(b"moov", mp4_bytes.mvhd(2000), mp4_bytes.box(b"trak", mdia))
    data = mp4_bytes.FTYP + moov + mp4_bytes.MDAT[:-1]
    file = Bytes(data)
    tracemalloc.start()
    try:
        found = look("mp4", file.read, len(data))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found is not None
    assert not found.complete
    assert most < 400_000
