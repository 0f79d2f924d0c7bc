"""What a look at a folder says of what was not seen: gone, or hidden by a fault."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layover_agent.core.reconcile import SUSPICIOUS_FROM, fault

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
