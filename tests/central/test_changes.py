"""News inside central: every listener hears all, and nobody can slow the others down."""

import asyncio

import pytest

from layover_central.changes import BACKLOG, Changes, Topic


def heard(queue: asyncio.Queue[Topic]) -> list[Topic]:
    return [queue.get_nowait() for _ in range(queue.qsize())]


async def test_every_listener_hears_everything_in_order() -> None:
    changes = Changes()
    with changes.subscribed() as one, changes.subscribed() as other:
        changes.publish(Topic.SITES)
        changes.publish(Topic.WANTED)
        assert heard(one) == heard(other) == [Topic.SITES, Topic.WANTED]


async def test_news_before_and_after_are_not_heard() -> None:
    changes = Changes()
    changes.publish(Topic.SITES)
    with changes.subscribed() as queue:
        pass
    changes.publish(Topic.DEPOTS)
    assert heard(queue) == []


async def test_nobody_has_to_listen() -> None:
    Changes().publish(Topic.REQUESTS)


async def test_a_slow_listener_loses_the_oldest_and_holds_nobody_up() -> None:
    changes = Changes()
    with changes.subscribed() as slow:
        changes.publish(Topic.DEPOTS)
        for _ in range(BACKLOG):
            changes.publish(Topic.TRANSFERS)
        assert heard(slow) == [Topic.TRANSFERS] * BACKLOG


async def test_a_listener_that_fails_is_forgotten() -> None:
    changes = Changes()
    with pytest.raises(ZeroDivisionError), changes.subscribed() as queue:
        raise ZeroDivisionError
    changes.publish(Topic.SITES)
    assert queue.empty()


async def test_a_listener_that_waits_is_woken() -> None:
    changes = Changes()
    with changes.subscribed() as queue:
        waiting = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        changes.publish(Topic.WARNINGS)
        assert await waiting is Topic.WARNINGS
