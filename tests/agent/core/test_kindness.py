import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layover_agent.core.kindness import (
    LEAST_READ_BPS,
    LEAST_WAITED_SHARE,
    RECOVERY_MS,
    Facts,
    Pace,
    decide,
)

CALM = Facts(io_percent=0.5, cpu_percent=3, memory_percent=0, temperature_c=45)

CASES = {
    "nothing is known": (Facts(), 1, 1, ""),
    "a calm box": (CALM, 1, 1, ""),
    "some disk pressure": (Facts(io_percent=25), 0.4, 0.6, "disk"),
    "the disk is drowning": (Facts(io_percent=60), 0, 0, "disk"),
    "the disk is busy by us alone": (Facts(io_percent=18, own_io_percent=18), 1, 1, ""),
    "the disk is busy, by us too": (Facts(io_percent=50, own_io_percent=20), 0, 0, "disk"),
    "own pressure beyond the whole": (Facts(io_percent=10, own_io_percent=90), 1, 1, ""),
    "the processor is busy": (Facts(cpu_percent=60), 0.3, 0.5, "processor"),
    "memory is short": (Facts(memory_percent=25), 0, 0, "memory"),
    "no PSI, high load": (Facts(load_per_core=5), 0, 0, "load"),
    "PSI is better than load": (Facts(cpu_percent=0, load_per_core=5), 1, 1, ""),
    "warm": (Facts(temperature_c=78, temperature_limit_c=100), 1, 1, ""),
    "near its limit": (Facts(temperature_c=92, temperature_limit_c=100), 0.3, 0.6, "hot"),
    "beyond its limit": (Facts(temperature_c=101, temperature_limit_c=100), 0, 0, "hot"),
    "hot, and no limit is told": (Facts(temperature_c=84), 0, 0, "hot"),
    "the recorder is behind": (Facts(recorder_behind=True), 0.1, 0.1, "recorder"),
    "a full battery": (Facts(on_battery=True, battery_percent=100), 0.5, 0.5, "battery"),
    "a battery that tells nothing": (Facts(on_battery=True), 0.5, 0.5, "battery"),
    "an empty battery": (Facts(on_battery=True, battery_percent=15), 0, 0, "battery"),
    "an empty battery on the mains": (Facts(on_battery=False, battery_percent=15), 1, 1, ""),
    "the ignition is off": (Facts(ignition_on=False), 0.5, 0.5, "ignition"),
    "the ignition is on": (Facts(ignition_on=True), 1, 1, ""),
    "the worst counts": (Facts(ignition_on=False, io_percent=99), 0, 0, "disk"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_box_allows(case: str) -> None:
    facts, least, most, why = CASES[case]
    pace = decide(facts, None, 0)
    assert least <= pace.work_share <= most
    assert why in pace.why
    assert bool(pace.why) is (pace.work_share < 1)


def test_slowing_down_is_immediate() -> None:
    pace = decide(CALM, None, 0)
    assert decide(Facts(io_percent=90), pace, 1).work_share == 0


def test_recovering_takes_its_time() -> None:
    pace = decide(Facts(io_percent=90), None, 0)
    shares = []
    for second in range(1, 71):
        pace = decide(CALM, pace, second * 1000)
        shares.append(pace.work_share)
    assert shares == sorted(shares)
    assert shares[4] < 0.1
    assert 0.4 < shares[30] < 0.6
    assert "disk" in decide(CALM, decide(Facts(io_percent=90), None, 0), 20_000).why
    assert (pace.work_share, pace.why, pace.read_bps) == (1, "", None)


def test_pressure_that_comes_and_goes_does_not_make_it_swing() -> None:
    pace = decide(CALM, None, 0)
    shares = []
    for second in range(1, 120):
        facts = Facts(io_percent=38 if second % 10 < 5 else 2)
        pace = decide(facts, pace, second * 1000)
        shares.append(pace.work_share)
    assert max(shares[5:]) < 0.3


def test_after_a_long_silence_it_is_free_at_once() -> None:
    pace = decide(Facts(io_percent=90), None, 0)
    assert decide(CALM, pace, RECOVERY_MS).work_share == 1


percent = st.none() | st.floats(0, 100)
facts = st.builds(
    Facts,
    io_percent=percent,
    cpu_percent=percent,
    memory_percent=percent,
    own_io_percent=percent,
    own_cpu_percent=percent,
    own_memory_percent=percent,
    load_per_core=st.none() | st.floats(0, 1000),
    recorder_behind=st.booleans(),
    temperature_c=st.none() | st.floats(-40, 130),
    temperature_limit_c=st.none() | st.floats(40, 125),
    on_battery=st.none() | st.booleans(),
    battery_percent=st.none() | st.integers(0, 100),
    ignition_on=st.none() | st.booleans(),
)
paces = st.none() | st.builds(
    Pace,
    work_share=st.floats(0, 1),
    read_bps=st.none(),
    why=st.just("before"),
    mono_ms=st.integers(0, 10**9),
)


@given(facts, paces, st.integers(0, 10**9))
def test_always_a_share_and_what_is_waited_for_never_stops(
    now: Facts, before: Pace | None, mono_ms: int
) -> None:
    pace = decide(now, before, mono_ms)
    assert 0 <= pace.work_share <= 1
    assert math.isfinite(pace.work_share)
    assert (pace.read_bps is None) is (pace.work_share == 1) or pace is before
    waited = pace.waited_for()
    assert waited.work_share >= max(LEAST_WAITED_SHARE, pace.work_share)
    assert waited.read_bps is None or waited.read_bps >= LEAST_READ_BPS


@given(facts, paces, st.integers(0, 10**9), st.floats(0, 100))
def test_more_pressure_never_allows_more(
    now: Facts, before: Pace | None, mono_ms: int, more: float
) -> None:
    strained = dataclasses.replace(now, io_percent=min((now.io_percent or 0) + more, 100))
    calm, tense = decide(now, before, mono_ms), decide(strained, before, mono_ms)
    assert tense.work_share <= calm.work_share
