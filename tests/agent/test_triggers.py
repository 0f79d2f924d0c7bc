"""The driver's button: files, command, GPIO; panic, bounce and a contact that is stuck."""

import asyncio
import contextlib
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from agent.holds.conftest import Den, den_at
from agent.kit import NOW_MS, eventually

from layover_agent.settings import Trigger
from layover_agent.triggers import Press, Triggers, edges, press
from layover_agent.wire.types import SpanHold


@pytest.fixture
async def den(tmp_path: Path) -> AsyncIterator[Den]:
    async with den_at(tmp_path, tmp_path) as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "trigger"
    made.mkdir()
    return made


def triggers(den: Den, **settings: object) -> Triggers:
    return Triggers(den.holds.spans, den.manifest, Trigger(**settings), den.clock)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def running(made: Triggers) -> AsyncIterator[None]:
    task = asyncio.create_task(made.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def spans(den: Den) -> list[SpanHold]:
    return (await den.holds.spans.all()).span_holds


async def presses(den: Den, count: int) -> list[SpanHold]:
    async def there() -> bool:
        return len(await spans(den)) == count

    await eventually(there, f"{count} holds by a trigger")
    return await spans(den)


async def test_a_press_holds_what_was_recorded_before_and_what_follows(den: Den) -> None:
    before = await den.listed(den.record("10-55-00", b"a" * 9000, written_s_ago=120))
    await den.listed(den.record("09-00-00", b"b" * 9000, written_s_ago=7000))
    answer = await triggers(den, last_s=600, next_s=120).pressed(Press("button"))
    assert answer is not None
    assert (answer.origin, answer.reason, answer.held) == ("trigger", "button", 1)
    assert (answer.start_ms, answer.end_ms) == (NOW_MS - 600_000, NOW_MS + 120_000)
    assert await den.held_ids() == [before.id]
    den.clock.pass_s(100)
    after = await den.listed(den.record("11-01-00", b"c" * 9000, written_s_ago=10))
    assert set(await den.held_ids()) == {before.id, after.id}


async def test_panic_is_one_hold_that_goes_on(den: Den) -> None:
    made = triggers(den, next_s=60)
    for _ in range(5):
        await made.pressed(Press("button"))
        den.clock.pass_s(10)
    (one,) = await spans(den)
    assert one.end_ms == NOW_MS + 40_000 + 60_000


async def test_a_stuck_contact_is_refused_at_last_and_told_since_when(den: Den) -> None:
    made = triggers(den, per_day=3)
    for _ in range(5):
        await made.pressed(Press("button"))
        den.clock.pass_s(100)
    assert len(await spans(den)) == 3
    since_ms, trouble = made.troubles["button"]
    assert since_ms == NOW_MS + 300_000
    assert "stuck" in trouble
    den.clock.pass_s(86_400)
    assert await made.pressed(Press("button")) is not None
    assert made.troubles == {}


async def test_a_restart_does_not_give_a_stuck_contact_another_day(den: Den) -> None:
    for _ in range(5):
        await triggers(den, per_day=3).pressed(Press("button"))
        den.clock.pass_s(100)
    assert len(await spans(den)) == 3


@pytest.mark.parametrize("how", ["touched", "written", "moved into place", "the command"])
async def test_a_file_is_a_button(den: Den, tmp_path: Path, how: str) -> None:
    folder = tmp_path / "run" / "trigger"
    made = triggers(den, folder=str(folder), last_s=600)
    async with running(made):
        await eventually(lambda: asyncio.sleep(0, folder.is_dir()), "the trigger folder")
        if how == "touched":
            (folder / "panic").touch()
        elif how == "written":
            (folder / "panic").write_text("panic\n")
        elif how == "moved into place":
            (tmp_path / "panic").write_text("")
            (tmp_path / "panic").rename(folder / "panic")
        else:
            press(folder, "panic", 60)
        (one,) = await presses(den, 1)
        assert one.reason == "panic"
        assert one.start_ms == den.clock.wall - (60_000 if how == "the command" else 600_000)
        den.clock.pass_s(100)
        (folder / "panic").touch()
        await presses(den, 2)


async def test_a_press_while_the_agent_was_away_counts_from_when_it_was_made(
    den: Den, folder: Path
) -> None:
    (folder / "panic").touch()
    os.utime(folder / "panic", ns=((NOW_MS - 3_600_000) * 1_000_000,) * 2)
    made = triggers(den, folder=str(folder), last_s=600, next_s=60)
    async with running(made):
        (one,) = await presses(den, 1)
        assert (one.start_ms, one.end_ms) == (NOW_MS - 4_200_000, NOW_MS - 3_540_000)
    den.clock.pass_s(100)
    async with running(triggers(den, folder=str(folder))):
        (folder / "other").touch()
        await presses(den, 2)


async def test_a_clock_that_was_set_back_hides_no_press(den: Den, folder: Path) -> None:
    async with running(triggers(den, folder=str(folder), pause_s=0, debounce_ms=0)):
        (folder / "panic").touch()
        await presses(den, 1)
        den.clock.wall -= 10 * 365 * 86_400_000
        os.utime(folder / "panic", ns=(10**18, 10**18))
        await presses(den, 2)


@pytest.mark.parametrize(
    ("case", "content", "reason"),
    [
        ("no JSON", b'{"reason": ', '{"reason":'),
        ("JSON of another kind", b"[1, 2]", "[1, 2]"),
        ("a reason that is no text", b'{"reason": 5}', "5"),
        ("a lone half of a character", b'{"reason": "\\ud800"}', "?"),
        ("bytes that are no text", b"\xff\xfe", "\ufffd\ufffd"),
        ("nested without end", b'{"reason":' + b"[" * 4000, None),
        ("a very long reason", b"x" * 10_000, "x" * 300),
        ("a span without end", b'{"reason": "r", "last_s": 999999999999}', "r"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)
async def test_whatever_a_file_says_it_is_a_press(
    den: Den, folder: Path, case: str, content: bytes, reason: str | None
) -> None:
    (folder / "panic").write_bytes(content)
    async with running(triggers(den, folder=str(folder), last_s=600)):
        (one,) = await presses(den, 1)
    assert reason is None or one.reason == reason
    assert one.end_ms - one.start_ms <= 86_400_000


async def test_links_fifos_and_folders_are_no_button(den: Den, folder: Path) -> None:
    (folder / "link").symlink_to("/etc/passwd")
    os.mkfifo(folder / "fifo")
    (folder / "folder").mkdir()
    async with running(triggers(den, folder=str(folder))):
        (folder / "panic").touch()
        (one,) = await presses(den, 1)
    assert one.reason == "panic"


async def test_a_folder_that_cannot_be_is_told(den: Den, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    made = triggers(den, folder=str(tmp_path / "file" / "trigger"))
    async with running(made):
        await eventually(lambda: asyncio.sleep(0, made.troubles), "the trouble")
    assert "cannot be watched" in made.troubles["folder"][1]


async def test_a_gpio_that_is_not_there_is_told(den: Den, tmp_path: Path) -> None:
    made = triggers(den, gpio=str(tmp_path / "value"))
    async with running(made):
        await eventually(lambda: asyncio.sleep(0, made.troubles), "the trouble")
    assert "export the GPIO" in made.troubles["gpio"][1]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount: the kernel signals that")
async def test_the_kernels_signal_is_heard_without_polling(tmp_path: Path) -> None:
    """/proc/self/mounts signals a change as a GPIO's value does: POLLPRI, read anew."""
    async with contextlib.aclosing(edges(Path("/proc/self/mounts"))) as values:
        waiting = asyncio.ensure_future(anext(values))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting), 0.2)
        mounting = ["mount", "-t", "tmpfs", "none", tmp_path]
        if subprocess.run(mounting, capture_output=True).returncode:
            waiting.cancel()
            pytest.skip("cannot mount here")
        try:
            assert await asyncio.wait_for(waiting, 5)
        finally:
            subprocess.run(["umount", tmp_path], check=True)
