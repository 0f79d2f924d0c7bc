"""The mirror: what a page changes, and what it must never change."""

import pytest
from central.store.conftest import (
    HUGE_BYTES,
    MINUTE_MS,
    NOW_MS,
    YEAR_9999_MS,
    Fleet,
    page,
    recording,
)

from layover_central.store import mirror, sites
from layover_central.store.mirror import MirroredRecording
from layover_central.store.sites import Site

ALL = (-(2**62), 2**62)


async def rows(fleet: Fleet, site: Site) -> dict[str, MirroredRecording]:
    async with fleet.store.begin() as connection:
        found = await mirror.listing(connection, site.id, None, *ALL, 10_000)
    return {row.id: row for row in found}


async def position(fleet: Fleet, site: Site) -> tuple[str | None, int, int | None]:
    async with fleet.store.begin() as connection:
        found = await sites.by_id(connection, site.id)
    return found.epoch, found.seq, found.as_of_ms


async def test_a_first_page_fills_the_mirror_and_moves_the_position(
    fleet: Fleet, site: Site
) -> None:
    await fleet.recorded(site, recording(1), recording(2, damaged=True, held=True))
    found = await rows(fleet, site)
    assert list(found) == ["r1", "r2"]
    assert found["r2"] == MirroredRecording(
        id="r2",
        camera="front",
        start_ms=NOW_MS,
        end_ms=NOW_MS + MINUTE_MS,
        size_bytes=1000,
        container="mp4",
        end_source="container",
        confidence="sure",
        damaged=True,
        held=True,
        gone_ms=None,
    )
    assert await position(fleet, site) == ("e1", 2, NOW_MS)


async def test_a_page_sent_again_changes_nothing(fleet: Fleet, site: Site) -> None:
    await fleet.recorded(site, recording(1), recording(2))
    before = await rows(fleet, site), await position(fleet, site)
    await fleet.recorded(site, recording(1), recording(2))
    assert (await rows(fleet, site), await position(fleet, site)) == before


async def test_the_last_of_two_rows_for_one_recording_in_a_page_counts(
    fleet: Fleet, site: Site
) -> None:
    await fleet.recorded(
        site, recording(1, "a", size_bytes=10), recording(2, "b"), recording(3, "a", size_bytes=30)
    )
    found = await rows(fleet, site)
    assert (found["a"].size_bytes, len(found)) == (30, 2)


async def test_a_changed_row_takes_the_place_of_the_old_one(fleet: Fleet, site: Site) -> None:
    await fleet.recorded(site, recording(1, "a", held=False))
    await fleet.recorded(site, recording(2, "a", held=True))
    found = await rows(fleet, site)
    assert len(found) == 1
    assert found["a"].held


async def test_gone_is_a_mark_on_a_row_that_stays(fleet: Fleet, site: Site) -> None:
    await fleet.recorded(site, recording(1, "a"), recording(2, "b"))
    await fleet.recorded(site, recording(3, "a", gone_ms=NOW_MS + 5))
    found = await rows(fleet, site)
    assert (found["a"].gone_ms, found["b"].gone_ms) == (NOW_MS + 5, None)


async def test_a_recording_can_come_back(fleet: Fleet, site: Site) -> None:
    await fleet.recorded(site, recording(1, "a", gone_ms=NOW_MS))
    await fleet.recorded(site, recording(2, "a"))
    assert (await rows(fleet, site))["a"].gone_ms is None


async def test_a_new_epoch_restarts_the_count_and_forgets_no_row(fleet: Fleet, site: Site) -> None:
    await fleet.recorded(site, recording(7, "a"), recording(8, "b"))
    await fleet.recorded(site, recording(1, "b", size_bytes=5), epoch="e2")
    found = await rows(fleet, site)
    assert set(found) == {"a", "b"}
    assert (found["a"].gone_ms, found["b"].size_bytes) == (None, 5)
    assert await position(fleet, site) == ("e2", 1, NOW_MS)


async def test_an_empty_page_moves_to_the_head_and_removes_nothing(
    fleet: Fleet, site: Site
) -> None:
    await fleet.recorded(site, recording(1))
    async with fleet.store.begin() as connection:
        await mirror.apply(connection, site.id, page([], head_seq=9, as_of_ms=NOW_MS + 1))
    assert list(await rows(fleet, site)) == ["r1"]
    assert await position(fleet, site) == ("e1", 9, NOW_MS + 1)


async def test_sites_do_not_share_recordings_of_the_same_id(fleet: Fleet, site: Site) -> None:
    other = await fleet.site("bus-2")
    await fleet.recorded(site, recording(1, "a", size_bytes=1))
    await fleet.recorded(other, recording(1, "a", size_bytes=2))
    assert (await rows(fleet, site))["a"].size_bytes == 1
    assert (await rows(fleet, other))["a"].size_bytes == 2


async def test_a_page_that_fails_in_its_transaction_moves_nothing(fleet: Fleet, site: Site) -> None:
    with pytest.raises(ZeroDivisionError):
        async with fleet.store.begin() as connection:
            await mirror.apply(connection, site.id, page([recording(1)]))
            raise ZeroDivisionError
    assert await rows(fleet, site) == {}
    assert await position(fleet, site) == (None, 0, None)


async def test_a_page_as_large_as_they_get(fleet: Fleet, site: Site) -> None:
    await fleet.recorded(site, *[recording(n) for n in range(1, 1001)])
    await fleet.recorded(site, *[recording(n + 1000, f"r{n}") for n in range(1, 1001)])
    assert len(await rows(fleet, site)) == 1000


async def test_values_as_large_as_they_get(fleet: Fleet, site: Site) -> None:
    last = recording(2**62, "a", start_ms=YEAR_9999_MS - 1, length_ms=1, size_bytes=HUGE_BYTES)
    await fleet.recorded(site, last)
    found = (await rows(fleet, site))["a"]
    assert (found.end_ms, found.size_bytes) == (YEAR_9999_MS, HUGE_BYTES)
    assert await position(fleet, site) == ("e1", 2**62, NOW_MS)


async def test_marked_gone_once_by_the_site_itself(fleet: Fleet, site: Site) -> None:
    await fleet.recorded(site, recording(1, "a"))
    async with fleet.store.begin() as connection:
        await mirror.mark_gone(connection, site.id, "a", NOW_MS)
        await mirror.mark_gone(connection, site.id, "a", NOW_MS + 99)
        found = await mirror.get(connection, site.id, "a")
        assert await mirror.get(connection, site.id, "b") is None
    assert found is not None
    assert found.gone_ms == NOW_MS


TOUCHING = {
    "ends where the span begins": ((NOW_MS - MINUTE_MS, MINUTE_MS), False),
    "ends one millisecond inside": ((NOW_MS - MINUTE_MS, MINUTE_MS + 1), True),
    "begins where the span ends": ((NOW_MS + MINUTE_MS, MINUTE_MS), False),
    "begins one millisecond before the end": ((NOW_MS + MINUTE_MS - 1, MINUTE_MS), True),
    "reaches over both ends": ((NOW_MS - MINUTE_MS, 3 * MINUTE_MS), True),
    "has no length, inside": ((NOW_MS + 1, 0), True),
    "has no length, at the beginning": ((NOW_MS, 0), True),
    "has no length, at the end": ((NOW_MS + MINUTE_MS, 0), False),
}


@pytest.mark.parametrize(("extent", "touches"), TOUCHING.values(), ids=TOUCHING.keys())
async def test_touching(fleet: Fleet, site: Site, extent: tuple[int, int], touches: bool) -> None:
    await fleet.recorded(site, recording(1, "a", start_ms=extent[0], length_ms=extent[1]))
    async with fleet.store.begin() as connection:
        found = await mirror.touching(connection, site.id, "front", NOW_MS, NOW_MS + MINUTE_MS)
        elsewhere = await mirror.touching(connection, site.id, "rear", NOW_MS, NOW_MS + MINUTE_MS)
    assert bool(found) is touches
    assert elsewhere == []


async def test_cameras_sum_what_is_there_and_remember_what_was(fleet: Fleet, site: Site) -> None:
    await fleet.recorded(
        site,
        recording(1, start_ms=0, length_ms=9, gone_ms=5),
        recording(2, start_ms=10, length_ms=5, size_bytes=HUGE_BYTES),
        recording(3, start_ms=20, length_ms=5, size_bytes=HUGE_BYTES),
        recording(4, camera="rear", gone_ms=5),
    )
    async with fleet.store.begin() as connection:
        front, rear = await mirror.cameras(connection, site.id)
    assert front == mirror.CameraExtent("front", 0, 25, 9, 2, 2 * HUGE_BYTES)
    assert (rear.camera, rear.present, rear.present_bytes) == ("rear", 0, 0)


async def test_sizes_that_no_sum_can_hold_break_nothing(fleet: Fleet, site: Site) -> None:
    """The sizes are a site's word; what it claims must not take its page away from people."""
    await fleet.recorded(site, *[recording(n, size_bytes=2**62) for n in range(1, 5)])
    async with fleet.store.begin() as connection:
        (extent,) = await mirror.cameras(connection, site.id)
    assert extent.present_bytes == 4 * 2**62


async def test_the_edge_of_a_camera(fleet: Fleet, site: Site) -> None:
    await fleet.recorded(
        site,
        recording(1, start_ms=100, length_ms=50, gone_ms=1),
        recording(2, start_ms=200, length_ms=300),
        recording(3, start_ms=300, length_ms=10),
    )
    async with fleet.store.begin() as connection:
        assert await mirror.edge(connection, site.id, "front") == mirror.Edge(100, 500, 300)
        assert await mirror.edge(connection, site.id, "front", 1) == mirror.Edge(100, 310, 10)
        assert await mirror.edge(connection, site.id, "rear") is None


async def test_what_a_source_holds_and_did_lately(fleet: Fleet, site: Site) -> None:
    await fleet.recorded(
        site,
        recording(1, start_ms=300, length_ms=1, size_bytes=3),
        recording(2, start_ms=100, length_ms=1, size_bytes=1, gone_ms=5),
        recording(3, start_ms=200, length_ms=1, size_bytes=2, camera="rear"),
        recording(4, start_ms=400, length_ms=1, size_bytes=4, camera="door"),
    )
    both = ("front", "rear")
    async with fleet.store.begin() as connection:
        assert await mirror.present_since(connection, site.id, both, 0) == [(200, 2), (300, 3)]
        assert await mirror.present_since(connection, site.id, both, 201) == [(300, 3)]
        assert await mirror.lately(connection, site.id, both, 2) == [(300, 301, 3), (200, 201, 2)]
        assert await mirror.present_since(connection, site.id, (), 0) == []
