"""Depots, sites, contacts and warnings as rows."""

import asyncio
from dataclasses import replace

import pytest
from central.store.conftest import MINUTE_MS, NOW_MS, YEAR_9999_MS, Fleet

from layover_central.core.expiry import Expiry
from layover_central.core.warnings import Chance, Level, Outlook
from layover_central.errors import Kind, LayoverError
from layover_central.store import Store, contacts, depots, requests, sites, warnings
from layover_central.store.requests import Wish
from layover_central.store.sites import Site

NETWORKS = ("10.1.0.0/16", "2001:db8::/32")


async def test_a_depot_is_kept_changed_and_found_without_case(store: Store) -> None:
    async with store.begin() as connection:
        made = await depots.add(connection, "Straße", "Europe/Berlin", "Sun closed", NETWORKS, 4)
    async with store.begin() as connection:
        assert await depots.named(connection, "STRASSE") == made
        changed = replace(made, zone="UTC", cap="", networks=(), slots=2)
        await depots.change(connection, changed)
        assert await depots.listing(connection) == [changed]


async def test_a_depot_of_the_same_name_in_another_case_is_a_conflict(store: Store) -> None:
    async with store.begin() as connection:
        await depots.add(connection, "North", "UTC", "", (), 1)
    with pytest.raises(LayoverError) as caught:
        async with store.begin() as connection:
            await depots.add(connection, "nORTH", "UTC", "", (), 1)
    assert caught.value.kind is Kind.CONFLICT


async def test_depots_are_listed_by_name(store: Store) -> None:
    async with store.begin() as connection:
        for name in ("south", "East", "north"):
            await depots.add(connection, name, "UTC", "", (), 1)
        assert [d.name for d in await depots.listing(connection)] == ["East", "north", "south"]


UNKNOWN = {
    "nearly the name": ("nort", "Did you mean North?"),
    "nothing like it": ("zzzz", "layover depot list shows them."),
}


@pytest.mark.parametrize(("asked", "hint"), UNKNOWN.values(), ids=UNKNOWN.keys())
async def test_a_depot_that_is_not_there(store: Store, asked: str, hint: str) -> None:
    async with store.begin() as connection:
        await depots.add(connection, "North", "UTC", "", (), 1)
        with pytest.raises(LayoverError) as caught:
            await depots.named(connection, asked)
    assert (caught.value.kind, caught.value.hint) == (Kind.NOT_FOUND, hint)


async def test_a_new_site_is_pending_and_knows_nothing(fleet: Fleet) -> None:
    made = await fleet.site("Bus-1")
    async with fleet.store.begin() as connection:
        assert await sites.labelled(connection, "bus-1") == made
        assert await sites.by_id(connection, made.id) == made
        assert await sites.listing(connection) == [made]
    assert (made.state, made.identity, made.seen_ms, made.seq) == ("pending", None, None, 0)


async def test_a_site_of_the_same_label_is_a_conflict(fleet: Fleet, site: Site) -> None:
    with pytest.raises(LayoverError) as caught:
        await fleet.site("BUS-1")
    assert caught.value.kind is Kind.CONFLICT


async def test_one_key_is_one_site(fleet: Fleet, site: Site) -> None:
    other = await fleet.site("bus-2")
    async with fleet.store.begin() as connection:
        await sites.change(connection, site.id, {"identity": "ab" * 32, "state": "enrolled"})
    with pytest.raises(LayoverError) as caught:
        async with fleet.store.begin() as connection:
            await sites.change(connection, other.id, {"identity": "ab" * 32})
    assert caught.value.kind is Kind.CONFLICT
    async with fleet.store.begin() as connection:
        assert (await sites.by_id(connection, other.id)).identity is None


async def test_times_to_the_end_of_the_calendar_and_before_1970(fleet: Fleet, site: Site) -> None:
    values = {"seen_ms": YEAR_9999_MS, "offset_ms": -YEAR_9999_MS, "expected_ms": -1}
    async with fleet.store.begin() as connection:
        await sites.change(connection, site.id, values)
        found = await sites.by_id(connection, site.id)
    assert (found.seen_ms, found.offset_ms, found.expected_ms) == tuple(values.values())


async def test_a_site_that_is_not_there(fleet: Fleet, site: Site) -> None:
    async with fleet.store.begin() as connection:
        with pytest.raises(LayoverError) as caught:
            await sites.labelled(connection, "bus-7")
    assert (caught.value.kind, caught.value.hint) == (Kind.NOT_FOUND, "Did you mean bus-1?")


async def test_a_contact_begins_and_ends(fleet: Fleet, site: Site) -> None:
    async with fleet.store.begin() as connection:
        key = await contacts.begin(connection, site.id, None, "wifi", "10.0.0.1:1", NOW_MS, -5, 9)
        (open_one,) = await contacts.of_site(connection, site.id)
        assert (open_one.end_ms, open_one.received_bytes) == (None, 0)
        await contacts.end(connection, key, NOW_MS + MINUTE_MS, 10**15)
        (ended,) = await contacts.of_site(connection, site.id)
    assert (ended.end_ms, ended.received_bytes) == (NOW_MS + MINUTE_MS, 10**15)
    assert (ended.link, ended.address, ended.offset_ms) == ("wifi", "10.0.0.1:1", -5)


async def test_a_contact_left_open_by_a_dead_central_ends_where_it_began(
    fleet: Fleet, site: Site
) -> None:
    other = await fleet.site("bus-2")
    async with fleet.store.begin() as connection:
        for owner in (site, other):
            await contacts.begin(connection, owner.id, None, "wifi", "a:1", NOW_MS, 0, 0)
        await contacts.begin(connection, site.id, None, "lan", "a:2", NOW_MS + 50, 0, 0)
        young, old = await contacts.of_site(connection, site.id)
        (elsewhere,) = await contacts.of_site(connection, other.id)
        assert len(await contacts.of_site(connection, site.id, limit=1)) == 1
    assert (young.end_ms, old.end_ms, elsewhere.end_ms) == (None, NOW_MS, None)


WARN = Outlook(Chance.AT_RISK, Level.WARN, "may be overwritten", "bring the site in sooner")
CRITICAL = replace(WARN, level=Level.CRITICAL, why="likely overwritten")


async def test_the_life_of_a_warning(fleet: Fleet, site: Site) -> None:
    request = await fleet.request(site)
    expiry = Expiry(early_ms=NOW_MS + 10, likely_ms=NOW_MS + 20, late_ms=NOW_MS + 30)

    async def said(outlook: Outlook, seen: Expiry | None, now_ms: int) -> bool:
        async with fleet.store.begin() as connection:
            return await warnings.raise_or_update(
                connection, request.id, site.id, outlook, seen, None, now_ms
            )

    assert await said(WARN, expiry, NOW_MS), "raised"
    assert not await said(WARN, expiry, NOW_MS + 1), "said again"
    assert not await said(WARN, None, NOW_MS + 2), "only its numbers moved"
    assert await said(CRITICAL, None, NOW_MS + 3), "worse"
    async with fleet.store.begin() as connection:
        found = await warnings.current(connection, request.id, site.id)
        assert found is not None
        assert (found.level, found.raised_ms, found.updated_ms) == ("critical", NOW_MS, NOW_MS + 3)
        assert (found.early_ms, found.outcome) == (None, None)
        assert await warnings.end(connection, request.id, site.id, "saved", NOW_MS + 4)
        assert not await warnings.end(connection, request.id, site.id, "lost", NOW_MS + 5)
        assert await warnings.current(connection, request.id, site.id) is None
    assert await said(WARN, expiry, NOW_MS + 6), "a new one"
    async with fleet.store.begin() as connection:
        again, ended = await warnings.listing(connection)
        assert await warnings.listing(connection, ended=False) == [again]
    assert (again.raised_ms, again.ended_ms) == (NOW_MS + 6, None)
    assert (ended.outcome, ended.ended_ms) == ("saved", NOW_MS + 4)


async def test_warnings_of_other_requests_and_sites_are_their_own(fleet: Fleet, site: Site) -> None:
    other = await fleet.site("bus-2")
    first, second = await fleet.request(site, other), await fleet.request(site)
    async with fleet.store.begin() as connection:
        for request, where in ((first, site), (first, other), (second, site)):
            await warnings.raise_or_update(
                connection, request.id, where.id, WARN, None, None, NOW_MS
            )
        await warnings.end(connection, first.id, site.id, "cleared", NOW_MS)
        left = [(w.request_id, w.site_id) for w in await warnings.listing(connection, ended=False)]
    assert left == [(second.id, site.id), (first.id, other.id)]


async def test_the_same_key_at_the_same_moment_makes_one_request(fleet: Fleet, site: Site) -> None:
    """A client that lost patience repeats while the first try is still under way."""
    wish = Wish([(site.id, "front")], NOW_MS, NOW_MS + 1)

    async def ask() -> int | Kind:
        try:
            async with fleet.store.begin() as connection:
                request, _ = await requests.add(connection, wish, NOW_MS, "key-1")
                return request.id
        except LayoverError as error:
            return error.kind

    answers = set(await asyncio.gather(*(ask() for _ in range(4))))
    async with fleet.store.begin() as connection:
        (made,) = await requests.listing(connection)
    assert made.id in answers
    assert answers <= {made.id, Kind.CONFLICT}
