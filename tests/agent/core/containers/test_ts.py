import pytest
from agent.core.containers.memory import seen
from agent.core.containers.ts_bytes import NULL, SECOND_VIDEO, SOUND, WRAP, picture, stream, wide
from hypothesis import given
from hypothesis import strategies as st

OUT_OF_ORDER = b"".join(picture(90_000 + n * 3600) for n in (0, 3, 1, 2, 6, 4, 5, 9, 7, 8))

WHOLE = {
    "pictures": (stream(2), 2000),
    "packets of 192 bytes": (wide(stream(2)), 2000),
    "the clock wraps": (stream(2, begin=WRAP - 90_000), 2000),
    "the clock wraps at the very beginning": (stream(2, begin=-1), 2000),
    "pictures out of order": (OUT_OF_ORDER, 400),
    "sound ends later than the pictures": (stream(2) + picture(90_000 * 4, SOUND), 2000),
    "only sound": (b"".join(picture(n * 9000, SOUND) for n in range(20)), 2000),
    "two programs, the second longer and on its own clock": (
        b"".join(picture(n * 3600) + picture((1 << 32) + n * 3600, SECOND_VIDEO) for n in range(25))
        + stream(2, begin=(1 << 32) + 90_000, pid=SECOND_VIDEO),
        3000,
    ),
    "junk before": (b"\x47junk\x47" * 9 + stream(2), 2000),
    "junk in the middle": (stream(2) + b"\x47\0" * 50 + stream(2, begin=270_000), 4000),
    "half a megabyte without pictures at the end": (stream(2) + NULL * 3000, 2000),
    "one picture": (picture(90_000), None),
    "the clock set back": (stream(1, begin=9_000_000) + NULL * 12_000 + stream(1), None),
}
CUT = {
    "in the middle of a packet": (stream(2)[:-100], 2000, "the last packet is cut"),
    "in the middle of a wide packet": (wide(stream(2))[:-1], 2000, "the last packet is cut"),
    "zeros behind": (stream(2) + bytes(188 * 9), 2000, "its end holds no transport packets"),
    "junk behind": (stream(2) + b"\x47junk" * 900, 2000, "its end holds no transport packets"),
    "zeros": (bytes(9000), None, "it holds no transport packets"),
    "packets without time": (NULL * 20, None, "it holds no time stamps"),
    "less than a packet": (stream(1)[:100], None, "it holds no time stamps"),
}


@pytest.mark.parametrize("case", WHOLE)
def test_whole(case: str) -> None:
    data, duration_ms = WHOLE[case]
    found = seen("ts", data)
    assert (found.complete, found.why, found.playable) == (True, "", True)
    assert found.duration_ms == duration_ms


@pytest.mark.parametrize("case", CUT)
def test_cut_short(case: str) -> None:
    data, duration_ms, why = CUT[case]
    found = seen("m2ts", data)
    assert (found.complete, found.duration_ms, found.why) == (False, duration_ms, why)


@given(st.integers(0, WRAP - 1), st.integers(1, 4), st.booleans())
def test_the_clock_may_begin_anywhere(begin: int, seconds: int, broad: bool) -> None:
    data = stream(seconds, begin)
    found = seen("ts", wide(data) if broad else data)
    assert (found.complete, found.duration_ms) == (True, seconds * 1000)


@given(st.integers(1, 400))
def test_any_length_is_whole_only_between_packets(length: int) -> None:
    whole = stream(6)
    cut = whole[: len(whole) - length]
    assert seen("ts", cut).complete == (length % 188 == 0)
