"""What a look at a folder says of what was not seen: gone, or hidden by a fault."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layover_agent.core.reconcile import MOST_TURNS, SUSPICIOUS_FROM, Disks, fault

OTHER = True
CASES = {
    "all there": (3, 3, not OTHER, "", ""),
    "one of two gone": (2, 1, not OTHER, "", ""),
    "the only one gone": (1, 0, not OTHER, "", ""),
    "both gone": (2, 0, not OTHER, "", ""),
    "all three gone at once": (3, 0, not OTHER, "", "suddenly empty"),
    "nearly all of many gone": (100_000, 1, not OTHER, "", ""),
    "nothing known, nothing there": (0, 0, not OTHER, "", ""),
    "not readable": (2, 0, not OTHER, "EIO", "EIO"),
    "not readable, and nothing known": (0, 0, not OTHER, "EIO", "EIO"),
    "half of it read, then an error": (3, 1, not OTHER, "EIO", "EIO"),
    "another disk, nothing of the former one": (1, 0, OTHER, "", "another disk"),
    "another disk, its recordings were copied": (3, 1, OTHER, "", ""),
    "another disk, and nothing was known": (0, 0, OTHER, "", ""),
    "another disk that cannot be read": (3, 0, OTHER, "EIO", "EIO"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_look_means(case: str) -> None:
    known, seen, other_disk, error, expected = CASES[case]
    found = fault(known, seen, other_disk, error)
    assert expected in found
    assert bool(found) is bool(expected)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.booleans(), st.sampled_from(["", "EIO"]))
def test_a_whole_listing_never_vanishes_without_a_fault(
    known: int, seen: int, other_disk: bool, error: str
) -> None:
    seen = min(seen, known)
    found = fault(known, seen, other_disk, error)
    if known >= SUSPICIOUS_FROM and not seen:
        assert found
    if seen and not error:
        assert not found, "what was found again proves that the folder is the one we knew"


SEQS = st.integers(0, 1000)
NAMES = st.sampled_from(["card-a", "card-b", "card-c"])
TURNS = st.lists(st.tuples(SEQS, NAMES), max_size=6).map(
    lambda turns: Disks(tuple(sorted(turns, key=lambda turn: turn[0])))
)


@given(TURNS)
def test_disks_come_back_from_their_words(disks: Disks) -> None:
    assert Disks.parsed(str(disks)) == disks


@given(st.text(max_size=60))
def test_any_note_is_some_disks(text: str) -> None:
    Disks.parsed(text).of(5)


def test_the_first_note_of_all_was_a_name() -> None:
    assert Disks.parsed("ce228363").of(7) == "ce228363"


@given(TURNS, NAMES, st.integers(0, 1200))
def test_what_is_away_is_what_lies_on_other_disks(disks: Disks, here: str, until: int) -> None:
    spans = disks.away(here, until)
    for seq in range(1, until + 1):
        away = any(after < seq <= end for after, end in spans)
        assert away is (bool(disks.turns) and disks.of(seq) != here)


def test_two_cards_in_turn() -> None:
    disks = Disks().turned(0, "a").turned(10, "b").turned(10, "b").turned(25, "a")
    assert [disks.of(seq) for seq in (1, 10, 11, 25, 26, 99)] == ["a", "a", "b", "b", "a", "a"]
    assert disks.away("a", 30) == [(10, 25)]
    assert disks.away("b", 30) == [(0, 10), (25, 30)]
    assert disks.last == "a"


def test_so_many_turns_and_no_more_are_remembered() -> None:
    disks = Disks()
    for turn in range(3 * MOST_TURNS):
        disks = disks.turned(turn, f"card-{turn % 2}")
    assert len(disks.turns) == MOST_TURNS
    assert disks.of(3 * MOST_TURNS) == disks.last
