"""Which bytes cross which link now: one snapshot in, decisions out.

The order is by what would be lost first: the early edge of the expiry forecast, then priority,
then who asked first. A recording that is held at its site has no expiry and yields to one that
has. Units of work are spans of about a second, so that every plan can change its mind soon.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from layover_central.core.budget import Cap, free_bps, payload_bps

SPAN_S = 1.0
MIN_SPAN_BYTES = 64 << 10
MAX_SPAN_BYTES = 16 << 20
UNCAPPED_SPAN_BYTES = 32 << 20
MIN_RATE_BPS = 64_000
"""A grant below this is not worth a request of its own; the span waits for more, unless a cap
on its path is that small. No link is taken for slower, or it would never be measured again."""

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
    """When a cap changes next, later than now; missing: never."""
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
    if snapshot.archive_full:
        why = "the archive has no space"
        stops = [Stop(r.transfer_id, why) for r in _least_urgent_first(snapshot)]
        return Plan([], stops, {c.transfer_id: why for c in snapshot.candidates}, NEVER_MS)
    stops, overrun = _overruns(snapshot)
    starts, waits, wake_ms = _starts(snapshot, overrun, now_ms)
    return Plan(starts, stops, waits, min(wake_ms, _next_edge(snapshot, now_ms)))


def _least_urgent_first(snapshot: Snapshot) -> list[Running]:
    return sorted(snapshot.running, key=urgency, reverse=True)


def _next_edge(snapshot: Snapshot, now_ms: int) -> int:
    return min((t for t in snapshot.next_change_ms.values() if t > now_ms), default=NEVER_MS)


def _overruns(snapshot: Snapshot) -> tuple[list[Stop], set[str]]:
    """Least urgent spans to stop so that what is granted fits every cap again, and those caps.

    What stops still counts as granted until it has ended; that event brings the next plan.
    """
    over = {
        key: cap.granted_bps - cap.rate_bps
        for key, cap in snapshot.caps.items()
        if cap.rate_bps is not None
    }
    overrun = {key for key, excess_bps in over.items() if excess_bps > 0}
    stops: list[Stop] = []
    for work in _least_urgent_first(snapshot):
        limited = [key for key in work.path if key in over]
        if work.rate_bps is None:
            overrun.update(limited)
            fatal = limited
        else:
            fatal = [key for key in limited if over[key] > 0]
        if fatal:
            closed = any(snapshot.caps[key].rate_bps == 0 for key in fatal)
            why = "the window closed" if closed else "the cap was lowered"
            stops.append(Stop(work.transfer_id, why))
            for key in limited:
                over[key] -= work.rate_bps or 0
    return stops, overrun


class _Left:
    """What is left of caps, slots and links while the starts are chosen."""

    def __init__(self, snapshot: Snapshot, overrun: set[str], now_ms: int) -> None:
        self.caps = dict(snapshot.caps)
        self.shut: dict[str, tuple[str, int]] = {}
        """Caps under which nothing begins now: why, and when to look again."""
        self._slots = snapshot.slots
        self._in_use = Counter(key for run in snapshot.running for key in run.path)
        self._at_site = Counter[str]()
        for run in snapshot.running:
            self._at_site[run.site] += run.rate_bps or 0
        for key, cap in snapshot.caps.items():
            if cap.rate_bps == 0:
                self.shut[key] = "the window is closed", NEVER_MS
            elif key in overrun:
                self.shut[key] = "a cap changed", NEVER_MS
            elif cap.ready_in_ms:
                self.shut[key] = "the cap is in use", now_ms + cap.ready_in_ms
            elif 0 < snapshot.next_change_ms.get(key, NEVER_MS) - now_ms < EDGE_MS:
                self.shut[key] = "the window is about to change", NEVER_MS
            else:
                self._shut_if_used_up(key)
        self._rivals: dict[str, set[str]] = {key: set() for key in self.caps}
        for work in snapshot.candidates:
            if self.barred(work) is None:
                for key in work.path:
                    self._rivals[key].add(work.site)

    def _shut_if_used_up(self, key: str) -> None:
        cap = self.caps[key]
        if self._in_use[key] >= self._slots.get(key, NEVER_MS):
            self.shut[key] = f"all slots of {key.partition(':')[2] or key} are taken", NEVER_MS
        elif cap.rate_bps is not None and (cap.free_bps or 0) < min(MIN_RATE_BPS, cap.rate_bps):
            self.shut[key] = "the cap is in use", NEVER_MS

    def barred(self, work: Candidate) -> tuple[str, int] | None:
        return next((self.shut[key] for key in work.path if key in self.shut), None)

    def rate_bps(self, work: Candidate, link_bps: int | None) -> int | None:
        """A wire rate along the path: all that a known link can carry, a fair share of every
        cap for an unknown one. None: unlimited; 0: the link is in use."""
        free = free_bps(self.caps, work.path)
        if free is None:
            return None
        if link_bps is None:
            shares = (self._share_bps(key, work.site) for key in work.path)
            return max(min(share for share in shares if share is not None), min(free, MIN_RATE_BPS))
        room = int(link_bps * LINK_HEADROOM) - self._at_site[work.site]
        return min(free, room) if room >= max(link_bps // 10, min(free, MIN_RATE_BPS)) else 0

    def _share_bps(self, key: str, site: str) -> int | None:
        free = self.caps[key].free_bps
        rivals = len(self._rivals[key]) + (site not in self._rivals[key])
        slots = self._slots.get(key, NEVER_MS) - self._in_use[key]
        return None if free is None else free // min(rivals, slots)

    def begin(self, work: Candidate, rate_bps: int | None) -> None:
        """Takes a slot and a rate under every cap of the path."""
        self.grant(work, rate_bps or 0)
        self._in_use.update(work.path)
        for key in work.path:
            self._rivals[key].discard(work.site)
            self._shut_if_used_up(key)

    def grant(self, work: Candidate, rate_bps: int) -> None:
        self._at_site[work.site] += rate_bps
        for key in work.path:
            cap = self.caps[key]
            self.caps[key] = replace(cap, granted_bps=cap.granted_bps + rate_bps)


def _starts(
    snapshot: Snapshot, overrun: set[str], now_ms: int
) -> tuple[list[Start], dict[int, str], int]:
    left = _Left(snapshot, overrun, now_ms)
    chosen: list[tuple[Candidate, int | None]] = []
    waits: dict[int, str] = {}
    wake_ms = NEVER_MS
    for work in sorted(snapshot.candidates, key=urgency):
        barred = left.barred(work)
        if barred is not None:
            waits[work.transfer_id] = barred[0]
            wake_ms = min(wake_ms, barred[1])
            continue
        rate_bps = left.rate_bps(work, _link_bps(work, snapshot))
        if rate_bps == 0:
            waits[work.transfer_id] = "the link is in use"
            continue
        left.begin(work, rate_bps)
        chosen.append((work, rate_bps))
    starts = []
    for work, rate_bps in chosen:
        if rate_bps is not None and work.site not in snapshot.link_bps:
            # What the others left of their shares goes to the most urgent.
            more_bps = free_bps(left.caps, work.path) or 0
            left.grant(work, more_bps)
            rate_bps += more_bps
        max_bytes = _span_bytes(work, rate_bps, snapshot, now_ms)
        starts.append(Start(work.transfer_id, rate_bps, max_bytes))
    return starts, waits, wake_ms


def _link_bps(work: Candidate, snapshot: Snapshot) -> int | None:
    measured = snapshot.link_bps.get(work.site)
    return None if measured is None else max(measured, MIN_RATE_BPS)


def _span_bytes(work: Candidate, rate_bps: int | None, snapshot: Snapshot, now_ms: int) -> int:
    """About a second's worth, and no more than fits before a cap on the path changes."""
    edge_ms = min(snapshot.next_change_ms.get(key, NEVER_MS) for key in work.path)
    known = [bps for bps in (rate_bps, _link_bps(work, snapshot)) if bps is not None]
    bytes_per_s = payload_bps(min(known)) / 8 if known else None
    limit = UNCAPPED_SPAN_BYTES
    if bytes_per_s is not None and rate_bps is not None:
        limit = min(max(int(bytes_per_s * SPAN_S), MIN_SPAN_BYTES), MAX_SPAN_BYTES)
    if bytes_per_s is not None and edge_ms < NEVER_MS:
        limit = min(limit, max(int(bytes_per_s * (edge_ms - now_ms) / 1000), 1))
    return min(limit, work.remaining_bytes)
