import pytest
from agent.recorders_kept import BEGIN_MS, deletion

from layover_agent.core.sweeps import TOGETHER_MS, period_ms, sweeps

T = BEGIN_MS


def test_what_two_looks_saw_of_one_sweep_is_one() -> None:
    late = TOGETHER_MS / 1000
    found = sweeps([deletion(0), deletion(late), deletion(late + 1), deletion(late + 2)])
    assert [len(sweep.deletions) for sweep in found] == [2, 2]


def test_the_order_of_observation_does_not_matter() -> None:
    found = sweeps([deletion(600), deletion(0), deletion(601)])
    assert [len(sweep.deletions) for sweep in found] == [1, 2]


def test_locked_ones_and_other_cameras_are_left_out() -> None:
    some = [deletion(0), deletion(0, locked=True), deletion(600, "rear")]
    assert len(sweeps(some)) == 2
    assert [one.deletions for one in sweeps(some, "front")] == [(some[0],)]


IMPOSSIBLE = {
    "begun in 1970": {"start_ms": 60_000},
    "ended before it began": {"end_ms": T - 100_000_000},
    "recorded after it was seen": {"start_ms": T + 10_000_000, "end_ms": T + 10_060_000},
    "missed before it was seen": {"seen_ms": T + 60_000},
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_impossible_times_are_left_out(case: str) -> None:
    assert sweeps([deletion(0, **IMPOSSIBLE[case])]) == []


ORDER = {
    "nothing older is left": ([0, 0, 0], [True] * 3),
    "two that crossed": ([0, 2, 0], [True] * 3),
    "one by hand": ([0, 40, 0], [True, False, True]),
    "forgotten ones for good": ([30, 30, 31], [True] * 3),
}


@pytest.mark.parametrize("case", ORDER)
def test_what_is_out_of_order(case: str) -> None:
    older, in_order = ORDER[case]
    found = sweeps([deletion(600 * n, older_kept=kept) for n, kept in enumerate(older)])
    assert [sweep.in_order for sweep in found] == in_order


def test_of_one_camera_only_its_own_older_ones_count() -> None:
    some = [deletion(600 * n, older_kept=50 * n, camera_older_kept=0) for n in range(3)]
    assert [sweep.in_order for sweep in sweeps(some, "front")] == [True] * 3
    assert [sweep.in_order for sweep in sweeps(some)] == [True, False, False]


def test_the_period_is_not_shortened_by_one_deletion_by_hand() -> None:
    regular = [deletion(600 * n) for n in range(12)]
    assert period_ms(sweeps(regular)) >= 600_000
    assert period_ms(sweeps([*regular, deletion(700)])) >= 600_000
    assert period_ms(sweeps(regular[:1])) == 0
