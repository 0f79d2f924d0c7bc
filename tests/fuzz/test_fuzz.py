"""A short search with every run of the slow tests; ``run.py`` searches for hours."""

import random
import time

import pytest
from fuzz.harnesses import HARNESSES
from fuzz.seeds import SEEDS

SECONDS = 3
WORDS = (
    b"\0" * 4,
    b"\xff" * 4,
    b"\x7f" + b"\xff" * 7,
    b"\x80" + b"\0" * 7,
    b"\0\0\0\1",
    b"\0",
    b"%",
)


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Some bytes changed, cut out, doubled, or taken for a length."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        at = chance.randrange(len(changed) + 1)
        length = chance.choice((1, 2, 4, 8, 50))
        how = chance.randrange(4)
        if how == 0:
            changed[at : at + 1] = bytes([chance.randrange(256)])
        elif how == 1:
            word = chance.choice(WORDS)
            changed[at : at + len(word)] = word
        elif how == 2:
            del changed[at : at + length]
        else:
            changed[at:at] = changed[at : at + length]
    return bytes(changed)


@pytest.mark.parametrize("name", HARNESSES)
def test_the_seeds_are_fine(name: str) -> None:
    for seed in (*SEEDS[name], b"", b"\0", b"\1", b"\2", bytes(500)):
        HARNESSES[name](seed)


@pytest.mark.slow
@pytest.mark.parametrize("name", HARNESSES)
def test_nothing_near_a_good_file_breaks(name: str) -> None:
    chance = random.Random(name)
    seeds = SEEDS[name]
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        data = mutated(chance.choice(seeds), chance)
        try:
            HARNESSES[name](data)
        except Exception:
            print(repr(data))
            raise
