import pytest
from hypothesis import given
from hypothesis import strategies as st

from layover_central.core.budget import (
    BURST_S,
    WIRE_BYTES_PER_PAYLOAD_BYTE,
    Bucket,
    Cap,
    free_bps,
    payload_bps,
)

MBIT = 1_000_000

# -- buckets

REFILL = {
    "fresh: the burst and no more": (Bucket(), MBIT, 1_000_000, MBIT * BURST_S),
    "fills at the rate": (Bucket(0.0, 1_000), MBIT, 1_100, 100_000.0),
    "a debt is paid off at the rate": (Bucket(-500_000.0, 1_000), MBIT, 1_100, -400_000.0),
    "a lower rate keeps a smaller burst": (Bucket(250_000.0, 1_000), MBIT // 10, 1_000, 25_000.0),
    "closed: nothing is kept": (Bucket(250_000.0, 1_000), 0, 2_000, 0.0),
    "closed: a debt stays": (Bucket(-500.0, 1_000), 0, 9_000, -500.0),
    "unlimited: a debt is forgotten": (Bucket(-500.0, 1_000), None, 1_000, 0.0),
    "a clock that steps back gives nothing": (Bucket(-500.0, 9_000), MBIT, 1_000, -500.0),
}


@pytest.mark.parametrize(("bucket", "rate_bps", "now_ms", "level"), REFILL.values(), ids=REFILL)
def test_refilled(bucket: Bucket, rate_bps: int | None, now_ms: int, level: float) -> None:
    assert bucket.refilled(rate_bps, now_ms) == Bucket(level, now_ms)


def test_what_arrives_is_paid_with_its_wrapping() -> None:
    assert Bucket(500.0, 7).spent(1_000) == Bucket(500.0 - 8_400.0, 7)


READY = {
    "no debt": (0.0, MBIT, 0),
    "allowance left": (5.0, MBIT, 0),
    "a debt of a tenth of a second": (-100_000.0, MBIT, 101),
    "the smallest debt": (-0.001, MBIT, 1),
    "unlimited": (-100_000.0, None, 0),
    "closed: looked at again in a minute": (-1.0, 0, 60_000),
}


@pytest.mark.parametrize(("level", "rate_bps", "wait_ms"), READY.values(), ids=READY)
def test_ready_in(level: float, rate_bps: int | None, wait_ms: int) -> None:
    assert Bucket(level, 0).ready_in_ms(rate_bps) == wait_ms


@given(st.floats(-1e12, 0, allow_subnormal=False), st.integers(1_000, 10**10))
def test_after_the_wait_nothing_is_owed(level: float, rate_bps: int) -> None:
    bucket = Bucket(level, 5_000)
    wait_ms = bucket.ready_in_ms(rate_bps)
    assert bucket.refilled(rate_bps, 5_000 + wait_ms).ready_in_ms(rate_bps) <= 1


@given(
    rate_bps=st.integers(64_000, 10**9),
    visits=st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 1 << 24)), max_size=60),
)
def test_in_the_long_run_no_more_is_spent_than_rate_times_time_plus_a_burst(
    rate_bps: int, visits: list[tuple[int, int]]
) -> None:
    """Each visit: after how long, and how much arrives if the bucket lets it begin. The last
    arrival alone may overdraw, and then nothing begins until it is paid for."""
    bucket = Bucket(0.0, 0)
    now_ms = 0
    spent_bits = last_bits = 0.0
    for pause_ms, payload_bytes in visits:
        now_ms += pause_ms
        bucket = bucket.refilled(rate_bps, now_ms)
        if bucket.ready_in_ms(rate_bps):
            continue
        last_bits = payload_bytes * 8 * WIRE_BYTES_PER_PAYLOAD_BYTE
        bucket = bucket.spent(payload_bytes)
        spent_bits += last_bits
        allowed = rate_bps * (now_ms / 1000 + BURST_S)
        assert spent_bits - last_bits <= allowed * (1 + 1e-9)


@given(st.integers(64_000, 10**9), st.lists(st.integers(0, 5_000), max_size=30))
def test_looking_more_often_earns_nothing(rate_bps: int, pauses: list[int]) -> None:
    debt = Bucket(-1e12, 0)
    often, now_ms = debt, 0
    for pause_ms in pauses:
        now_ms += pause_ms
        often = often.refilled(rate_bps, now_ms)
    assert often.level_bits == pytest.approx(debt.refilled(rate_bps, now_ms).level_bits)


# -- the tree

FREE = {
    "unlimited all along": ([Cap(None), Cap(None)], None),
    "the only limit": ([Cap(None), Cap(5 * MBIT)], 5 * MBIT),
    "the tightest limit": ([Cap(5 * MBIT), Cap(2 * MBIT)], 2 * MBIT),
    "what grants leave": ([Cap(5 * MBIT, 4 * MBIT), Cap(2 * MBIT)], MBIT),
    "closed": ([Cap(5 * MBIT), Cap(0)], 0),
    "granted above a cap that was lowered": ([Cap(MBIT, 4 * MBIT)], 0),
    "grants under an unlimited cap": ([Cap(None, 4 * MBIT)], None),
    "no cap at all": ([], None),
}


@pytest.mark.parametrize(("caps", "expected_bps"), FREE.values(), ids=FREE)
def test_free(caps: list[Cap], expected_bps: int | None) -> None:
    tree = {str(i): cap for i, cap in enumerate(caps)} | {"beside": Cap(0)}
    assert free_bps(tree, [str(i) for i in range(len(caps))]) == expected_bps


@given(st.integers(2, 10**11))
def test_the_payload_of_a_rate_fits_the_rate(wire_bps: int) -> None:
    payload = payload_bps(wire_bps)
    assert payload * WIRE_BYTES_PER_PAYLOAD_BYTE <= wire_bps < (payload + 1) * 1.0501
    assert payload >= 1


def test_no_payload_rate_is_zero() -> None:
    assert payload_bps(1) == 1
