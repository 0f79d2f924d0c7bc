"""What the kernel says a process uses."""

import asyncio
import os
import subprocess
import sys
import time

import pytest

from layover_sim.bench import quiet
from layover_sim.bench.usage import Usage, family_cpu_s

ME = Usage(os.getpid())


def work(seconds: float) -> None:
    until_s = time.process_time() + seconds
    while time.process_time() < until_s:
        pass


def test_work_is_counted() -> None:
    before_s = ME.cpu_s()
    work(0.2)
    assert ME.cpu_s() - before_s == pytest.approx(0.2, abs=0.05)


def test_a_peak_outlives_what_caused_it_until_it_is_forgotten() -> None:
    ME.forget_peak()
    before_mb = ME.peak_rss_mb()
    data = bytearray(os.urandom(1)) * 50_000_000
    assert ME.rss_mb() > before_mb + 40
    del data
    assert ME.peak_rss_mb() > before_mb + 40
    ME.forget_peak()
    assert ME.peak_rss_mb() < before_mb + 20


def test_a_process_that_is_gone_is_no_figure() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    with pytest.raises((FileNotFoundError, ProcessLookupError)):
        Usage(child.pid).cpu_s()


def test_a_family_s_work_is_its_members_in_sum() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, stdin=subprocess.PIPE
    )
    with parent:
        assert parent.stdout is not None and parent.stdin is not None
        parent.stdout.readline()
        assert family_cpu_s(parent.pid) >= Usage(parent.pid).cpu_s() + 0.2
        parent.stdin.close()


_PARENT = """
import subprocess, sys
work = "import time\\nwhile time.process_time() < 0.3: pass\\nprint(flush=True)\\ninput()"
pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
child = subprocess.Popen([sys.executable, "-c", work], **pipes)
child.stdout.readline()
print(flush=True)
sys.stdin.read()
child.kill()
child.wait()
"""


async def test_a_stretch_is_the_share_of_one_core() -> None:
    async def half_busy() -> None:
        while True:
            work(0.02)
            await asyncio.sleep(0.02)

    task = asyncio.create_task(half_busy())
    stretch = await quiet.over(ME, 0.4)
    task.cancel()
    assert stretch.took_s >= 0.4
    assert 2 < stretch.percent < 90


@pytest.mark.parametrize(
    ("seconds_of_work", "done"),
    [
        pytest.param(0.02, True, id="busy though it says it is done"),
        pytest.param(0, False, id="resting with work left over"),
    ],
)
async def test_what_has_not_settled(
    monkeypatch: pytest.MonkeyPatch, seconds_of_work: float, done: bool
) -> None:
    monkeypatch.setattr(quiet, "WINDOW_S", 0.3)

    async def busy() -> None:
        while True:
            work(seconds_of_work)
            await asyncio.sleep(0 if seconds_of_work else 1)

    task = asyncio.create_task(busy())
    assert await quiet.settled(ME, lambda: done, 0.5) is None
    task.cancel()


async def test_what_has_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiet, "WINDOW_S", 0.5)
    assert await quiet.settled(ME, lambda: True, 10) is not None
