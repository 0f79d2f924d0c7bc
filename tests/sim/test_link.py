"""The link with real sockets at both ends: not a byte more, less or other than said."""

import asyncio
import random
import socket

import pytest
from sim.kit import Ends, eventually, receive, send_and_end

from layover_sim.lane import Shaper
from layover_sim.link import Link
from layover_sim.meter import Meter


def some_bytes(size_bytes: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size_bytes)


async def test_every_byte_arrives_both_ways_at_once(ends: Ends) -> None:
    central, site = await ends.connect()
    video, question = some_bytes(3_000_001), some_bytes(1_000_003, seed=2)
    at_central, at_site, _, _ = await asyncio.gather(
        receive(central), receive(site), send_and_end(site, video), send_and_end(central, question)
    )
    assert (bytes(at_central.data), bytes(at_site.data)) == (video, question)
    assert not at_central.reset
    assert not at_site.reset
    assert ends.link.meter.total_bytes == len(video)
    assert ends.link.to_site.meter.total_bytes == len(question)


async def test_one_direction_may_end_before_the_other_begins(ends: Ends) -> None:
    central, site = await ends.connect()
    await send_and_end(central, b"what have you got?")
    assert (await receive(site)).data == b"what have you got?"
    answer = some_bytes(200_000)
    at_central, _ = await asyncio.gather(receive(central), send_and_end(site, answer))
    assert bytes(at_central.data) == answer


@pytest.mark.parametrize(
    ("rate_bps", "connections", "delay_s"),
    [(8_000_000, 1, 0.0), (8_000_000, 3, 0.0), (500_000, 1, 0.0), (8_000_000, 1, 0.05)],
    ids=["fast", "shared by three", "slow", "delayed"],
)
async def test_the_rate_holds(ends: Ends, rate_bps: int, connections: int, delay_s: float) -> None:
    ends.link.set_rate(rate_bps)
    ends.link.set_delay(delay_s)
    pairs = [await ends.connect() for _ in range(connections)]
    data = some_bytes(rate_bps // 8 // connections * 3 // 2)
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    results = await asyncio.gather(
        *(receive(central) for central, _ in pairs),
        *(send_and_end(site, data) for _, site in pairs),
    )
    took_s = loop.time() - began_s - delay_s
    assert [len(one.data) for one in results[:connections] if one] == [len(data)] * connections
    assert len(data) * connections * 8 / took_s == pytest.approx(rate_bps, rel=0.05)
    assert ends.link.meter.worst_window_bps(1.0) <= rate_bps * 1.05


async def test_a_rate_is_smooth(ends: Ends) -> None:
    ends.link.set_rate(2_000_000)
    central, site = await ends.connect()
    loop = asyncio.get_running_loop()
    await asyncio.gather(receive(central), send_and_end(site, some_bytes(250_000)))
    until_s = loop.time()
    # A window of a tenth of a second holds its tenth, one grain more at the most.
    assert ends.link.meter.worst_window_bps(0.1, until_s - 0.8, until_s) <= 2_000_000 * 1.3


async def test_the_sender_feels_the_rate(ends: Ends) -> None:
    """What the site can put into a slow link before it has to wait is bounded."""
    ends.link.set_rate(80_000)
    _, site = await ends.connect()
    site.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    accepted_bytes = 0
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.0):
            while True:
                await asyncio.get_running_loop().sock_sendall(site, bytes(1024))
                accepted_bytes += 1024
    assert accepted_bytes < 200_000


async def test_the_rate_can_change_under_way(ends: Ends) -> None:
    ends.link.set_rate(64_000)
    central, site = await ends.connect()
    moving = asyncio.gather(receive(central), send_and_end(site, some_bytes(4_000_000)))
    await eventually(lambda: ends.link.meter.total_bytes > 1000)
    ends.link.set_rate(None)
    at_central, _ = await asyncio.wait_for(moving, 5)
    assert len(at_central.data) == 4_000_000


async def test_a_delay_is_felt_each_way(ends: Ends) -> None:
    ends.link.set_delay(0.1)
    central, site = await ends.connect()
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    await loop.sock_sendall(central, b"ping")
    assert await loop.sock_recv(site, 10) == b"ping"
    await loop.sock_sendall(site, b"pong")
    assert await loop.sock_recv(central, 10) == b"pong"
    assert 0.2 <= loop.time() - began_s < 0.4


@pytest.mark.parametrize("cut_bytes", [1, 65_536, 1_000_003])
async def test_a_cut_comes_after_exactly_so_many_bytes(ends: Ends, cut_bytes: int) -> None:
    central, site = await ends.connect()
    data = some_bytes(2_000_000)
    ends.link.cut_after(cut_bytes)
    at_central, sent = await asyncio.gather(
        receive(central), send_and_end(site, data), return_exceptions=True
    )
    assert not isinstance(at_central, BaseException)
    assert at_central.reset
    assert bytes(at_central.data) == data[:cut_bytes]
    assert ends.link.meter.total_bytes == cut_bytes
    assert sent is None or isinstance(sent, ConnectionError)
    again, _ = await ends.connect()
    assert again.fileno() >= 0


async def test_a_cut_counts_all_connections_and_ends_all(ends: Ends) -> None:
    pairs = [await ends.connect() for _ in range(3)]
    ends.link.set_rate(8_000_000)
    ends.link.cut_after(300_000)
    results = await asyncio.gather(
        *(receive(central) for central, _ in pairs),
        *(send_and_end(site, some_bytes(500_000)) for _, site in pairs),
        return_exceptions=True,
    )
    received = [one for one in results[:3] if not isinstance(one, BaseException) and one]
    assert [one.reset for one in received] == [True] * 3
    assert sum(len(one.data) for one in received) <= 300_000
    assert ends.link.meter.total_bytes == 300_000


@pytest.mark.parametrize("at_bytes", [0, 1, 65_535, 65_536, 999_999])
async def test_one_bit_of_one_byte_is_flipped(ends: Ends, at_bytes: int) -> None:
    central, site = await ends.connect()
    data = some_bytes(1_000_000)
    ends.link.flip_after(at_bytes)
    at_central, _ = await asyncio.gather(receive(central), send_and_end(site, data))
    assert len(at_central.data) == len(data)
    other = [i for i in range(len(data)) if at_central.data[i] != data[i]]
    assert other == [at_bytes]
    assert (at_central.data[at_bytes] ^ data[at_bytes]).bit_count() == 1


async def test_a_cut_resets_both_ends_and_the_next_connection_works(ends: Ends) -> None:
    central, site = await ends.connect()
    await ends.link.cut()
    assert (await receive(central)).reset
    assert (await receive(site)).reset
    central, site = await ends.connect()
    at_central, _ = await asyncio.gather(receive(central), send_and_end(site, b"again"))
    assert at_central.data == b"again"


async def test_a_link_that_is_down_refuses_on_its_own_port_and_comes_back_there(ends: Ends) -> None:
    port = ends.link.port
    central, _ = await ends.connect()
    await ends.link.down_now()
    assert (await receive(central)).reset
    with pytest.raises(ConnectionRefusedError):
        await ends.connect()
    await ends.link.up()
    assert ends.link.port == port
    await ends.connect()


async def test_a_stalled_link_says_nothing_and_loses_nothing(ends: Ends) -> None:
    central, site = await ends.connect()
    data = some_bytes(1_000_000)
    ends.link.set_rate(8_000_000)
    moving = asyncio.gather(receive(central), send_and_end(site, data))
    await eventually(lambda: ends.link.meter.total_bytes > 100_000)
    ends.link.stall()
    passed_bytes = ends.link.meter.total_bytes
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(moving), 0.3)
    assert ends.link.meter.total_bytes == passed_bytes
    ends.link.flow()
    at_central, _ = await moving
    assert bytes(at_central.data) == data


async def test_a_new_connection_to_a_stalled_link_hears_nothing(ends: Ends) -> None:
    ends.link.stall()
    central, site = await ends.connect()
    await asyncio.get_running_loop().sock_sendall(site, b"hello")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.get_running_loop().sock_recv(central, 1), 0.2)


async def test_a_depot_shares_one_rate_and_one_meter(ends: Ends) -> None:
    loop = asyncio.get_running_loop()
    shaper, meter = Shaper(4_000_000), Meter(loop.time)
    other = Link(ends.link._target)
    await other.up()
    for link in (ends.link, other):
        link.depot_meter = meter
        link.from_site.depot_shaper = shaper
    first = await ends.connect()
    second = await Ends(other, ends.accepted, ends.sockets).connect()
    data = some_bytes(375_000)
    began_s = loop.time()
    await asyncio.gather(
        *(receive(central) for central, _ in (first, second)),
        *(send_and_end(site, data) for _, site in (first, second)),
    )
    assert len(data) * 2 * 8 / (loop.time() - began_s) == pytest.approx(4_000_000, rel=0.05)
    assert meter.total_bytes == 2 * len(data)
    assert ends.link.meter.total_bytes == other.meter.total_bytes == len(data)
    await other.close()


async def test_an_agent_that_is_not_there_is_a_reset(ends: Ends) -> None:
    def nowhere() -> tuple[str, int]:
        raise FileNotFoundError("no port yet")

    link = Link(nowhere)
    await link.up()
    with socket.create_connection(("127.0.0.1", link.port)) as central:
        central.setblocking(False)
        assert (await receive(central)).reset
    await link.close()


async def test_a_closed_link_leaves_nothing_running(ends: Ends) -> None:
    central, _ = await ends.connect()
    ends.link.stall()
    await ends.link.close()
    assert (await receive(central)).reset
    names = {task.get_coro().__qualname__ for task in asyncio.all_tasks()}  # type: ignore[union-attr]
    assert not {name for name in names if name.startswith(("Link.", "Pipe."))}
