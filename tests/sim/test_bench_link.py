"""The shaped link in a process of its own: its truth is what the benches rest on."""

import asyncio

import pytest

from layover_sim.bench.calibration import calibrated
from layover_sim.bench.lists import FAR, THIN
from layover_sim.bench.shaped import Shape, shaped

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("shape", "least_s", "most_s"),
    [
        pytest.param(THIN, 0, 0.04, id="a rate alone delays nothing"),
        pytest.param(Shape(delay_ms=40), 0.08, 0.12, id="a delay alone is there both ways"),
        pytest.param(FAR, 0.08, 0.12, id="a rate takes nothing from the delay"),
    ],
)
async def test_a_round_trip_takes_twice_the_delay(
    shape: Shape, least_s: float, most_s: float
) -> None:
    assert least_s <= (await calibrated(shape)).round_trip_s <= most_s


@pytest.mark.parametrize("shape", [THIN, FAR], ids=["near", "far"])
async def test_the_rate_is_kept_and_never_exceeded_by_much(shape: Shape) -> None:
    assert 17_000_000 <= (await calibrated(shape)).rate_bps <= 20_600_000


async def test_what_passes_is_counted_to_the_byte() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes(len(await reader.readexactly(1000)) * 5))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with shaped(port, Shape()) as link:
            assert await link.passed_bytes() == 0
            reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
            writer.write(bytes(1000))
            assert len(await reader.read(-1)) == 5000
            assert await link.passed_bytes() == 6000
            writer.close()
            await writer.wait_closed()


async def test_the_process_ends_with_the_block() -> None:
    async with shaped(9, Shape()) as link:
        process = link._process
        assert process.returncode is None
    assert process.returncode == 0
