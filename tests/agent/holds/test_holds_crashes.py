"""A power cut or kill -9 between any two effects: nothing promised is lost, nothing left behind.

A child does the work and dies at its n-th effect (a system call that changes the disk, or a
commit), for every n there is; its parent then starts the agent anew on what lies there.
"""

import asyncio
import contextlib
import os
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from agent.holds.conftest import Den, den_at
from agent.kit import NOW_MS, HandClock

from layover_agent.core.holding import Terms
from layover_agent.database import Database
from layover_agent.wire.types import HoldState, SpanWish

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")

DATA = bytes(range(256)) * 40
CRASHED, DONE = 9, 0
EFFECTS = (
    "link", "rename", "unlink", "write", "fsync", "fdatasync", "ftruncate", "mkdir", "utime",
)  # fmt: skip
COPY = Terms(reserve_bytes=1 << 20, max_percent=90, copy_rate_bps=10**9)

Work = Callable[[Den, str], Awaitable[None]]


async def place(den: Den, recording_id: str) -> None:
    assert (await den.holds.place(await den.row(recording_id), 600)).state is HoldState.HELD


async def release(den: Den, recording_id: str) -> None:
    await den.holds.release(recording_id)


async def span(den: Den, recording_id: str) -> None:
    wish = SpanWish(start_ms=NOW_MS - 7_200_000, end_ms=NOW_MS, lease_s=600)
    assert (await den.holds.spans.put("a", wish)).held == 1


async def copy(den: Den, recording_id: str) -> None:
    answer = await den.holds.place(await den.row(recording_id), 600)
    assert answer.state is HoldState.PENDING
    running = asyncio.create_task(den.holds.run())
    while recording_id in den.holds._copies:
        await asyncio.sleep(0.005)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def dies_at(nth: int) -> None:
    """From now on this process dies before its n-th effect."""
    left = nth

    def counted() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os._exit(CRASHED)

    for name in EFFECTS:
        real = getattr(os, name)

        def effect(*args, real=real, **options):  # type: ignore[no-untyped-def]
            counted()
            return real(*args, **options)

        setattr(os, name, effect)
    whole = Database._transaction

    @contextlib.asynccontextmanager
    async def transaction(self: Database) -> AsyncIterator[None]:
        counted()
        async with whole(self):
            yield
        counted()

    Database._transaction = transaction  # type: ignore[method-assign]


def worked(folder: Path, work: Work, nth: int, recording_id: str, **options: object) -> bool:
    """Whether the work was done; False: it died on the way."""
    child = os.fork()
    if child == 0:
        code = 1
        try:

            async def main() -> None:
                async with den_at(folder, folder, **options) as den:  # type: ignore[arg-type]
                    dies_at(nth)
                    await work(den, recording_id)
                    os._exit(DONE)

            asyncio.run(main())
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (CRASHED, DONE), f"the child failed with {code}: see its trace"
    return code == DONE


def prepared(folder: Path, *, held: bool, **options: object) -> str:
    folder.mkdir()

    async def main() -> str:
        async with den_at(folder, folder, **options) as den:  # type: ignore[arg-type]
            row = await den.listed(den.record(data=DATA))
            if held:
                await place(den, row.id)
            return row.id

    return asyncio.run(main())


async def looked_after(folder: Path, recording_id: str, *, anew: bool, **options: object) -> bool:
    """Starts the agent again, twice; whether the recording is held. Whatever the crash left, it
    is one or the other, and whole."""
    original = next((folder / "recordings").rglob("*.h264"))
    for _ in range(2):
        if anew:
            (folder / "manifest.db").write_bytes(b"junk" * 1000)
        async with den_at(folder, folder, HandClock(), **options) as den:  # type: ignore[arg-type]
            await den.scanner.scan()
            held = await den.held_ids() == [recording_id]
            assert await den.holds.broken() == []
            assert den.left() == ({recording_id, f"{recording_id}.json"} if held else set())
            assert await den.bytes_of(recording_id) == DATA
            assert (await den.row(recording_id)).held == held
            assert original.stat().st_nlink <= 2
    async with den_at(folder, folder, HandClock(), **options) as den:  # type: ignore[arg-type]
        original.unlink()
        if anew:
            await den.manifest.close()
            (folder / "manifest.db").write_bytes(b"junk" * 1000)
    async with den_at(folder, folder, HandClock(), **options) as den:  # type: ignore[arg-type]
        await den.scanner.scan()
        row = await den.manifest.get(recording_id)
        assert (row is not None and row.present) == held
        if held:
            assert await den.bytes_of(recording_id) == DATA
            assert row is not None
            assert row.camera == "front"
            await den.holds.release(recording_id)
        assert den.left() == set()
    return held


@pytest.mark.slow
@pytest.mark.parametrize("anew", [False, True], ids=["database kept", "database lost"])
@pytest.mark.parametrize(
    ("work", "held", "options"),
    [
        (place, False, {}),
        (release, True, {}),
        (span, False, {}),
        (copy, False, {"deletes_by": "", "terms": COPY}),
    ],
    ids=["place", "release", "span", "copy"],
)
def test_a_crash_at_any_step(
    tmp_path: Path, work: Work, held: bool, options: dict[str, object], anew: bool
) -> None:
    fates = []
    for nth in range(1, 100):
        folder = tmp_path / str(nth)
        recording_id = prepared(folder, held=held, **options)
        done = worked(folder, work, nth, recording_id, **options)
        fates.append(asyncio.run(looked_after(folder, recording_id, anew=anew, **options)))
        if done:
            break
    else:
        pytest.fail("the work never ends")
    assert len(fates) > 5, "hardly any effect was seen: the injection does not work"
    # What was answered is true; and before, there is one moment at which it became so.
    assert fates[-1] == (work is not release)
    if not (work is span and anew):
        assert fates == sorted(fates, reverse=held)
