"""By which rule a recorder deletes, inferred from what it deleted.

Three kinds of rule, each with one parameter:

- ``age``: a recording goes when its start, end or mtime is older than so many ms.
- ``ring``: the oldest go when the source (or one camera) holds more than so many bytes. A quota.
- ``floor``: the oldest go when the disk has less free than so many bytes.

Each sweep of the recorder says in which interval the parameter would have to lie if the rule were
true. A rule is learned when most sweeps agree on one narrow interval. Several may: at a constant
rate an age and a ring delete the same recordings. Then each names its rivals. Nothing here is a
forecast.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from layover_agent.core.sweeps import Deletion, Sweep, period_ms, sweeps

MIN_SWEEPS = 6
MIN_AGREEMENT = 0.8
"""Share of the sweeps that a rule must explain."""
TOLERANCE = 0.1
"""Share of the agreeing sweeps that may be chance: the interval is as wide as without them."""
WIDEST = 2.0
"""An interval whose upper end is more than so many times its lower end is no knowledge: the rule
is not told, but it remains a rival of those that are."""

Interval = tuple[int, int]
Vote = Callable[[Sweep], Interval | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """A rule with its evidence."""

    kind: str
    """age, ring or floor."""
    lo: int
    hi: int
    """The parameter lies between: ms for an age, bytes otherwise."""
    age_from: str = ""
    """start, end or mtime; empty unless the kind is age."""
    camera: str = ""
    """The camera that it counts; empty: the whole source."""
    support: int
    """Sweeps of the recorder that it explains."""
    contradictions: int
    """Sweeps that it does not."""
    exempt_locked: bool | None = None
    """Whether locked recordings outlive it; None: none was old enough to tell."""
    rivals: tuple[str, ...] = ()
    """Names of other rules that explain the same sweeps."""

    @property
    def name(self) -> str:
        return f"{self.kind}:{self.age_from}" if self.age_from else self.kind

    @property
    def confidence_permille(self) -> int:
        """Laplace's rule of succession: how likely the next sweep follows it."""
        return (self.support + 1) * 1000 // (self.support + self.contradictions + 2)


def learn(observations: Iterable[Deletion]) -> list[Learned]:
    """The rules that explain the deletions of one source, best first; empty: none does.

    Takes the whole record if one rule explains it, else the younger half or quarter: a rule may
    have been changed. Rules per camera are tried where no rule of the whole source holds.
    """
    deletions = list(observations)
    cameras = sorted({d.camera for d in deletions})
    for since in (0, len(deletions) // 2, len(deletions) * 3 // 4):
        recent = deletions[since:]
        found = _of_scope(recent, "", len(cameras))
        if not found and len(cameras) > 1:
            found = [rule for camera in cameras for rule in _of_scope(recent, camera, 1)]
        if found:
            exempt = _locked_exempt(recent)
            return [replace(rule, exempt_locked=exempt) for rule in found]
    return []


def _of_scope(deletions: Sequence[Deletion], camera: str, cameras: int) -> list[Learned]:
    found = sweeps(deletions, camera)
    if len(found) < MIN_SWEEPS:
        return []
    grain_bytes = cameras * max(d.size_bytes for d in deletions)
    waits_ms = period_ms(found)
    rules = [
        _judged("age", found, _by_age(since, waits_ms), camera, since)
        for since in ("start", "end", "mtime")
    ]
    rules.append(_judged("ring", found, _by_ring(bool(camera), grain_bytes), camera))
    if not camera:
        rules.append(_judged("floor", found, _by_floor(grain_bytes), camera))
    explain = sorted(
        (rule for rule in rules if rule is not None),
        key=lambda rule: (
            rule.contradictions,
            # More free than used: a small quota on a great disk looks like that, too.
            rule.kind == "floor" and rule.lo > max(d.source_before_bytes for d in deletions),
            rule.hi / max(rule.lo, 1),
        ),
    )
    return [
        replace(rule, rivals=tuple(other.name for other in explain if other is not rule))
        for rule in explain
        if rule.hi <= WIDEST * max(rule.lo, 0)
    ]


def _judged(
    kind: str, found: Sequence[Sweep], vote: Vote, camera: str, since: str = ""
) -> Learned | None:
    """The rule of this kind, however wide; None: too many sweeps speak against it."""
    votes = [vote(sweep) if sweep.in_order else None for sweep in found]
    given = [one for one in votes if one is not None and one[0] <= one[1]]
    if not given:
        return None
    lo, hi, support = agreement(given)
    if support < max(MIN_SWEEPS, MIN_AGREEMENT * len(votes)):
        return None
    lately = votes[-MIN_SWEEPS:]
    if 2 * sum(1 for v in lately if v is not None and v[0] <= hi and lo <= v[1]) < len(lately):
        return None
    return Learned(
        kind=kind,
        lo=lo,
        hi=hi,
        age_from=since,
        camera=camera,
        support=support,
        contradictions=len(votes) - support,
    )


def agreement(votes: Sequence[Interval]) -> tuple[int, int, int]:
    """Where nearly as many intervals overlap as anywhere: its ends, and how many do at most."""
    edges = sorted([(lo, 0) for lo, _ in votes] + [(hi, 1) for _, hi in votes])
    depths: list[tuple[int, int, int]] = []
    depth = 0
    for (at, is_end), (until, _) in pairwise(edges):
        depth += -1 if is_end else 1
        depths.append((depth, at, until))
    most = max(depth for depth, _, _ in depths)
    enough = [one for one in depths if one[0] >= most - int(most * TOLERANCE)]
    return min(lo for _, lo, _ in enough), max(hi for _, _, hi in enough), most


def _by_age(since: str, waits_ms: int) -> Vote:
    """A recording of less than the parameter's age stays; one older goes at the next sweep."""

    def vote(sweep: Sweep) -> Interval:
        born = [getattr(d, f"{since}_ms") for d in sweep.deletions]
        oldest_seen_ms = max(
            d.seen_ms - born_ms for d, born_ms in zip(sweep.deletions, born, strict=True)
        )
        youngest_missed_ms = min(
            d.missed_ms - born_ms for d, born_ms in zip(sweep.deletions, born, strict=True)
        )
        return oldest_seen_ms - waits_ms, youngest_missed_ms

    return vote


def _by_ring(of_camera: bool, grain_bytes: int) -> Vote:
    """When it went, the ring held no less than the parameter; afterwards, no more.

    ``grain_bytes``: what is being recorded and not listed yet, and the last one that went.
    """

    def vote(sweep: Sweep) -> Interval:
        lows, highs = [], []
        for d in sweep.deletions:
            if of_camera:
                added, after = d.camera_added_bytes, d.camera_after_bytes
                before = d.camera_before_bytes
            else:
                added, after = d.source_added_bytes, d.source_after_bytes
                before = d.source_before_bytes
            lows.append(after - added - grain_bytes)
            highs.append(before + added + grain_bytes)
        return min(lows), max(highs)

    return vote


def _by_floor(grain_bytes: int) -> Vote:
    """When it went, less was free than the parameter; afterwards, no less."""

    def vote(sweep: Sweep) -> Interval | None:
        lows, highs = [], []
        for d in sweep.deletions:
            if d.free_before_bytes is None or d.free_after_bytes is None:
                return None
            lows.append(d.free_before_bytes - d.source_added_bytes - grain_bytes)
            highs.append(d.free_after_bytes + d.source_added_bytes + grain_bytes)
        return min(lows), max(highs)

    return vote


def _locked_exempt(deletions: Sequence[Deletion]) -> bool | None:
    """Whether locked ones outlive what goes; None: no locked one was old enough to tell."""
    outlived = sum(1 for d in deletions if not d.locked and d.locked_older_kept)
    went = sum(1 for d in deletions if d.locked)
    if not outlived and not went:
        return None
    return went * 10 <= outlived
