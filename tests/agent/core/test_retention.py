import dataclasses
import random

import pytest
from agent.recorders_kept import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    File,
    World,
    by_age,
    by_camera_age,
    by_camera_ring,
    by_floor,
    by_ring,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from layover_agent.core.retention import MIN_SWEEPS, Learned, agreement, learn

GB = 10**9
MANY = 4
"""Worlds per property: each is some days of recordings. The seeds differ from run to run."""
seeds = st.integers(0, 10_000)


def kinds(rules: list[Learned]) -> set[str]:
    return {rule.kind for rule in rules}


def named(rules: list[Learned], name: str, camera: str = "") -> Learned:
    (one,) = [rule for rule in rules if rule.name == name and rule.camera == camera]
    return one


@settings(max_examples=MANY, deadline=None)
@given(
    seeds,
    st.sampled_from(["start", "end"]),
    st.integers(6, 30),
    st.integers(1, 20),
    st.integers(1, 40),
)
def test_an_age_is_learned(
    seed: int, since: str, hours: int, segment_min: int, sweep_min: int
) -> None:
    world = World(
        by_age(hours * HOUR_MS, since),
        seed=seed,
        segment_ms=segment_min * MINUTE_MS,
        sweep_ms=sweep_min * MINUTE_MS,
        swing=0.6,
    )
    world.run(hours / 24 + 1)
    rules = learn(world.deletions)
    rule = named(rules, f"age:{since}")
    assert rule.lo <= hours * HOUR_MS <= rule.hi
    assert rule.hi - rule.lo <= 2 * (segment_min + sweep_min + 3) * MINUTE_MS
    assert rule.contradictions == 0
    assert rules[0].kind == "age"


@settings(max_examples=MANY, deadline=None)
@given(seeds, st.integers(3, 7), st.integers(3, 10), st.integers(1, 3))
def test_a_ring_is_learned_and_no_age_is_claimed(
    seed: int, gigabytes: int, segment_min: int, cameras: int
) -> None:
    world = World(
        by_ring(gigabytes * GB),
        seed=seed,
        cameras=cameras,
        segment_ms=segment_min * MINUTE_MS,
        sweep_ms=2 * MINUTE_MS,
        swing=0.7,
        others_swing_bytes=2 * GB,
    )
    rate = sum(world.rate_bytes * (n + 1) for n in range(cameras))
    world.run(gigabytes * GB / rate * 1000 / DAY_MS + 2)
    rules = learn(world.deletions)
    assert kinds(rules) == {"ring"}
    assert rules[0].lo <= gigabytes * GB <= rules[0].hi
    assert rules[0].rivals == ()


@settings(max_examples=MANY, deadline=None)
@given(seeds, st.integers(8, 20))
def test_a_floor_is_learned_where_others_use_the_disk_too(seed: int, gigabytes: int) -> None:
    floor = by_floor(gigabytes * GB)
    world = World(floor, seed=seed, disk_bytes=(gigabytes + 8) * GB, others_swing_bytes=2 * GB)
    world.run(3.5)
    rules = learn(world.deletions)
    assert kinds(rules) == {"floor"}
    assert rules[0].lo <= gigabytes * GB <= rules[0].hi


def test_a_ring_and_a_floor_are_the_same_on_a_disk_of_their_own() -> None:
    world = World(by_floor(20 * GB), disk_bytes=28 * GB)
    world.run(3.5)
    rules = learn(world.deletions)
    assert kinds(rules) == {"ring", "floor"}
    assert named(rules, "floor").rivals == ("ring",)
    assert named(rules, "ring").lo <= 8 * GB <= named(rules, "ring").hi


@pytest.mark.slow
@settings(max_examples=MANY, deadline=None)
@given(seeds)
def test_quotas_of_cameras_are_not_taken_for_one_of_the_source(seed: int) -> None:
    world = World(by_camera_ring(3 * GB), seed=seed, cameras=3, swing=0.6)
    world.run(3)
    rules = learn(world.deletions)
    assert kinds(rules) == {"ring"}
    assert sorted(rule.camera for rule in rules) == ["c0", "c1", "c2"]
    assert all(rule.lo <= 3 * GB <= rule.hi for rule in rules)


def test_cameras_may_have_ages_of_their_own() -> None:
    ages = {"c0": 8 * HOUR_MS, "c1": 20 * HOUR_MS}
    world = World(by_camera_age(ages))
    world.run(2.5)
    rules = learn(world.deletions)
    for camera, age_ms in ages.items():
        rule = named(rules, "age:start", camera)
        assert rule.lo <= age_ms <= rule.hi


def test_a_constant_rate_leaves_it_open_and_says_so() -> None:
    world = World(by_age(10 * HOUR_MS), swing=0, segment_ms=10 * MINUTE_MS)
    world.run(2)
    rule = named(learn(world.deletions), "age:start")
    assert rule.lo <= 10 * HOUR_MS <= rule.hi
    assert "ring" in rule.rivals


@pytest.mark.parametrize(("policy", "exempt"), [(by_age(DAY_MS), True), (by_ring(5 * GB), True)])
def test_locked_recordings_that_outlive_the_rule_are_told(policy, exempt) -> None:  # type: ignore[no-untyped-def]
    world = World(policy, lock_every=9)
    world.run(3)
    assert {rule.exempt_locked for rule in learn(world.deletions)} == {exempt}


def test_locked_recordings_that_go_with_the_others_are_told() -> None:
    def everything(world: World) -> list[File]:
        return [f for f in world.files if f.start_ms < world.now_ms - 10 * HOUR_MS]

    world = World(everything, lock_every=9)
    world.run(2)
    assert {rule.exempt_locked for rule in learn(world.deletions)} == {False}


def test_without_locked_recordings_nothing_is_said_of_them() -> None:
    world = World(by_age(10 * HOUR_MS))
    world.run(1.5)
    assert {rule.exempt_locked for rule in learn(world.deletions)} == {None}


def now_and_then(chance: float, many: int):  # type: ignore[no-untyped-def]
    def by_hand(world: World) -> list[File]:
        if world._random.random() >= chance:
            return []
        return world._random.sample(world.files, min(len(world.files), many))

    return by_hand


@pytest.mark.slow
@settings(max_examples=MANY, deadline=None)
@given(seeds, st.integers(1, 60))
def test_deletions_by_hand_lower_the_confidence_and_fool_nobody(seed: int, many: int) -> None:
    world = World(by_age(15 * HOUR_MS), seed=seed)
    world.run(3, now_and_then(0.003, many))
    rule = named(learn(world.deletions), "age:start")
    assert rule.lo <= 15 * HOUR_MS <= rule.hi
    clean = World(by_age(15 * HOUR_MS), seed=seed)
    clean.run(3)
    assert (
        rule.confidence_permille <= named(learn(clean.deletions), "age:start").confidence_permille
    )


@settings(max_examples=MANY, deadline=None)
@given(seeds)
def test_who_deletes_only_by_hand_has_no_rule(seed: int) -> None:
    world = World(lambda _: [], seed=seed)
    world.run(3, now_and_then(0.01, 5))
    assert learn(world.deletions) == []


def test_a_folder_wiped_at_once_is_no_rule() -> None:
    def wipe(world: World) -> list[File]:
        at = (world.now_ms // MINUTE_MS) % (12 * 60)
        return list(world.files) if at == 0 else []

    world = World(lambda _: [])
    world.run(2, wipe)
    assert learn(world.deletions) == []


@pytest.mark.slow
@settings(max_examples=MANY, deadline=None)
@given(seeds, st.integers(4, 10))
def test_nights_in_which_the_box_is_off(seed: int, off_hours: int) -> None:
    def night(now_ms: int) -> bool:
        return now_ms // HOUR_MS % 24 < off_hours

    world = World(by_age(30 * HOUR_MS), seed=seed, pause=night)
    world.run(4)
    rule = named(learn(world.deletions), "age:start")
    assert rule.lo <= 30 * HOUR_MS <= rule.hi


def test_a_rule_that_was_changed_is_learned_anew() -> None:
    world = World(by_age(20 * HOUR_MS))
    world.run(2)
    world.policy = by_age(8 * HOUR_MS)
    world.run(2)
    rule = named(learn(world.deletions), "age:start")
    assert rule.lo <= 8 * HOUR_MS <= rule.hi


def test_a_ring_of_few_recordings_remains_a_rival_though_it_is_not_measured() -> None:
    world = World(by_ring(GB // 4), sweep_ms=2 * MINUTE_MS)
    world.run(1)
    rules = learn(world.deletions)
    assert "ring" not in kinds(rules)
    assert all("ring" in rule.rivals for rule in rules)


def test_a_recorder_that_makes_room_for_long_keeps_its_floor_inside() -> None:
    def a_hundred_at_once(world: World) -> list[File]:
        return sorted(world.files, key=lambda f: f.start_ms)[: 100 * (world.free_bytes < 2 * GB)]

    world = World(a_hundred_at_once, disk_bytes=10 * GB, others_swing_bytes=GB // 2)
    world.run(4)
    rule = named(learn(world.deletions), "floor")
    assert rule.lo <= 2 * GB <= rule.hi


def test_few_sweeps_say_nothing() -> None:
    world = World(by_age(5 * HOUR_MS), sweep_ms=HOUR_MS)
    world.run((5 + MIN_SWEEPS - 2) / 24)
    assert world.deletions
    assert learn(world.deletions) == []
    assert learn([]) == []


@pytest.mark.slow
@given(st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_any_numbers_are_survived(source: random.Random) -> None:
    world = World(by_age(5 * HOUR_MS))
    world.run(0.5)

    def number() -> int:
        return source.choice([-(1 << 62), -1, 0, 1, 1 << 62, source.randrange(1 << 44)])

    names = ["start_ms", "end_ms", "mtime_ms", "size_bytes", "seen_ms", "missed_ms",
             "older_kept", "source_before_bytes", "free_before_bytes"]  # fmt: skip
    wild = [
        dataclasses.replace(one, **{name: number() for name in source.sample(names, 3)})
        for one in world.deletions
    ]
    for rule in learn(wild):
        assert rule.lo <= rule.hi


intervals = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 25)).map(lambda t: (t[0], t[0] + t[1])),
    min_size=1,
    max_size=40,
)


@given(intervals, st.integers(0, 60))
def test_what_all_agree_on_is_inside(votes: list[tuple[int, int]], truth: int) -> None:
    honest = [(min(lo, truth), max(hi, truth)) for lo, hi in votes]
    lo, hi, support = agreement(honest)
    assert lo <= truth <= hi
    assert support == len(honest)


@given(intervals)
def test_the_support_is_the_most_that_overlap_anywhere(votes: list[tuple[int, int]]) -> None:
    _, _, support = agreement(votes)
    points = range(90)
    assert support == max(sum(lo <= p <= hi for lo, hi in votes) for p in points)
