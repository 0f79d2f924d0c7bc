"""Transfers: shared, stopped, taken over, finished under a fence."""

import pytest
from central.store.conftest import HUGE_BYTES, NOW_MS, Fleet, recording

from layover_central.core.requests import RequestState
from layover_central.errors import Kind, LayoverError
from layover_central.store import requests, transfers
from layover_central.store.sites import Site
from layover_central.store.transfers import Transfer, TransferState


async def reread(fleet: Fleet, transfer: Transfer) -> Transfer:
    async with fleet.store.begin() as connection:
        return await transfers.by_id(connection, transfer.id)


async def stop(fleet: Fleet, *ids: int) -> None:
    async with fleet.store.begin() as connection:
        for request_id in ids:
            await requests.stop(connection, request_id, NOW_MS + 1)
        await transfers.stop_orphans(connection, NOW_MS + 2)


async def finish(fleet: Fleet, transfer: Transfer, fence: int, **values: object) -> None:
    async with fleet.store.begin() as connection:
        await transfers.finish(connection, transfer.id, fence, values)


async def test_a_wanted_recording_gets_one_transfer(fleet: Fleet, site: Site) -> None:
    request = await fleet.request(site)
    made = await fleet.wanted(request, site, size_bytes=HUGE_BYTES)
    assert (made.state, made.size_bytes, made.fence) == (TransferState.WANTED, HUGE_BYTES, 0)
    assert (made.created_ms, made.finished_ms, made.path) == (NOW_MS, None, None)
    async with fleet.store.begin() as connection:
        assert await transfers.of_request(connection, request.id) == [made]
        assert await transfers.wanted_ids(connection) == {made.id}


async def test_wanting_says_whether_anything_is_new(fleet: Fleet, site: Site) -> None:
    first, second = await fleet.request(site), await fleet.request(site)

    async def want(request_id: int, *ids: str) -> bool:
        async with fleet.store.begin() as connection:
            wanted = dict.fromkeys(ids, 1)
            return await transfers.want(connection, request_id, site.id, wanted, NOW_MS)

    assert await want(first.id, "r1")
    assert not await want(first.id, "r1")
    assert await want(first.id, "r1", "r2")
    assert await want(second.id, "r1")
    assert not await want(second.id, "r1")
    assert not await want(second.id)


async def test_two_requests_share_one_transfer(fleet: Fleet, site: Site) -> None:
    first, second = await fleet.request(site), await fleet.request(site)
    one, other = await fleet.wanted(first, site), await fleet.wanted(second, site)
    assert one.id == other.id
    async with fleet.store.begin() as connection:
        assert await transfers.requests_of(connection, [one.id]) == {first.id, second.id}
        assert await transfers.requests_of(connection, []) == set()


async def test_the_same_recording_of_two_sites_is_two_transfers(fleet: Fleet, site: Site) -> None:
    other = await fleet.site("bus-2")
    request = await fleet.request(site, other)
    here, there = await fleet.wanted(request, site), await fleet.wanted(request, other)
    assert here.id != there.id
    async with fleet.store.begin() as connection:
        assert set(await transfers.sites_of_request(connection, request.id)) == {site.id, other.id}


async def test_only_the_last_request_that_stops_stops_a_transfer(fleet: Fleet, site: Site) -> None:
    first, second = await fleet.request(site), await fleet.request(site)
    shared = await fleet.wanted(first, site)
    await fleet.wanted(second, site)
    await stop(fleet, first.id)
    assert (await reread(fleet, shared)).state is TransferState.WANTED
    await stop(fleet, second.id)
    stopped = await reread(fleet, shared)
    assert (stopped.state, stopped.finished_ms) == (TransferState.STOPPED, NOW_MS + 2)


async def test_a_stopped_transfer_is_wanted_again(fleet: Fleet, site: Site) -> None:
    request = await fleet.request(site)
    transfer = await fleet.wanted(request, site)
    await stop(fleet, request.id)
    again = await fleet.wanted(await fleet.request(site), site)
    assert (again.id, again.state, again.finished_ms) == (transfer.id, TransferState.WANTED, None)


@pytest.mark.parametrize("end", [TransferState.COMPLETE, TransferState.LOST, TransferState.DAMAGED])
async def test_what_has_ended_is_not_wanted_again_and_not_stopped(
    fleet: Fleet, site: Site, end: TransferState
) -> None:
    request = await fleet.request(site)
    transfer = await fleet.wanted(request, site)
    await finish(fleet, transfer, 0, state=end, finished_ms=NOW_MS)
    await stop(fleet, request.id)
    assert (await fleet.wanted(await fleet.request(site), site)).state is end
    assert (await reread(fleet, transfer)).finished_ms == NOW_MS


async def test_a_take_over_writes_with_its_fence_and_shuts_the_older_out(
    fleet: Fleet, site: Site
) -> None:
    transfer = await fleet.wanted(await fleet.request(site), site)
    async with fleet.store.begin() as connection:
        first = await transfers.take_over(connection, transfer.id)
        second = await transfers.take_over(connection, transfer.id, {"statement": b"signed"})
    assert (first, second) == (1, 2)
    with pytest.raises(LayoverError) as caught:
        await finish(fleet, transfer, first, state=TransferState.COMPLETE)
    assert caught.value.kind is Kind.LEASE_LOST
    left = await reread(fleet, transfer)
    assert (left.state, left.statement) == (TransferState.WANTED, b"signed")
    await finish(fleet, transfer, second, state=TransferState.COMPLETE, path="a/b.mp4")
    done = await reread(fleet, transfer)
    assert (done.state, done.path) == (TransferState.COMPLETE, "a/b.mp4")


async def test_nothing_ends_twice(fleet: Fleet, site: Site) -> None:
    transfer = await fleet.wanted(await fleet.request(site), site)
    await finish(fleet, transfer, 0, state=TransferState.COMPLETE)
    with pytest.raises(LayoverError) as caught:
        await finish(fleet, transfer, 0, state=TransferState.DAMAGED)
    assert caught.value.kind is Kind.LEASE_LOST
    assert (await reread(fleet, transfer)).state is TransferState.COMPLETE


async def test_a_stopped_transfer_cannot_be_finished(fleet: Fleet, site: Site) -> None:
    request = await fleet.request(site)
    transfer = await fleet.wanted(request, site)
    await stop(fleet, request.id)
    with pytest.raises(LayoverError) as caught:
        await finish(fleet, transfer, 0, state=TransferState.COMPLETE)
    assert caught.value.kind is Kind.LEASE_LOST


async def test_open_transfers_carry_the_highest_priority_behind_them(
    fleet: Fleet, site: Site
) -> None:
    await fleet.recorded(site, recording(1, camera="rear"), recording(2))
    low, high = await fleet.request(site, priority=1), await fleet.request(site, priority=7)
    shared = await fleet.wanted(low, site)
    await fleet.wanted(high, site)
    alone = await fleet.wanted(low, site, "r2")
    async with fleet.store.begin() as connection:
        opened = await transfers.open_at(connection, site.id)
    assert [(o.transfer, o.camera, o.priority) for o in opened] == [
        (shared, "rear", 7),
        (alone, "front", 1),
    ]
    assert (opened[0].start_ms, opened[0].container, opened[0].asked_ms) == (NOW_MS, "mp4", NOW_MS)


async def test_an_ended_request_lends_no_priority_and_opens_nothing(
    fleet: Fleet, site: Site
) -> None:
    await fleet.recorded(site, recording(1))
    low, high = await fleet.request(site, priority=1), await fleet.request(site, priority=7)
    await fleet.wanted(low, site)
    await fleet.wanted(high, site)
    async with fleet.store.begin() as connection:
        await requests.set_state(connection, high, RequestState.STOPPED, "", {}, NOW_MS)
        assert [o.priority for o in await transfers.open_at(connection, site.id)] == [1]
        await requests.set_state(connection, low, RequestState.COMPLETE, "", {}, NOW_MS)
        assert await transfers.open_at(connection, site.id) == []


async def test_other_sites_and_ended_transfers_are_not_open(fleet: Fleet, site: Site) -> None:
    other = await fleet.site("bus-2")
    await fleet.recorded(site, recording(1))
    await fleet.recorded(other, recording(1))
    request = await fleet.request(site, other)
    here, there = await fleet.wanted(request, site), await fleet.wanted(request, other)
    await finish(fleet, here, 0, state=TransferState.COMPLETE)
    async with fleet.store.begin() as connection:
        assert await transfers.open_at(connection, site.id) == []
        assert [o.transfer for o in await transfers.open_at(connection, other.id)] == [there]


async def test_progress_stands_where_it_is_and_traffic_adds_up(fleet: Fleet, site: Site) -> None:
    transfer = await fleet.wanted(await fleet.request(site), site, size_bytes=HUGE_BYTES)
    async with fleet.store.begin() as connection:
        await transfers.progress(connection, transfer.id, HUGE_BYTES - 1, HUGE_BYTES)
        await transfers.progress(connection, transfer.id, 10, 5)
    moved = await reread(fleet, transfer)
    assert (moved.verified_bytes, moved.received_bytes) == (10, HUGE_BYTES + 5)


async def test_totals_count_what_is_complete(fleet: Fleet, site: Site) -> None:
    request = await fleet.request(site)
    async with fleet.store.begin() as connection:
        assert await transfers.totals(connection) == (0, 0, 0)
    for name in ("r1", "r2"):
        done = await fleet.wanted(request, site, name, HUGE_BYTES)
        async with fleet.store.begin() as connection:
            await transfers.progress(connection, done.id, HUGE_BYTES, HUGE_BYTES + 1)
            await transfers.finish(connection, done.id, 0, {"state": TransferState.COMPLETE})
    await fleet.wanted(request, site, "r3")
    async with fleet.store.begin() as connection:
        assert await transfers.totals(connection) == (2, 2 * HUGE_BYTES, 2 * HUGE_BYTES + 2)


async def test_a_transfer_that_is_not_there(fleet: Fleet) -> None:
    async with fleet.store.begin() as connection:
        with pytest.raises(LayoverError) as caught:
            await transfers.by_id(connection, 99)
    assert caught.value.kind is Kind.NOT_FOUND
