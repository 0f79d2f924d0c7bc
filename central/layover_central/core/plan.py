"""Which bytes cross which link now: one snapshot in, decisions out.

The order is by what would be lost first: the early edge of the expiry forecast, then priority,
then who asked first. A recording that is held at its site has no expiry and yields to one that
has. Units of work are spans of about a second, so that every plan can change its mind soon.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from layover_central.core.budget import Cap, free_bps, granted, payload_bps

SPAN_S = 1.0
MIN_SPAN_BYTES = 64 << 10
MAX_SPAN_BYTES = 16 << 20
UNCAPPED_SPAN_BYTES = 32 << 20
MIN_RATE_BPS = 64_000
"""A grant below this is not worth a request of its own; the span waits for more."""

LINK_HEADROOM = 1.25
"""How far above its measured rate a site is granted, so that a faster link shows itself."""

EDGE_MS = 50
"""No span begins when a cap changes within this time."""

NEVER_MS = 1 << 62


@dataclass(frozen=True, slots=True)
class Candidate:
    """A transfer whose site is in contact and that is not running."""

    transfer_id: int
    site: str
    path: tuple[str, ...]
    """The caps above it, outermost first."""
    remaining_bytes: int
    expires_ms: int | None
    """Early edge of the expiry forecast; None: held, or no known rule deletes it."""
    priority: int = 0
    asked_ms: int = 0


@dataclass(frozen=True, slots=True)
class Running:
    """A span under way."""

    transfer_id: int
    site: str
    path: tuple[str, ...]
    rate_bps: int | None
    """Wire rate it was granted; None: unlimited."""
    expires_ms: int | None = None
    priority: int = 0
    asked_ms: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a plan rests on."""

    candidates: Sequence[Candidate]
    running: Sequence[Running]
    caps: Mapping[str, Cap]
    """Every cap that a path names, with the grants of ``running`` already counted."""
    slots: Mapping[str, int] = field(default_factory=dict)
    """Greatest number of spans at once under a cap; missing: no limit."""
    link_bps: Mapping[str, int] = field(default_factory=dict)
    """Measured wire rate of a site's link, where it is known."""
    next_change_ms: Mapping[str, int] = field(default_factory=dict)
    """When a cap changes next."""
    archive_full: bool = False


@dataclass(frozen=True, slots=True)
class Start:
    transfer_id: int
    rate_bps: int | None
    """Wire rate granted."""
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Stop:
    transfer_id: int
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    starts: Sequence[Start]
    stops: Sequence[Stop]
    waits: Mapping[int, str]
    """Why each candidate that does not start waits."""
    wake_ms: int
    """When to plan again even if nothing happens; NEVER_MS: no need."""


def urgency(work: Candidate | Running) -> tuple[int, int, int, int]:
    """Sort key: what would be lost first comes first."""
    expires = NEVER_MS if work.expires_ms is None else work.expires_ms
    return (expires, -work.priority, work.asked_ms, work.transfer_id)


def choose(snapshot: Snapshot, now_ms: int) -> Plan:
    """Starts and stops for now. Never grants more than a cap, never begins past a window."""
    stops = _overruns(snapshot)
    if snapshot.archive_full:
        stops = [Stop(r.transfer_id, "the archive has no space") for r in snapshot.running]
        waits = {c.transfer_id: "the archive has no space" for c in snapshot.candidates}
        return Plan([], stops, waits, NEVER_MS)
    if stops:
        # What stops still counts as granted until it has ended; that event brings the next plan.
        waits = {c.transfer_id: "a cap changed" for c in snapshot.candidates}
        return Plan([], stops, waits, _next_edge(snapshot, now_ms))
    starts, waits, wake_ms = _starts(snapshot, now_ms)
    return Plan(starts, [], waits, min(wake_ms, _next_edge(snapshot, now_ms)))


def _next_edge(snapshot: Snapshot, now_ms: int) -> int:
    return min((t for t in snapshot.next_change_ms.values() if t > now_ms), default=NEVER_MS)


def _overruns(snapshot: Snapshot) -> list[Stop]:
    """Least urgent spans to stop so that what is granted fits every cap again."""
    stops: dict[int, Stop] = {}
    over = {
        key: cap.granted_bps - cap.rate_bps
        for key, cap in snapshot.caps.items()
        if cap.rate_bps is not None
    }
    for work in sorted(snapshot.running, key=urgency, reverse=True):
        for key in work.path:
            cap = snapshot.caps[key]
            if cap.rate_bps is None or (over[key] <= 0 and work.rate_bps is not None):
                continue
            why = "the window closed" if cap.rate_bps == 0 else "the cap was lowered"
            stops[work.transfer_id] = Stop(work.transfer_id, why)
            for above in work.path:
                if above in over:
                    over[above] -= work.rate_bps or 0
            break
    return list(stops.values())


def _starts(snapshot: Snapshot, now_ms: int) -> tuple[list[Start], dict[int, str], int]:
    caps = dict(snapshot.caps)
    in_use = Counter(key for run in snapshot.running for key in run.path)
    at_site = Counter[str]()
    for run in snapshot.running:
        at_site[run.site] += run.rate_bps or 0
    starts: list[Start] = []
    waits: dict[int, str] = {}
    wake_ms = NEVER_MS
    ordered = sorted(snapshot.candidates, key=urgency)
    unplanned_sites = Counter(c.site for c in ordered)
    for work in ordered:
        sharing = len(unplanned_sites)
        unplanned_sites[work.site] -= 1
        unplanned_sites += Counter()
        blocked = _blocked(work, snapshot, caps, in_use, now_ms)
        if blocked:
            why, again_ms = blocked
            waits[work.transfer_id] = why
            wake_ms = min(wake_ms, again_ms)
            continue
        rate_bps = _rate(work, snapshot, caps, at_site, sharing)
        if rate_bps is not None and rate_bps < MIN_RATE_BPS:
            waits[work.transfer_id] = "the cap is in use"
            continue
        starts.append(
            Start(work.transfer_id, rate_bps, _span_bytes(work, rate_bps, snapshot, now_ms))
        )
        in_use.update(work.path)
        if rate_bps is not None:
            caps = granted(caps, work.path, rate_bps)
            at_site[work.site] += rate_bps
    return starts, waits, wake_ms


def _blocked(
    work: Candidate,
    snapshot: Snapshot,
    caps: Mapping[str, Cap],
    in_use: Counter[str],
    now_ms: int,
) -> tuple[str, int] | None:
    for key in work.path:
        cap = caps[key]
        if cap.rate_bps == 0:
            return "the window is closed", NEVER_MS
        if cap.ready_in_ms:
            return "the cap is in use", now_ms + cap.ready_in_ms
        if 0 < snapshot.next_change_ms.get(key, NEVER_MS) - now_ms < EDGE_MS:
            return "the window is about to change", NEVER_MS
        if in_use[key] >= snapshot.slots.get(key, NEVER_MS):
            return f"all slots of {key.partition(':')[2] or key} are taken", NEVER_MS
    return None


def _rate(
    work: Candidate,
    snapshot: Snapshot,
    caps: Mapping[str, Cap],
    at_site: Counter[str],
    sharing: int,
) -> int | None:
    """A wire rate along the path: all a known link can carry, a fair share of an unknown one."""
    free = free_bps(caps, work.path)
    if free is None:
        return None
    link = snapshot.link_bps.get(work.site)
    if link is None:
        return max(free // max(sharing, 1), min(free, MIN_RATE_BPS))
    room = int(link * LINK_HEADROOM) - at_site[work.site]
    return min(free, room) if room >= link // 10 else 0


def _span_bytes(work: Candidate, rate_bps: int | None, snapshot: Snapshot, now_ms: int) -> int:
    edge_ms = min(snapshot.next_change_ms.get(key, NEVER_MS) for key in work.path)
    speed = rate_bps if rate_bps is not None else snapshot.link_bps.get(work.site)
    if rate_bps is None:
        limit = UNCAPPED_SPAN_BYTES
    else:
        limit = min(max(int(payload_bps(rate_bps) / 8 * SPAN_S), MIN_SPAN_BYTES), MAX_SPAN_BYTES)
    if speed is not None and edge_ms < NEVER_MS:
        limit = min(limit, max(int(payload_bps(speed) / 8 * (edge_ms - now_ms) / 1000), 1))
    return min(limit, work.remaining_bytes)
