import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layover_agent.pace import MAX_BLOCK_BYTES, MIN_BLOCK_BYTES, TICK_S, Pace


@given(st.integers(1000, 1 << 49))
def test_a_block_is_a_tick_of_the_rate_within_bounds(rate_bps: int) -> None:
    block = Pace(rate_bps, lambda: 0.0).block_bytes
    assert MIN_BLOCK_BYTES <= block <= MAX_BLOCK_BYTES
    assert block <= max(rate_bps / 8 * TICK_S, MIN_BLOCK_BYTES)


async def send(pace: Pace, size: int) -> None:
    while size > 0:
        block = min(pace.block_bytes, size)
        await pace.wait(block)
        size -= block


async def test_without_a_rate_nothing_waits() -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await send(Pace(None, loop.time), 1 << 30)
    assert loop.time() - began < 0.5


@pytest.mark.parametrize("rate_bps", [400_000, 2_000_000, 80_000_000])
async def test_a_body_takes_as_long_as_its_rate_says(rate_bps: int) -> None:
    loop = asyncio.get_running_loop()
    size = rate_bps // 8 // 4
    began = loop.time()
    await send(Pace(rate_bps, loop.time), size)
    took = loop.time() - began
    assert 0.25 - TICK_S - MIN_BLOCK_BYTES * 8 / rate_bps <= took <= 0.25 * 1.25


@pytest.mark.parametrize("rate_bps", [2_000_000, 80_000_000])
async def test_many_spans_one_after_another_keep_the_rate_too(rate_bps: int) -> None:
    """Central asks for spans; a free first block of each would add up to more than the cap."""
    loop = asyncio.get_running_loop()
    span = rate_bps // 8 // 20  # 50 ms of it
    began = loop.time()
    for _ in range(10):
        await send(Pace(rate_bps, loop.time), span)
    took = loop.time() - began
    assert span * 10 * 8 / took <= rate_bps * 1.05


async def test_silence_earns_no_burst() -> None:
    loop = asyncio.get_running_loop()
    pace = Pace(800_000, loop.time)
    await send(pace, 2000)
    await asyncio.sleep(0.3)
    began = loop.time()
    await send(pace, 20_000)
    assert loop.time() - began >= 0.2 - TICK_S - MIN_BLOCK_BYTES * 8 / 800_000
