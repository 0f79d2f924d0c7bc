import pytest
from hypothesis import given
from hypothesis import strategies as st

from layover_agent.core.ranges import ByteRange, Unsatisfiable, etags, wanted

SIZE = 1000
ONE = {
    "the first byte": ("bytes=0-0", (0, 0)),
    "the middle": ("bytes=200-299", (200, 299)),
    "to the end": ("bytes=999-", (999, 999)),
    "beyond the end is cut": ("bytes=900-5000", (900, 999)),
    "the last ten": ("bytes=-10", (990, 999)),
    "more than there is from the end": ("bytes=-5000", (0, 999)),
    "spaces": (" bytes = 0 - 9 ", (0, 9)),
    "capital letters": ("BYTES=0-9", (0, 9)),
}
WHOLE = {
    "no header": None,
    "empty": "",
    "another unit": "items=0-9",
    "no numbers": "bytes=-",
    "two ranges": "bytes=0-9,20-29",
    "backwards": "bytes=9-0",
    "a sign": "bytes=+1-9",
    "letters": "bytes=a-b",
    "hexadecimal": "bytes=0x1-0x9",
    "twenty digits": "bytes=" + "9" * 20 + "-",
}
NONE = {
    "behind the end": "bytes=1000-",
    "far behind": "bytes=5000-6000",
    "the last none": "bytes=-0",
}


@pytest.mark.parametrize("case", ONE)
def test_one_range(case: str) -> None:
    header, (first, last) = ONE[case]
    assert wanted(header, SIZE) == ByteRange(first, last)


@pytest.mark.parametrize("case", WHOLE)
def test_the_whole(case: str) -> None:
    assert wanted(WHOLE[case], SIZE) is None


@pytest.mark.parametrize("case", NONE)
def test_nothing_that_exists(case: str) -> None:
    with pytest.raises(Unsatisfiable):
        wanted(NONE[case], SIZE)


@given(
    st.text(max_size=30) | st.from_regex(r"bytes=\d*-\d*", fullmatch=True), st.integers(0, 1 << 50)
)
def test_a_range_always_lies_inside(header: str, size: int) -> None:
    try:
        found = wanted(header, size)
    except Unsatisfiable:
        return
    assert found is None or 0 <= found.first <= found.last < size
    assert found is None or found.length == found.last - found.first + 1


TAGS = {
    "one": ('"abc"', ['"abc"']),
    "several": ('"a", "b"', ['"a"', '"b"']),
    "a weak one never matches": ('W/"a"', []),
    "a weak one among strong ones": ('"a", W/"b", "c"', ['"a"', '"c"']),
    "a weak one that ends in a dash": ('W/"b-", "c"', ['"c"']),
    "a date": ("Sat, 21 Nov 2026 10:00:00 GMT", []),
    "left open": ('"abc', []),
    "nothing": ("", []),
}


@pytest.mark.parametrize("case", TAGS)
def test_entity_tags(case: str) -> None:
    header, expected = TAGS[case]
    assert etags(header) == expected
