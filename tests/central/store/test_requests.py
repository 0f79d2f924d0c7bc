"""Requests: asked once, told apart, and where they stand."""

from dataclasses import replace

import pytest
from central.store.conftest import MINUTE_MS, NOW_MS, YEAR_9999_MS, Fleet

from layover_central.core.requests import TERMINAL, Fate, RequestState
from layover_central.errors import Kind, LayoverError
from layover_central.store import requests
from layover_central.store.requests import Wish
from layover_central.store.sites import Site


def wish(*cameras: tuple[int, str]) -> Wish:
    return Wish(cameras, NOW_MS, NOW_MS + MINUTE_MS, 5, YEAR_9999_MS, "Zusammenstoß", "2026-117")


async def test_a_request_is_kept_as_it_was_asked(fleet: Fleet, site: Site) -> None:
    async with fleet.store.begin() as connection:
        made, new = await requests.add(connection, wish((site.id, "front")), NOW_MS, None)
    async with fleet.store.begin() as connection:
        found = await requests.by_id(connection, made.id)
        cameras = await requests.cameras(connection, made.id)
    assert new
    assert found == made
    assert cameras == [(site.id, "front")]
    assert (found.from_ms, found.to_ms, found.priority) == (NOW_MS, NOW_MS + MINUTE_MS, 5)
    assert (found.reason, found.case_ref) == ("Zusammenstoß", "2026-117")
    assert (found.needed_by_ms, found.stopped_ms) == (YEAR_9999_MS, None)
    assert (found.state, found.state_ms, found.why) == (RequestState.QUEUED, NOW_MS, "")
    assert found.tally == {}


async def test_the_same_key_and_wish_give_the_same_request(fleet: Fleet, site: Site) -> None:
    asked = wish((site.id, "front"), (site.id, "rear"))
    async with fleet.store.begin() as connection:
        first, _ = await requests.add(connection, asked, NOW_MS, "key-1")
    async with fleet.store.begin() as connection:
        turned = replace(asked, cameras=tuple(reversed(asked.cameras)))
        second, new = await requests.add(connection, turned, NOW_MS + 1, "key-1")
        assert len(await requests.listing(connection)) == 1
    assert (second, new) == (first, False)


async def test_without_a_key_the_same_wish_is_another_request(fleet: Fleet, site: Site) -> None:
    async with fleet.store.begin() as connection:
        first, _ = await requests.add(connection, wish((site.id, "front")), NOW_MS, None)
        second, new = await requests.add(connection, wish((site.id, "front")), NOW_MS, None)
    assert new
    assert second.id != first.id


REUSED = {
    "another camera": {"cameras": [(1, "rear")]},
    "one camera more": {"cameras": [(1, "front"), (1, "rear")]},
    "another beginning": {"from_ms": NOW_MS - 1},
    "another end": {"to_ms": NOW_MS + 1},
}


@pytest.mark.parametrize("changed", REUSED.values(), ids=REUSED.keys())
async def test_a_key_used_for_another_wish_is_a_conflict(
    fleet: Fleet, site: Site, changed: dict[str, object]
) -> None:
    assert site.id == 1
    async with fleet.store.begin() as connection:
        await requests.add(connection, wish((1, "front")), NOW_MS, "key-1")
    with pytest.raises(LayoverError) as caught:
        async with fleet.store.begin() as connection:
            asked = replace(wish((1, "front")), **changed)  # type: ignore[arg-type]
            await requests.add(connection, asked, NOW_MS, "key-1")
    assert caught.value.kind is Kind.CONFLICT
    async with fleet.store.begin() as connection:
        assert len(await requests.listing(connection)) == 1


async def test_the_youngest_come_first_and_no_more_than_asked(fleet: Fleet, site: Site) -> None:
    made = [(await fleet.request(site)).id for _ in range(4)]
    async with fleet.store.begin() as connection:
        listed = [r.id for r in await requests.listing(connection, limit=3)]
    assert listed == made[:0:-1]


async def test_open_requests_of_a_site_and_of_all(fleet: Fleet, site: Site) -> None:
    other = await fleet.site("bus-2")
    here, there, both, done = [
        await fleet.request(*asked) for asked in ((site,), (other,), (site, other), (site,))
    ]
    async with fleet.store.begin() as connection:
        await requests.set_state(connection, done, RequestState.COMPLETE, "", {}, NOW_MS)
        at_site = [r.id for r in await requests.open_at(connection, site.id)]
        at_all = [r.id for r in await requests.open_at(connection)]
    assert at_site == [here.id, both.id]
    assert at_all == [here.id, there.id, both.id]


@pytest.mark.parametrize("state", RequestState)
async def test_only_terminal_states_close_a_request(
    fleet: Fleet, site: Site, state: RequestState
) -> None:
    made = await fleet.request(site)
    async with fleet.store.begin() as connection:
        await requests.set_state(connection, made, state, "", {}, NOW_MS)
        assert bool(await requests.open_at(connection)) is (state not in TERMINAL)


async def test_a_state_says_since_when_and_only_news_are_written(fleet: Fleet, site: Site) -> None:
    made = await fleet.request(site)
    sums = {Fate.SAVED: 3, Fate.PENDING: 4, Fate.LOST: 0}
    async with fleet.store.begin() as connection:
        assert await requests.set_state(
            connection, made, RequestState.WAITING, "a slot", sums, NOW_MS + 1
        )
        waiting = await requests.by_id(connection, made.id)
        assert waiting.tally == {Fate.SAVED: 3, Fate.PENDING: 4}
        assert not await requests.set_state(
            connection, waiting, RequestState.WAITING, "a slot", waiting.tally, NOW_MS + 2
        )
        assert await requests.set_state(
            connection, waiting, RequestState.WAITING, "the cap", waiting.tally, NOW_MS + 3
        )
        again = await requests.by_id(connection, made.id)
    assert (again.why, again.state_ms) == ("the cap", NOW_MS + 1)


async def test_a_tally_that_names_every_fate_is_no_news(fleet: Fleet, site: Site) -> None:
    """The caller's sums name all fates, nought among them; the row keeps only the others."""
    made = await fleet.request(site)
    sums = dict.fromkeys(Fate, 0) | {Fate.SAVED: 3}
    async with fleet.store.begin() as connection:
        await requests.set_state(connection, made, RequestState.WAITING, "", sums, NOW_MS)
        known = await requests.by_id(connection, made.id)
        assert not await requests.set_state(
            connection, known, RequestState.WAITING, "", sums, NOW_MS
        )


async def test_stopping_is_marked_once_and_not_after_the_end(fleet: Fleet, site: Site) -> None:
    made = await fleet.request(site)
    async with fleet.store.begin() as connection:
        stopped = await requests.stop(connection, made.id, NOW_MS + 7)
        assert stopped.stopped_ms == NOW_MS + 7
        await requests.set_state(connection, stopped, RequestState.STOPPED, "", {}, NOW_MS)
        with pytest.raises(LayoverError) as caught:
            await requests.stop(connection, made.id, NOW_MS + 8)
        assert (await requests.by_id(connection, made.id)).stopped_ms == NOW_MS + 7
    assert caught.value.kind is Kind.CONFLICT


async def test_a_request_that_is_not_there(fleet: Fleet) -> None:
    for refused in (requests.by_id,):
        with pytest.raises(LayoverError) as caught:
            async with fleet.store.begin() as connection:
                await refused(connection, 99)
        assert caught.value.kind is Kind.NOT_FOUND
