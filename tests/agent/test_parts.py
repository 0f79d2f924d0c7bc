"""Parts that fail, and the others that go on."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from agent.kit import until

from layover_agent import parts as module
from layover_agent.parts import Parts


class Part:
    """Fails as it is told, one error a run; then runs for ever."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.began: list[float] = []
        self.runs_on = asyncio.Event()

    async def __call__(self) -> None:
        self.began.append(asyncio.get_running_loop().time())
        if self.errors:
            raise self.errors.pop(0)
        self.runs_on.set()
        await asyncio.Event().wait()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 0.04)
    monkeypatch.setattr(module, "GOOD_AFTER_S", 0.2)


Keep = Callable[[str, Callable[[], Awaitable[None]]], asyncio.Task[None]]


@pytest.fixture
def parts() -> Parts:
    return Parts()


@pytest.fixture
async def keep(parts: Parts) -> AsyncIterator[Keep]:
    tasks: list[asyncio.Task[None]] = []

    def kept(name: str, part: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        tasks.append(asyncio.create_task(parts.keep(name, part)))
        return tasks[-1]

    yield kept
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_part_that_fails_is_tried_again_and_named_until_it_has_recovered(
    parts: Parts, keep: Keep
) -> None:
    part = Part(OSError(5, "Input/output error"))
    keep("hashing", part)
    await part.runs_on.wait()
    assert parts.failing == {"hashing": "OSError: [Errno 5] Input/output error"}
    await until(lambda: not parts.failing, "recovering")


async def test_a_part_that_fails_does_not_end_the_others(parts: Parts, keep: Keep) -> None:
    bad, good = Part(*(ValueError("x") for _ in range(5))), Part()
    keep("bad", bad)
    keep("good", good)
    await bad.runs_on.wait()
    assert len(good.began) == 1
    assert [*parts.failing] == ["bad"]


async def test_pauses_grow_up_to_the_longest_and_are_never_zero(keep: Keep) -> None:
    part = Part(*(ValueError("x") for _ in range(6)))
    keep("part", part)
    await part.runs_on.wait()
    pauses = [b - a for a, b in zip(part.began, part.began[1:], strict=False)]
    least = [0.01, 0.02, 0.04, 0.04, 0.04, 0.04]
    assert all(pause >= wanted for pause, wanted in zip(pauses, least, strict=True))


async def test_after_a_good_while_the_next_pause_is_short_again(keep: Keep) -> None:
    fails = asyncio.Event()
    began: list[float] = []
    ended: list[float] = []
    loop = asyncio.get_running_loop()

    async def part() -> None:
        began.append(loop.time())
        if len(began) == 6:
            await fails.wait()
        ended.append(loop.time())
        raise ValueError("x")

    keep("part", part)
    await until(lambda: len(began) == 6, "the long run")
    loop.call_later(0.21, fails.set)
    await until(lambda: len(began) == 8, "failing again, and once more")
    assert began[6] - ended[5] >= 0.01
    assert began[7] - ended[6] >= 0.02


async def test_a_part_that_ends_by_itself_is_not_started_again(parts: Parts, keep: Keep) -> None:
    runs = []

    async def part() -> None:
        runs.append(1)
        if len(runs) == 1:
            raise ValueError("x")

    await keep("part", part)
    assert len(runs) == 2
    assert parts.failing == {}


@pytest.mark.parametrize(
    "error",
    [
        sqlite3.DatabaseError("database disk image is malformed"),
        ExceptionGroup("some", [ValueError("x"), sqlite3.DatabaseError("malformed")]),
        ExceptionGroup("some", [ExceptionGroup("more", [sqlite3.DatabaseError("malformed")])]),
    ],
    ids=["alone", "in a group", "in a group in a group"],
)
async def test_a_damaged_database_goes_on_to_whoever_can_open_it_anew(
    keep: Keep, error: Exception
) -> None:
    with pytest.raises(type(error)):
        await keep("part", Part(error))


@pytest.mark.parametrize(
    "error",
    [
        sqlite3.OperationalError("database or disk is full"),
        sqlite3.ProgrammingError("Incorrect number of bindings supplied"),
        sqlite3.IntegrityError("UNIQUE constraint failed"),
    ],
)
async def test_other_errors_of_a_database_damage_nothing(
    parts: Parts, keep: Keep, error: sqlite3.DatabaseError
) -> None:
    if not isinstance(error, sqlite3.ProgrammingError):
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
    part = Part(error)
    keep("part", part)
    await part.runs_on.wait()
    assert "data folder" in parts.failing["part"]


async def test_each_error_of_a_group_is_named(parts: Parts, keep: Keep) -> None:
    part = Part(ExceptionGroup("some", [ValueError("one"), KeyError("two")]))
    keep("part", part)
    await part.runs_on.wait()
    assert parts.failing["part"] == "ValueError: one; KeyError: 'two'"


@pytest.mark.parametrize("errors", [0, 3], ids=["running", "pausing"])
async def test_cancelling_ends_a_part_at_once(parts: Parts, keep: Keep, errors: int) -> None:
    part = Part(*(ValueError("x") for _ in range(errors)))
    task = keep("part", part)
    await until(lambda: part.began, "beginning")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_no_timer_is_left_behind(parts: Parts, keep: Keep) -> None:
    """A part that fails within its good while is not called well by an older run's timer."""
    part = Part(*(ValueError("x") for _ in range(8)))
    keep("part", part)
    await until(lambda: len(part.began) > 4, "failing for longer than a good while")
    assert "part" in parts.failing
