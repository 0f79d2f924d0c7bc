import pytest
from agent.core.containers.avi_bytes import INDEX, MORE, MOVIE, avi, chunk, header, listed, stream
from agent.core.containers.memory import seen
from hypothesis import given
from hypothesis import strategies as st

WHOLE = {
    "one part": (avi(header(stream(50)), MOVIE, INDEX), 2000),
    "no index": (avi(header(stream(50)), MOVIE), 2000),
    "sound is longer": (avi(header(stream(50), stream(99_000, 1, 48_000)), MOVIE), 2062),
    "junk inside": (avi(header(stream(50)), chunk(b"JUNK", bytes(999)), MOVIE, INDEX), 2000),
    "two parts (OpenDML)": (avi(header(stream(50)), MOVIE, INDEX) + MORE, 2000),
}
CUT = {
    "killed, sizes of zero": avi(header(stream(0)), listed(b"LIST", b"movi", length=0), length=0),
    "killed, sizes without end": avi(header(stream(0)), MOVIE, length=0xFFFFFFFF),
    "no frames counted": avi(header(stream(0)), MOVIE, INDEX),
    "a rate of zero": avi(header(stream(50, rate=0)), MOVIE, INDEX),
    "no header": avi(MOVIE, INDEX),
    "no media": avi(header(stream(50))),
    "the second part cut": avi(header(stream(50)), MOVIE, INDEX) + MORE[:-1],
    "media beyond its part": avi(header(stream(50)), listed(b"LIST", b"movi", length=0xFFFF)),
    "something behind": avi(header(stream(50)), MOVIE, INDEX) + b"more",
    "a wave": listed(b"RIFF", b"WAVE", MOVIE),
    "zeros": bytes(4096),
}


@pytest.mark.parametrize("case", WHOLE)
def test_whole(case: str) -> None:
    data, duration_ms = WHOLE[case]
    found = seen("avi", data)
    assert (found.complete, found.why, found.playable) == (True, "", True)
    assert found.duration_ms == duration_ms


@pytest.mark.parametrize("case", CUT)
def test_cut_short(case: str) -> None:
    found = seen("avi", CUT[case])
    assert not found.complete
    assert found.why
    assert found.duration_ms is None


@given(st.integers(1, 600))
def test_no_part_is_whole(length: int) -> None:
    data, _ = WHOLE["one part"]
    assert not seen("avi", data[: -min(length, len(data))]).complete
