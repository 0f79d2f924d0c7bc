"""What holds for any snapshot at all; the cases worth naming are in test_plan.py."""

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from random import Random
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

from layover_central.core.budget import Cap, payload_bps
from layover_central.core.plan import (
    EDGE_MS,
    MIN_RATE_BPS,
    MIN_SPAN_BYTES,
    NEVER_MS,
    UNCAPPED_SPAN_BYTES,
    Candidate,
    Plan,
    Running,
    Snapshot,
    Start,
    choose,
    urgency,
)

T = TypeVar("T")

NOW = 1_000_000
KBIT, MBIT = 1_000, 1_000_000
GB = 10**9


def path(site: str, depot: str) -> tuple[str, ...]:
    return ("global", f"depot:{depot}", f"site:{site}")


CAP_RATES = st.sampled_from([None, None, 0, 50 * KBIT, 300 * KBIT, MBIT, 10 * MBIT, 200 * MBIT])
SITES = [("a", "north"), ("b", "north"), ("c", "north"), ("d", "south"), ("e", "south")]
KEYS = ["global", "depot:north", "depot:south", *(f"site:{site}" for site, _ in SITES)]
EXPIRIES = st.none() | st.integers(NOW - 5, NOW + 5)
LINKS = st.sampled_from([0, 20 * KBIT, 400 * KBIT, 5 * MBIT, GB])


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    candidates, running = [], []
    for id in range(draw(st.integers(0, 12))):
        site, depot = draw(st.sampled_from(SITES))
        order = (draw(EXPIRIES), draw(st.integers(-1, 2)), draw(st.integers(0, 3)))
        if draw(st.integers(0, 3)):
            size = draw(st.sampled_from([1, 70_000, GB]))
            candidates.append(Candidate(id, site, path(site, depot), size, *order))
        else:
            rate = draw(st.none() | st.integers(1, 20 * MBIT))
            running.append(Running(id, site, path(site, depot), rate, *order))
    drawn = draw(st.lists(CAP_RATES, min_size=len(KEYS), max_size=len(KEYS)))
    indebted = draw(st.sets(st.sampled_from(KEYS), max_size=1))
    caps = {
        key: Cap(
            rate_bps,
            sum(run.rate_bps or 0 for run in running if key in run.path),
            40 if key in indebted else 0,
        )
        for key, rate_bps in zip(KEYS, drawn, strict=True)
    }
    some_keys = st.sampled_from(KEYS)
    return Snapshot(
        candidates,
        running,
        caps,
        slots=draw(st.dictionaries(some_keys, st.integers(1, 3))),
        link_bps=draw(st.dictionaries(st.sampled_from([site for site, _ in SITES]), LINKS)),
        next_change_ms=draw(st.dictionaries(some_keys, st.integers(NOW + 1, NOW + 3_000))),
        archive_full=draw(st.integers(0, 15)) == 0,
    )


def _candidate(given: Snapshot, start: Start) -> Candidate:
    return next(c for c in given.candidates if c.transfer_id == start.transfer_id)


def _carried(given: Snapshot, plan: Plan, key: str) -> list[int | None]:
    """The rates under a cap, with the starts and still with what is to stop."""
    starts = [s.rate_bps for s in plan.starts if key in _candidate(given, s).path]
    return [*starts, *(r.rate_bps for r in given.running if key in r.path)]


@given(snapshots())
def test_no_cap_is_ever_exceeded(given: Snapshot) -> None:
    plan = choose(given, NOW)
    stopped = {stop.transfer_id for stop in plan.stops}
    for key, cap in given.caps.items():
        if cap.rate_bps is None:
            continue
        stay = [r.rate_bps for r in given.running if key in r.path and r.transfer_id not in stopped]
        assert None not in stay
        assert sum(rate or 0 for rate in stay) <= cap.rate_bps
        # What is to stop may send until it has stopped.
        if any(key in _candidate(given, start).path for start in plan.starts):
            carried = _carried(given, plan, key)
            assert None not in carried
            assert sum(rate or 0 for rate in carried) <= cap.rate_bps


@given(snapshots())
def test_every_candidate_starts_or_waits_for_a_reason(given: Snapshot) -> None:
    plan = choose(given, NOW)
    started = [start.transfer_id for start in plan.starts]
    assert Counter([*started, *plan.waits]) == Counter(c.transfer_id for c in given.candidates)
    assert all(plan.waits.values())
    running = {run.transfer_id for run in given.running}
    assert not running & set(started)
    stopped = [stop.transfer_id for stop in plan.stops]
    assert len(set(stopped)) == len(stopped)
    assert set(stopped) <= running


@given(snapshots())
def test_no_more_spans_than_slots(given: Snapshot) -> None:
    plan = choose(given, NOW)
    for key, slots in given.slots.items():
        if any(key in _candidate(given, start).path for start in plan.starts):
            assert len(_carried(given, plan, key)) <= slots


@given(snapshots(), st.randoms(use_true_random=False))
def test_the_plan_does_not_depend_on_the_order_of_the_snapshot(
    given: Snapshot, random: Random
) -> None:
    def shuffled(items: Iterable[T]) -> list[T]:
        every = list(items)
        return random.sample(every, len(every))

    other = replace(
        given,
        candidates=shuffled(given.candidates),
        running=shuffled(given.running),
        caps=dict(shuffled(given.caps.items())),
        slots=dict(shuffled(given.slots.items())),
    )
    assert choose(other, NOW) == choose(given, NOW)


@given(snapshots())
def test_of_one_site_the_more_urgent_starts_first(given: Snapshot) -> None:
    plan = choose(given, NOW)
    for start in plan.starts:
        begun = _candidate(given, start)
        for other in given.candidates:
            if other.site == begun.site and urgency(other) < urgency(begun):
                assert other.transfer_id not in plan.waits


@given(snapshots())
def test_a_less_urgent_span_never_stops_for_nothing(given: Snapshot) -> None:
    """Each stop is under a cap that would not fit with it and all that is more urgent."""
    if given.archive_full:
        return
    plan = choose(given, NOW)
    stopped = {stop.transfer_id for stop in plan.stops}
    for work in given.running:
        limited = [key for key in work.path if given.caps[key].rate_bps is not None]
        stay = [
            r for r in given.running if urgency(r) <= urgency(work) or r.transfer_id not in stopped
        ]
        crowded = any(
            sum(r.rate_bps or 0 for r in stay if key in r.path) > (given.caps[key].rate_bps or 0)
            for key in limited
        )
        due = crowded or (work.rate_bps is None and bool(limited))
        assert (work.transfer_id in stopped) == due


@given(snapshots())
def test_nothing_starts_under_a_closed_cap_a_debt_or_an_edge(given: Snapshot) -> None:
    for start in choose(given, NOW).starts:
        assert not given.archive_full
        for key in _candidate(given, start).path:
            assert given.caps[key].rate_bps != 0
            assert given.caps[key].ready_in_ms == 0
            assert given.next_change_ms.get(key, NEVER_MS) >= NOW + EDGE_MS


@given(snapshots())
def test_spans_are_short_and_end_before_the_edge(given: Snapshot) -> None:
    for start in choose(given, NOW).starts:
        work = _candidate(given, start)
        assert 1 <= start.max_bytes <= min(UNCAPPED_SPAN_BYTES, work.remaining_bytes)
        link = given.link_bps.get(work.site)
        speeds = [start.rate_bps, None if link is None else max(link, MIN_RATE_BPS)]
        known = [bps for bps in speeds if bps is not None]
        if not known:
            continue
        seconds = start.max_bytes * 8 / payload_bps(min(known))
        if start.rate_bps is not None:
            assert seconds <= 1 or start.max_bytes <= MIN_SPAN_BYTES
        edge_ms = min(given.next_change_ms.get(key, NEVER_MS) for key in work.path)
        assert NOW + seconds * 1000 <= edge_ms


@given(snapshots())
def test_it_never_sleeps_past_an_edge_or_a_debt(given: Snapshot) -> None:
    plan = choose(given, NOW)
    assert plan.wake_ms > NOW
    if not given.archive_full:
        assert plan.wake_ms <= min([*given.next_change_ms.values(), NEVER_MS])


@given(snapshots())
def test_a_rate_is_worth_a_request(given: Snapshot) -> None:
    for start in choose(given, NOW).starts:
        rates = [given.caps[key].rate_bps for key in _candidate(given, start).path]
        finite = [rate for rate in rates if rate is not None]
        if not finite:
            assert start.rate_bps is None
        else:
            assert start.rate_bps is not None
            assert start.rate_bps >= min(MIN_RATE_BPS, *finite)


@given(snapshots(), st.sampled_from([None, GB]))
def test_work_conserving_where_links_are_unknown_or_fast(
    given: Snapshot, link_bps: int | None
) -> None:
    """Whoever could use more is stopped by a cap that is used up, or by slots."""
    links = {} if link_bps is None else {site: link_bps for site, _ in SITES}
    given = replace(given, link_bps=links, archive_full=False)
    plan = choose(given, NOW)

    def used_up(key: str, worth_bps: int) -> bool:
        rate_bps = given.caps[key].rate_bps
        carried = _carried(given, plan, key)
        if rate_bps is None:
            return False
        return rate_bps - sum(rate or 0 for rate in carried) < min(worth_bps, rate_bps)

    for start in plan.starts:
        if start.rate_bps is not None:
            assert any(used_up(key, 1) for key in _candidate(given, start).path)
    for work in given.candidates:
        if plan.waits.get(work.transfer_id) == "the cap is in use":
            assert any(
                used_up(key, MIN_RATE_BPS) or given.caps[key].ready_in_ms for key in work.path
            )
    assert "the link is in use" not in plan.waits.values()


@given(snapshots())
def test_with_nothing_running_something_starts_wherever_it_may(given: Snapshot) -> None:
    """No link is too slow and no cap too small to be used at all."""
    still = {key: replace(cap, granted_bps=0) for key, cap in given.caps.items()}
    given = replace(given, running=[], caps=still, archive_full=False)
    plan = choose(given, NOW)
    if plan.starts:
        return
    for work in given.candidates:
        assert any(
            given.caps[key].rate_bps == 0
            or given.caps[key].ready_in_ms
            or given.next_change_ms.get(key, NEVER_MS) < NOW + EDGE_MS
            for key in work.path
        )


def test_the_time_of_a_plan_grows_with_the_fleet_not_with_its_square() -> None:
    """4,000 sites with 5 recordings each: well under a second where nothing else runs."""
    sites = range(4_000)
    work = [
        Candidate(s * 5 + i, str(s), path(str(s), str(s % 50)), GB, s * 7_919 % 1_000 + i)
        for s in sites
        for i in range(5)
    ]
    caps = {key: Cap(None) for candidate in work for key in candidate.path}
    caps |= {f"depot:{d}": Cap(100 * MBIT) for d in range(50)} | {"global": Cap(GB)}
    given = Snapshot(work, [], caps, link_bps={str(s): MBIT for s in sites if s % 2})
    began_s = time.perf_counter()
    plan = choose(given, NOW)
    assert time.perf_counter() - began_s < 5
    assert sum(start.rate_bps or 0 for start in plan.starts) > GB - MIN_RATE_BPS
