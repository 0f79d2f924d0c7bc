import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layover_agent.core.picture import Seen, looks

SCENE = bytes(random.Random(1).choices(range(20, 230), k=300))


def shots(*pictures: bytes, every_ms: int = 1000) -> list[Seen]:
    return [Seen(time_ms=nth * every_ms, colours=one) for nth, one in enumerate(pictures)]


def moved(picture: bytes, at: int) -> bytes:
    return picture[:at] + bytes([picture[at] ^ 64]) + picture[at + 1 :]


@pytest.mark.parametrize(
    ("case", "seen", "said"),
    [
        ("nothing decoded", [], "none"),
        ("all the same", shots(*[SCENE] * 6), "frozen"),
        ("one place changes", shots(SCENE, SCENE, moved(SCENE, 7), SCENE, SCENE), "moving"),
        ("only the first differs", shots(moved(SCENE, 7), *[SCENE] * 5), "moving"),
        ("coded anew", shots(SCENE, *[bytes(b + 6 for b in SCENE)] * 5), "frozen"),
        ("too few to tell", shots(SCENE, SCENE), "unclear"),
        ("too short to tell", shots(*[SCENE] * 6, every_ms=100), "unclear"),
        ("black", shots(*[bytes([16] * 400)] * 6), "black"),
        ("black with noise", shots(bytes([3, 30] * 200), bytes([33, 2] * 200)), "black"),
        ("a lamp in the night", shots(*[bytes([5] * 399 + [250])] * 6), "frozen"),
        ("blue of no signal", shots(*[bytes([3, 0, 250] * 100)] * 6), "flat"),
        ("becomes black", shots(SCENE, *[bytes(400)] * 5), "moving"),
    ],
)
def test_looks(case: str, seen: list[Seen], said: str) -> None:
    assert looks(seen) == said, case


@given(st.lists(st.binary(max_size=30), max_size=8))
def test_whatever_was_decoded_looks_like_something(pictures: list[bytes]) -> None:
    assert looks(shots(*pictures)) in {"none", "moving", "frozen", "black", "flat", "unclear"}
