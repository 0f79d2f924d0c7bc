import struct

import pytest
from agent.core.containers.memory import seen
from agent.core.containers.mkv_bytes import (
    DURATION,
    HEAD,
    INFO,
    LATE,
    TRACKS,
    TWO,
    VOID,
    cluster,
    element,
    info,
    unclosed,
    whole,
)
from hypothesis import given
from hypothesis import strategies as st

WHOLE = {
    "closed": (whole(info(2000), TWO), 2000),
    "another tick": (whole(info(4000, 500_000), TWO), 2000),
    "a duration of four bytes": (
        whole(element(INFO, element(DURATION, struct.pack(">f", 2000))), TWO),
        2000,
    ),
    "space and tracks before": (
        whole(element(VOID, bytes(9000)), info(2000), element(TRACKS, bytes(9)), TWO),
        2000,
    ),
    "late times, the header has the end (ffmpeg)": (whole(info(62_000), LATE), 2000),
    "late times, the header has the length (GStreamer)": (whole(info(2000), LATE), 2000),
}
CUT = {
    "killed": (unclosed(info(60_000), TWO), 2000, True),
    "killed within a block": (unclosed(info(60_000), TWO[:-1]), 1960, True),
    "killed with blocks in groups": (unclosed(info(60_000), cluster(0, groups=True)), 1000, True),
    "killed on the stream's own clock": (unclosed(info(1), LATE), 2000, True),
    "clusters without length": (
        unclosed(cluster(0, sized=False) + cluster(1000, sized=False)),
        2000,
        True,
    ),
    "cut": (whole(info(2000), TWO)[:-1], 1960, True),
    "cut in the first cluster": (whole(info(9000), cluster(0, 3) + cluster(120))[:200], None, True),
    "no clusters": (whole(info(2000)), None, False),
    "no duration": (whole(TWO), None, True),
    "a duration that is not a number": (whole(info(float("nan")), TWO), None, True),
    "an endless duration": (whole(info(float("inf")), TWO), None, True),
    "only a head": (HEAD, None, False),
    "not Matroska": (b"RIFF" * 9, None, False),
    "zeros": (bytes(5000), None, False),
    "zeros after a while": (unclosed(info(9), TWO) + bytes(5000), 2000, True),
}


@pytest.mark.parametrize("case", WHOLE)
def test_whole(case: str) -> None:
    data, duration_ms = WHOLE[case]
    found = seen("mkv", data)
    assert (found.complete, found.why, found.playable) == (True, "", True)
    assert found.duration_ms == duration_ms


@pytest.mark.parametrize("case", CUT)
def test_cut_short(case: str) -> None:
    data, duration_ms, playable = CUT[case]
    found = seen("webm", data)
    assert not found.complete
    assert found.why
    assert (found.duration_ms, found.playable) == (duration_ms, playable)


@given(st.integers(1, 2900))
def test_no_part_is_whole(length: int) -> None:
    data = whole(info(2000), TWO)
    assert not seen("mkv", data[: len(data) - length]).complete


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_changed_byte_never_breaks_the_walk(at: int, value: int) -> None:
    data = bytearray(whole(info(2000), cluster(0, 3)))
    data[at % len(data)] = value
    seen("mkv", bytes(data))
