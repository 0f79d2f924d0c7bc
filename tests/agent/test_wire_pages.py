"""Manifest pages on the wire: what goes in comes out, in few bytes, and lies are refused."""

import random
import zlib
from dataclasses import replace

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layover_agent.wire.codec import MAX_MESSAGE_BYTES, MalformedMessage, decode, encode
from layover_agent.wire.pages import Frames, PackedPage, framed, packed, unpacked
from layover_agent.wire.types import ManifestPage, Recording, RecordingState

MS = st.integers(-(2**53), 2**53)
WORD = st.text(st.characters(codec="utf-8"), max_size=20)
ROWS = st.builds(
    Recording,
    id=st.binary(min_size=16, max_size=16).map(bytes.hex),
    seq=st.integers(0, 2**53),
    state=st.sampled_from(RecordingState),
    camera=WORD,
    start_ms=MS,
    end_ms=MS,
    size_bytes=st.integers(0, 2**60),
    container=WORD,
    end_source=WORD,
    confidence=WORD,
    start_source=WORD,
    kind=WORD,
    locked=st.booleans(),
    damaged=st.booleans(),
    held=st.booleans(),
    boot_id=WORD,
    closed_mono_ms=MS,
    gone_ms=MS,
)
PAGES = st.builds(
    ManifestPage,
    epoch=WORD,
    head_seq=st.integers(0, 2**53),
    as_of_ms=MS,
    rows=st.lists(ROWS, max_size=30),
)


@given(PAGES)
def test_what_goes_in_comes_out(page: ManifestPage) -> None:
    assert unpacked(packed(page)) == page


def day(rows: int, seed: int = 1) -> ManifestPage:
    """What a bus with ten cameras records: minutes, a little uneven, of some megabytes."""
    chance = random.Random(seed)
    starts = dict.fromkeys(range(10), 1_795_000_000_000)
    made = []
    for seq in range(1, rows + 1):
        camera = seq % 10
        lasts_ms = 60_000 + chance.randrange(-80, 80)
        made.append(
            Recording(
                id=chance.randbytes(16).hex(),
                seq=seq,
                state=RecordingState.PRESENT,
                camera=f"camera {camera}",
                start_ms=starts[camera],
                end_ms=starts[camera] + lasts_ms,
                size_bytes=chance.randrange(4_000_000, 9_000_000),
                container="mp4",
                end_source="container",
                confidence="sure",
                boot_id="11111111-2222-3333-4444-555555555555",
                closed_mono_ms=starts[camera] - 1_790_000_000_000 + lasts_ms,
            )
        )
        starts[camera] += lasts_ms + chance.randrange(0, 40)
    return ManifestPage(epoch="e", head_seq=rows, as_of_ms=1, rows=made)


def test_a_page_of_a_thousand_is_small() -> None:
    assert len(packed(day(1000))) < 30_000


def test_a_hundred_new_ones_are_small() -> None:
    assert len(framed(packed(day(100)))) < 8_000


def test_an_id_that_is_none_cannot_be_sent() -> None:
    page = day(1)
    with pytest.raises(ValueError, match="no recording"):
        packed(replace(page, rows=[replace(page.rows[0], id="../../etc/passwd")]))


def test_a_newer_end_may_say_more() -> None:
    """Columns that nobody here knows come behind those that we know."""
    page = day(3)
    plain = decode(PackedPage, packed(page))
    more = zlib.compress(zlib.decompress(plain.columns) + b"\x07" * 24)
    newer = replace(plain, column_count=plain.column_count + 1, columns=more)
    assert unpacked(encode(newer)) == page


def lies() -> dict[str, PackedPage]:
    plain = decode(PackedPage, packed(day(3)))
    raw = zlib.decompress(plain.columns)
    bomb = zlib.compress(b"\0" * 50_000_000)
    return {
        "fewer columns than there are": replace(plain, column_count=13),
        "columns without end": replace(plain, column_count=10**6),
        "more rows than a page has": replace(plain, count=1001),
        "fewer rows than none": replace(plain, count=-1),
        "rows without ids": replace(plain, count=4),
        "columns that unfold to 50 MB": replace(plain, columns=bomb),
        "columns cut off": replace(plain, columns=plain.columns[:-4]),
        "columns that are too short": replace(plain, columns=zlib.compress(raw[:-1])),
        "something behind the columns": replace(plain, columns=plain.columns + b"x"),
        "columns that are noise": replace(plain, columns=b"\x01\x02\x03"),
        "a word that is not there": replace(plain, words=plain.words[:1]),
        "a word before the first": replace(plain, columns=zlib.compress(b"\x01" * len(raw))),
    }


@pytest.mark.parametrize("lie", lies().values(), ids=lies().keys())
def test_a_lie_is_refused(lie: PackedPage) -> None:
    with pytest.raises(MalformedMessage):
        unpacked(encode(lie))


@given(st.binary(max_size=300))
def test_noise_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        unpacked(data)


@given(st.lists(st.binary(max_size=40), max_size=8), st.randoms(use_true_random=False))
def test_frames_come_whole_however_they_arrive(pages: list[bytes], chance: random.Random) -> None:
    stream = b"".join(map(framed, pages))
    frames, got = Frames(), []
    while stream:
        at = chance.randint(1, len(stream))
        got += frames.fed(stream[:at])
        stream = stream[at:]
    assert got == pages
    assert frames.empty


def test_a_frame_that_is_too_long_is_refused_before_it_arrives() -> None:
    with pytest.raises(MalformedMessage):
        list(Frames().fed((MAX_MESSAGE_BYTES + 1).to_bytes(4, "big")))


def test_a_message_of_another_kind_is_no_page() -> None:
    with pytest.raises(MalformedMessage):
        unpacked(msgpack.packb({"epoch": "e"}))
