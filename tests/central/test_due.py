"""Many small events become one look, and none is lost."""

import asyncio

from layover_central.due import Due


async def test_many_events_are_one_look() -> None:
    due = Due()
    due.requests([1, 2])
    due.requests([2, 3])
    due.transfers([7])
    due.transfers(n for n in (7, 8))
    assert await due.taken() == ({1, 2, 3}, {7, 8})


async def test_what_is_taken_is_not_given_twice() -> None:
    due = Due()
    due.requests([1])
    await due.taken()
    due.transfers([2])
    assert await due.taken() == (set(), {2})


async def test_without_events_there_is_nothing_to_take() -> None:
    due = Due()
    waiting = asyncio.create_task(due.taken())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    due.requests([1])
    assert await waiting == ({1}, set())


async def test_what_comes_while_the_taker_works_is_the_next_look() -> None:
    due = Due()
    due.requests([1])
    mine, _ = await due.taken()
    due.requests([2])
    assert mine == {1}
    assert (await due.taken())[0] == {2}


async def test_a_taker_that_is_cancelled_takes_nothing() -> None:
    due = Due()
    waiting = asyncio.create_task(due.taken())
    await asyncio.sleep(0)
    due.requests([1])
    waiting.cancel()
    await asyncio.wait([waiting])
    assert await due.taken() == ({1}, set())
