from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

import pytest

from layover_central.core.budget import Cap, payload_bps
from layover_central.core.plan import (
    EDGE_MS,
    LINK_HEADROOM,
    MAX_SPAN_BYTES,
    MIN_RATE_BPS,
    MIN_SPAN_BYTES,
    NEVER_MS,
    UNCAPPED_SPAN_BYTES,
    Candidate,
    Plan,
    Running,
    Snapshot,
    Stop,
    choose,
)

T = TypeVar("T")

NOW = 1_000_000
KBIT, MBIT = 1_000, 1_000_000
GB = 10**9


def path(site: str, depot: str = "north") -> tuple[str, ...]:
    return ("global", f"depot:{depot}", f"site:{site}")


def want(id: int, site: str = "a", expires_ms: int | None = None, **more: int) -> Candidate:
    return Candidate(id, site, path(site), more.pop("remaining_bytes", GB), expires_ms, **more)


def run(id: int, rate_bps: int | None, site: str = "a", expires_ms: int | None = None) -> Running:
    return Running(id, site, path(site), rate_bps, expires_ms)


def snapshot(
    candidates: list[Candidate],
    running: list[Running] | None = None,
    rates: Mapping[str, int | None] | None = None,
    **more: object,
) -> Snapshot:
    """All caps unlimited but those of ``rates``; what runs is counted."""
    running = running or []
    keys = {key for c in candidates for key in c.path} | {key for r in running for key in r.path}
    grants = Counter[str]()
    for work in running:
        grants.update(dict.fromkeys(work.path, work.rate_bps or 0))
    caps = {key: Cap((rates or {}).get(key), grants[key]) for key in sorted(keys)}
    return Snapshot(candidates, running, caps, **more)  # type: ignore[arg-type]


def rates_of(plan: Plan) -> dict[int, int | None]:
    return {start.transfer_id: start.rate_bps for start in plan.starts}


# -- order

ORDER = {
    "the earlier expiry": (want(2, expires_ms=5), want(1, expires_ms=6)),
    "an expiry before none": (want(2, expires_ms=5), want(1, priority=9)),
    "at the same expiry, the priority": (want(2, expires_ms=5, priority=1), want(1, expires_ms=5)),
    "expiry before priority": (want(2, expires_ms=5), want(1, expires_ms=6, priority=9)),
    "then who asked first": (want(2, asked_ms=5), want(1, asked_ms=6)),
    "then the smaller number": (want(1), want(2)),
}


@pytest.mark.parametrize(("first", "second"), ORDER.values(), ids=ORDER)
def test_first_comes(first: Candidate, second: Candidate) -> None:
    plan = choose(snapshot([second, first], rates={"global": MBIT}), NOW)
    assert rates_of(plan) == {first.transfer_id: MBIT}
    assert plan.waits == {second.transfer_id: "the cap is in use"}


# -- rates of starts: depot north has 10 Mbit/s where nothing else is said

NORTH = {"depot:north": 10 * MBIT}
A, B, A2 = want(1, "a", 5), want(2, "b", 6), want(3, "a", 7)

RATES: dict[str, tuple[Snapshot, dict[int, int | None]]] = {
    "unlimited: all at once": (snapshot([A, B, A2]), {1: None, 2: None, 3: None}),
    "one unknown link gets all": (snapshot([A], rates=NORTH), {1: 10 * MBIT}),
    "two unknown links share": (snapshot([A, B], rates=NORTH), {1: 5 * MBIT, 2: 5 * MBIT}),
    "sites share, not recordings": (snapshot([A, B, A2], rates=NORTH), {1: 5 * MBIT, 2: 5 * MBIT}),
    "a fast link takes the cap": (
        snapshot([A, B], rates=NORTH, link_bps={"a": 50 * MBIT, "b": 50 * MBIT}),
        {1: 10 * MBIT},
    ),
    "a slow link leaves the rest": (
        snapshot([A, B], rates=NORTH, link_bps={"a": 4 * MBIT, "b": 50 * MBIT}),
        {1: 5 * MBIT, 2: 5 * MBIT},
    ),
    "one slow link is not granted twice": (
        snapshot([A, A2], rates=NORTH, link_bps={"a": 4 * MBIT}),
        {1: 5 * MBIT},
    ),
    "what a slow link runs already is counted": (
        snapshot([A], [run(9, 3 * MBIT)], NORTH, link_bps={"a": 4 * MBIT}),
        {1: 2 * MBIT},
    ),
    "a link measured at nothing is tried again": (
        snapshot([A], rates=NORTH, link_bps={"a": 0}),
        {1: int(MIN_RATE_BPS * LINK_HEADROOM)},
    ),
    "a cap below the least grant is still used": (
        snapshot([A, B], rates={"depot:north": 50 * KBIT}),
        {1: 50 * KBIT},
    ),
    "a site's cap leaves the rest to another": (
        snapshot([A, B], rates=NORTH | {"site:a": MBIT}),
        {1: MBIT, 2: 9 * MBIT},
    ),
    "a later site's cap leaves the rest to an earlier": (
        snapshot([A, B], rates=NORTH | {"site:b": MBIT}),
        {1: 9 * MBIT, 2: MBIT},
    ),
    "what runs is subtracted": (snapshot([A], [run(9, 9 * MBIT, "b")], NORTH), {1: MBIT}),
    "less than a grant is worth": (snapshot([A], [run(9, 9_990 * KBIT, "b")], NORTH), {}),
    "only as many as there are slots, at full rate": (
        snapshot([A, B], rates=NORTH, slots={"depot:north": 1}),
        {1: 10 * MBIT},
    ),
    "as many unlimited spans as there are slots": (
        snapshot([A, B, A2], slots={"depot:north": 2}),
        {1: None, 2: None},
    ),
    "those that get a slot share, not those that wait": (
        snapshot([A, B, want(4, "c", 8)], rates=NORTH, slots={"depot:north": 2}),
        {1: 5 * MBIT, 2: 5 * MBIT},
    ),
    "what runs takes a slot": (
        snapshot([A, B], [run(9, None)], slots={"site:a": 1}),
        {2: None},
    ),
    "a site whose slots are taken gets no share": (
        snapshot([A, B], [run(9, MBIT)], NORTH, slots={"site:a": 1}),
        {2: 9 * MBIT},
    ),
    "a site whose window is closed gets no share": (
        snapshot([A, B, want(4, "c", 8)], rates=NORTH | {"site:a": 0}),
        {2: 5 * MBIT, 4: 5 * MBIT},
    ),
}


@pytest.mark.parametrize(("given", "expected"), RATES.values(), ids=RATES)
def test_rates(given: Snapshot, expected: dict[int, int | None]) -> None:
    assert rates_of(choose(given, NOW)) == expected


def test_sites_of_another_depot_do_not_thin_a_share() -> None:
    crowd = [Candidate(i, f"n{i}", path(f"n{i}"), GB, 1) for i in range(200)]
    lone = Candidate(999, "s", path("s", "south"), GB, 9)
    caps = {"depot:north": 10 * MBIT, "depot:south": 10 * MBIT, "global": None}
    assert rates_of(choose(snapshot([*crowd, lone], rates=caps), NOW))[999] == 10 * MBIT


# -- waits, and when to look again

WAITS: dict[str, tuple[Snapshot, str, int]] = {
    "closed": (snapshot([A], rates={"global": 0}), "the window is closed", NEVER_MS),
    "closed, opens later": (
        snapshot([A], rates={"global": 0}, next_change_ms={"global": NOW + 9_000}),
        "the window is closed",
        NOW + 9_000,
    ),
    "the edge is near": (
        snapshot([A], next_change_ms={"site:a": NOW + EDGE_MS - 1}),
        "the window is about to change",
        NOW + EDGE_MS - 1,
    ),
    "slots of a depot": (
        snapshot([A], [run(9, None, "b")], slots={"depot:north": 1}),
        "all slots of north are taken",
        NEVER_MS,
    ),
    "a debt": (
        replace(snapshot([A]), caps=dict.fromkeys(A.path, Cap(MBIT)) | {"global": Cap(MBIT, 0, 7)}),
        "the cap is in use",
        NOW + 7,
    ),
    "the link": (
        snapshot([A], [run(9, 5 * MBIT)], NORTH, link_bps={"a": 4 * MBIT}),
        "the link is in use",
        NEVER_MS,
    ),
    "the archive": (snapshot([A], archive_full=True), "the archive has no space", NEVER_MS),
    "a span that must end first": (
        snapshot([A], [run(9, 11 * MBIT, "b")], NORTH),
        "a cap changed",
        NEVER_MS,
    ),
    "closed counts more than what must end": (
        snapshot([A], [run(9, MBIT, "b")], {"depot:north": 0}),
        "the window is closed",
        NEVER_MS,
    ),
}


@pytest.mark.parametrize(("given", "why", "wake_ms"), WAITS.values(), ids=WAITS)
def test_waits(given: Snapshot, why: str, wake_ms: int) -> None:
    plan = choose(given, NOW)
    assert (plan.starts, plan.waits, plan.wake_ms) == ([], {1: why}, wake_ms)


# -- stops

STOPS: dict[str, tuple[Snapshot, list[Stop]]] = {
    "all fits": (snapshot([], [run(1, 10 * MBIT)], NORTH), []),
    "the window closed": (
        snapshot([], [run(1, MBIT), run(2, None, "b")], {"depot:north": 0}),
        [Stop(2, "the window closed"), Stop(1, "the window closed")],
    ),
    "the cap was lowered: the least urgent stops": (
        snapshot([], [run(1, 6 * MBIT, "a", 5), run(2, 6 * MBIT, "b", 6)], NORTH),
        [Stop(2, "the cap was lowered")],
    ),
    "only under the cap that is too small": (
        snapshot([], [run(1, 6 * MBIT, "a", 5), run(2, MBIT, "b", 6)], {"site:a": MBIT}),
        [Stop(1, "the cap was lowered")],
    ),
    "an unlimited span under a new cap": (
        snapshot([], [run(1, None), run(2, MBIT, "b", 6)], NORTH),
        [Stop(1, "the cap was lowered")],
    ),
    "the archive is full": (
        snapshot([], [run(1, None)], archive_full=True),
        [Stop(1, "the archive has no space")],
    ),
}


@pytest.mark.parametrize(("given", "expected"), STOPS.values(), ids=STOPS)
def test_stops(given: Snapshot, expected: list[Stop]) -> None:
    assert choose(given, NOW).stops == expected


def test_a_stop_at_one_site_does_not_hold_up_another() -> None:
    plan = choose(snapshot([B], [run(9, 2 * MBIT)], NORTH | {"site:a": MBIT}), NOW)
    assert plan.stops == [Stop(9, "the cap was lowered")]
    assert rates_of(plan) == {2: 8 * MBIT}


# -- spans


def _at(rate_bps: int, seconds: float = 1.0) -> int:
    return int(payload_bps(rate_bps) / 8 * seconds)


SPANS: dict[str, tuple[Snapshot, int]] = {
    "unlimited": (snapshot([A]), UNCAPPED_SPAN_BYTES),
    "about a second": (snapshot([A], rates=NORTH), _at(10 * MBIT)),
    "a second of what the link carries": (
        snapshot([A], rates=NORTH, link_bps={"a": 4 * MBIT}),
        _at(4 * MBIT),
    ),
    "slow: not less than is worth a request": (
        snapshot([A], rates={"global": 100 * KBIT}),
        MIN_SPAN_BYTES,
    ),
    "fast: not more than can be undone": (snapshot([A], rates={"global": GB}), MAX_SPAN_BYTES),
    "what is left": (snapshot([want(1, remaining_bytes=5)], rates=NORTH), 5),
    "up to the edge": (
        snapshot([A], rates=NORTH, next_change_ms={"global": NOW + 200}),
        _at(10 * MBIT, 0.2),
    ),
    "up to the edge, at the link's rate": (
        snapshot([A], rates=NORTH, link_bps={"a": MBIT}, next_change_ms={"global": NOW + 200}),
        _at(MBIT, 0.2),
    ),
    "unlimited, up to the edge": (
        snapshot([A], link_bps={"a": MBIT}, next_change_ms={"site:a": NOW + 200}),
        _at(MBIT, 0.2),
    ),
    "an edge elsewhere does not matter": (
        snapshot([A], rates=NORTH, next_change_ms={"site:z": NOW + 200}),
        _at(10 * MBIT),
    ),
}


@pytest.mark.parametrize(("given", "expected"), SPANS.values(), ids=SPANS)
def test_span_bytes(given: Snapshot, expected: int) -> None:
    (start,) = choose(given, NOW).starts
    assert start.max_bytes == expected
