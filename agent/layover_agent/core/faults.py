"""Puts what is wrong with a box in order: the worst first, and what comes of it folded under it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from layover_agent.core.fault_kinds import CRITICAL, KINDS, SEVERITIES, WARNING
from layover_agent.wire.types import Consequence, Fault

MAX_FAULTS = 200
"""Told at most, of causes and of the consequences of each: a box has no more to say."""
EXIT_WARNING, EXIT_CRITICAL = 4, 5
"""Exit statuses of `status`, `check` and `test-cameras`; 1, 2 and 3 say that they failed. No fault
and mere notices give 0, so that a script may ask whether somebody should come."""

MAX_TEXT = 1000

Subject = tuple[str, str]
"""A fault: its code, and what it is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something wrong, as it was found."""

    code: str
    subject: str = ""
    """A camera, a source, a disk; empty: the box."""
    facts: Mapping[str, object] = field(default_factory=dict)
    """What the templates of its kind name."""
    sources: frozenset[str] = frozenset()
    """Whose recordings it touches; empty: all."""
    since_ms: int | None = None
    """Since when, where that is known by itself; None: since it was first found."""

    @property
    def key(self) -> Subject:
        return self.code, self.subject


class Since(Protocol):
    """Since when a fault has been found, by the wall clock of then and by the agent's uptime."""

    @property
    def since_ms(self) -> int: ...

    @property
    def since_uptime_s(self) -> int: ...


def ranked(
    findings: Iterable[Finding],
    known: Mapping[Subject, Since],
    now_ms: int,
    uptime_s: int = 0,
) -> list[Fault]:
    """The faults that stand by themselves, worst first, each with what comes of it.

    ``known``: since when each was found, as it was written down. A cause is as bad as the worst
    that comes of it. KeyError for a code that is not declared, or facts that do not fill it.
    """
    unique = {finding.key: finding for finding in findings}
    under: defaultdict[Subject, list[Finding]] = defaultdict(list)
    by_code: defaultdict[str, list[Finding]] = defaultdict(list)
    for key in sorted(unique):
        by_code[key[0]].append(unique[key])
    for finding in unique.values():
        under[_root(finding, by_code).key].append(finding)
    faults = []
    for root, members in under.items():
        rest = [one for one in members if one.key != root]
        rest.sort(key=lambda one: (_badness(KINDS[one.code].severity), one.key))
        faults.append(_fault(unique[root], rest, known, now_ms, uptime_s))
    faults.sort(key=_order)
    return faults[:MAX_FAULTS]


def exit_status(faults: Iterable[Fault]) -> int:
    """What a command ends with on a box with these faults."""
    severities = {fault.severity for fault in faults}
    if CRITICAL in severities:
        return EXIT_CRITICAL
    return EXIT_WARNING if WARNING in severities else 0


def _root(finding: Finding, by_code: Mapping[str, list[Finding]]) -> Finding:
    """The first cause; the finding itself where nothing explains it. Ends, because ``because``
    leads in no circle (a test)."""
    for code in KINDS[finding.code].because:
        for cause in by_code.get(code, ()):
            if not cause.sources or not finding.sources or cause.sources & finding.sources:
                return _root(cause, by_code)
    return finding


def _fault(
    root: Finding,
    rest: Sequence[Finding],
    known: Mapping[Subject, Since],
    now_ms: int,
    uptime_s: int,
) -> Fault:
    kind = KINDS[root.code]
    since = known.get(root.key)
    return Fault(
        code=kind.code,
        subject=root.subject,
        severity=min((KINDS[one.code].severity for one in (root, *rest)), key=_badness),
        title=kind.title,
        since_ms=_since_ms(root, known, now_ms),
        uptime_s=0 if since is None else max(uptime_s - since.since_uptime_s, 0),
        text=_text(root),
        remedy=kind.remedy.format_map(root.facts)[:MAX_TEXT],
        consequences=[
            Consequence(
                code=one.code,
                subject=one.subject,
                since_ms=_since_ms(one, known, now_ms),
                text=_text(one),
            )
            for one in rest[:MAX_FAULTS]
        ],
    )


def _text(finding: Finding) -> str:
    return KINDS[finding.code].text.format_map(finding.facts)[:MAX_TEXT]


def _since_ms(finding: Finding, known: Mapping[Subject, Since], now_ms: int) -> int:
    if finding.since_ms is not None:
        return finding.since_ms
    since = known.get(finding.key)
    return now_ms if since is None else since.since_ms


def _badness(severity: str) -> int:
    return SEVERITIES.index(severity)


def _order(fault: Fault) -> tuple[int, int, int, str, str]:
    return (
        _badness(fault.severity),
        -len(fault.consequences),
        fault.since_ms,
        fault.code,
        fault.subject,
    )
