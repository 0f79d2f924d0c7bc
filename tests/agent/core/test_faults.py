import string
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layover_agent.core.fault_kinds import KINDS, SEVERITIES
from layover_agent.core.faults import Finding, exit_status, ranked
from layover_agent.wire.types import Fault

NOW_MS = 1_795_258_800_000
HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Seen:
    since_ms: int
    since_uptime_s: int = 0


class Anything(dict[str, object]):
    def __missing__(self, key: str) -> object:
        return f"<{key}>"


def found(code: str, subject: str = "", *sources: str, since_ms: int | None = None) -> Finding:
    return Finding(
        code=code, subject=subject, facts=Anything(), sources=frozenset(sources), since_ms=since_ms
    )


def codes(faults: list[Fault]) -> list[str]:
    return [fault.code for fault in faults]


def test_nothing_found_is_no_fault() -> None:
    assert ranked([], {}, NOW_MS) == []


def test_the_worst_comes_first() -> None:
    faults = ranked([found("not-advertised"), found("hot"), found("disk-full", "/r")], {}, NOW_MS)
    assert codes(faults) == ["disk-full", "hot", "not-advertised"]


def test_of_equals_the_one_with_more_consequences_comes_first_then_the_oldest() -> None:
    faults = ranked(
        [
            found("hold-broken", since_ms=5),
            found("disk-full", "/r", "a", since_ms=1),
            found("recorder-not-running", "b", "b", since_ms=9),
            found("camera-late", "b/x", "b"),
        ],
        {},
        NOW_MS,
    )
    assert codes(faults) == ["recorder-not-running", "disk-full", "hold-broken"]


def test_what_comes_of_a_fault_is_folded_under_its_first_cause() -> None:
    """Disk gone: the folder, the recorder and all cameras follow, through one another."""
    late = [found("camera-late", f"nvr/{n}", "nvr") for n in range(8)]
    faults = ranked(
        [*late, found("recorder-not-running", "nvr", "nvr"),
         found("source-unreadable", "nvr", "nvr"), found("disk-gone", "sda1", "nvr")],
        {}, NOW_MS,
    )  # fmt: skip
    assert codes(faults) == ["disk-gone"]
    assert len(faults[0].consequences) == 10
    assert {one.code for one in faults[0].consequences} == {
        "camera-late", "recorder-not-running", "source-unreadable",
    }  # fmt: skip


def test_another_source_does_not_suffer() -> None:
    faults = ranked(
        [found("disk-gone", "sda1", "nvr"), found("camera-late", "cab/x", "cab")], {}, NOW_MS
    )
    assert codes(faults) == ["camera-late", "disk-gone"]


def test_a_disk_under_two_sources_explains_both() -> None:
    faults = ranked(
        [found("disk-full", "/r", "nvr", "cab"), found("camera-late", "cab/x", "cab"),
         found("camera-late", "nvr/x", "nvr")],
        {}, NOW_MS,
    )  # fmt: skip
    assert codes(faults) == ["disk-full"]


def test_a_cause_is_as_bad_as_the_worst_that_comes_of_it() -> None:
    (fault,) = ranked([found("memory-low"), found("recorder-not-running", "n", "n")], {}, NOW_MS)
    assert (fault.code, fault.severity) == ("memory-low", "critical")


def test_since_when_is_what_is_known_by_itself_then_what_was_written_then_now() -> None:
    known = {("hot", ""): Seen(NOW_MS - HOUR_MS, 50), ("disk-full", "/r"): Seen(NOW_MS, 100)}
    findings = [found("hot"), found("disk-full", "/r", since_ms=7), found("agent-heavy")]
    faults = {fault.code: fault for fault in ranked(findings, known, NOW_MS, uptime_s=110)}
    assert faults["hot"].since_ms == NOW_MS - HOUR_MS
    assert faults["hot"].uptime_s == 60
    assert faults["disk-full"].since_ms == 7
    assert faults["agent-heavy"].since_ms == NOW_MS
    assert faults["agent-heavy"].uptime_s == 0


def test_the_same_thing_found_twice_is_one_fault() -> None:
    assert len(ranked([found("hot"), found("hot")], {}, NOW_MS)) == 1


def test_text_and_remedy_say_what_was_found() -> None:
    facts = {"source": "nvr", "process": "mediamtx"}
    (fault,) = ranked(
        [Finding(code="recorder-not-running", subject="nvr", facts=facts)], {}, NOW_MS
    )
    assert "mediamtx" in fault.text
    assert "sources.nvr.process" in fault.remedy
    assert fault.title


def test_a_hostile_name_is_not_a_template() -> None:
    facts = {"source": "{process}{0}", "why": "{source.__class__}"}
    (fault,) = ranked([Finding(code="source-unreadable", facts=facts)], {}, NOW_MS)
    assert fault.text == "source {process}{0}: {source.__class__}"


def test_a_novel_of_a_name_does_not_break_the_wire() -> None:
    facts = {"source": "x" * 100_000, "why": "y"}
    (fault,) = ranked([Finding(code="source-unreadable", facts=facts)], {}, NOW_MS)
    assert len(fault.text) <= 1000


def test_a_code_that_is_not_declared_is_an_error() -> None:
    with pytest.raises(KeyError):
        ranked([found("no-such-thing")], {}, NOW_MS)


@pytest.mark.parametrize(
    ("severities", "status"),
    [([], 0), (["notice"], 0), (["notice", "warning"], 4), (["warning", "critical"], 5)],
)
def test_exit_status(severities: list[str], status: int) -> None:
    faults = [
        Fault(code="c", severity=severity, since_ms=1, text="t", remedy="r")
        for severity in severities
    ]
    assert exit_status(faults) == status


def _causes(code: str) -> Iterator[str]:
    for cause in KINDS[code].because:
        yield cause
        yield from _causes(cause)


@pytest.mark.parametrize("code", KINDS)
def test_the_declaration_holds_together(code: str) -> None:
    kind = KINDS[code]
    assert kind.severity in SEVERITIES
    assert kind.remedy
    assert set(kind.because) <= set(KINDS)
    assert code not in set(_causes(code)), "it would be its own cause"
    named = {name for _, name, _, _ in string.Formatter().parse(kind.text) if name}
    remedied = {name for _, name, _, _ in string.Formatter().parse(kind.remedy) if name}
    assert remedied <= named


_FINDINGS = st.lists(
    st.builds(
        found,
        st.sampled_from(sorted(KINDS)),
        st.sampled_from(["", "a", "b"]),
        st.sampled_from(["a", "b", "c"]),
        since_ms=st.none() | st.integers(0, NOW_MS),
    ),
    max_size=30,
)


@given(_FINDINGS)
def test_everything_found_is_told_exactly_once(findings: list[Finding]) -> None:
    faults = ranked(findings, {}, NOW_MS)
    told = [(fault.code, fault.subject) for fault in faults]
    told += [(one.code, one.subject) for fault in faults for one in fault.consequences]
    assert sorted(told) == sorted({finding.key for finding in findings})


@given(_FINDINGS)
def test_the_order_of_finding_does_not_matter(findings: list[Finding]) -> None:
    unique = list({finding.key: finding for finding in findings}.values())
    assert ranked(unique, {}, NOW_MS) == ranked(unique[::-1], {}, NOW_MS)


@given(_FINDINGS)
def test_severities_only_fall(findings: list[Finding]) -> None:
    order = [SEVERITIES.index(fault.severity) for fault in ranked(findings, {}, NOW_MS)]
    assert order == sorted(order)
