"""The closed set of errors: each kind has one meaning, told the same way everywhere."""

import pytest

from layover_central.errors import MEANINGS, Kind, LayoverError, problem


def test_every_kind_has_a_meaning() -> None:
    assert set(MEANINGS) == set(Kind)


def test_no_two_kinds_end_a_command_alike() -> None:
    """1 is what an unforeseen failure gives, 0 is success, 126 and above are the shell's."""
    codes = [meaning.exit_code for meaning in MEANINGS.values()]
    assert len(set(codes)) == len(codes)
    assert all(1 < code < 126 for code in codes)


@pytest.mark.parametrize("kind", Kind)
def test_a_meaning_is_told_in_words(kind: Kind) -> None:
    meaning = MEANINGS[kind]
    assert 400 <= meaning.status < 600
    assert meaning.title
    assert meaning.hint.endswith(".")


@pytest.mark.parametrize("kind", Kind)
def test_a_problem_is_what_rfc_9457_asks_for(kind: Kind) -> None:
    error = LayoverError(kind, "it broke", "Mend it.")
    assert problem(error) == {
        "type": f"urn:layover:problem:{kind.value}",
        "title": MEANINGS[kind].title,
        "status": MEANINGS[kind].status,
        "detail": "it broke",
        "hint": "Mend it.",
        "code": kind.value,
    }


def test_without_a_hint_of_its_own_an_error_has_its_kind_s() -> None:
    assert LayoverError(Kind.GONE, "x").hint == MEANINGS[Kind.GONE].hint


def test_only_what_time_alone_heals_is_said_to_heal() -> None:
    assert {kind for kind in Kind if MEANINGS[kind].heals} == {
        Kind.UNREACHABLE,
        Kind.STALLED,
        Kind.NO_SPACE,
        Kind.LEASE_LOST,
    }
