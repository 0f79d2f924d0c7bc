import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from agent.facts.trees import Tree
from agent.kit import until

from layover_agent.facts.processes import LOOK_EVERY_MS, ProcessWatch, find, memory, own

HZ = os.sysconf("SC_CLK_TCK")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    made = Tree(tmp_path)
    made.process(1, "systemd", 5, "/sbin/init")
    return made


@pytest.mark.parametrize(
    ("case", "comm", "arguments", "found"),
    [
        ("by its name", "mediamtx", ["/opt/mediamtx", "/etc/mediamtx.yml"], True),
        ("renamed, by its program", "worker", ["/opt/mediamtx"], True),
        ("a script", "python3", ["/usr/bin/python3", "-u", "/opt/mediamtx.py"], True),
        ("a module", "python3.11", ["python3.11", "-u", "-m", "mediamtx"], True),
        ("somebody who edits its settings", "vim", ["vim", "/etc/mediamtx"], False),
        ("somebody who starts it", "systemctl", ["systemctl", "start", "mediamtx"], False),
        ("another of a longer name", "mediamtx-exporter", ["/opt/mediamtx-exporter"], False),
        ("a thread of the kernel", "kworker/0:1", [], False),
    ],
)
def test_who_it_is(tree: Tree, case: str, comm: str, arguments: list[str], found: bool) -> None:
    tree.process(77, comm[:15], 4000, *arguments)
    assert (find("mediamtx", tree.root / "proc") is not None) is found, case


def test_a_name_longer_than_the_kernel_keeps(tree: Tree) -> None:
    tree.process(9, "recorder-of-the", 5, "/usr/bin/recorder-of-the-bus")
    assert find("recorder-of-the-bus", tree.root / "proc") is not None


def test_of_several_the_oldest_counts(tree: Tree) -> None:
    tree.process(50, "zmc", 9000, "zmc")
    tree.process(40, "zmc", 7000, "zmc")
    found = find("zmc", tree.root / "proc")
    assert found is not None
    assert found.number == 40


def test_a_name_with_brackets_does_not_confuse(tree: Tree) -> None:
    tree.process(50, "a) S 1 (b", 9000, "rec")
    found = find("rec", tree.root / "proc")
    assert found is not None
    assert found.began_ticks == 9000


def test_since_when_it_runs(tree: Tree) -> None:
    tree.process(50, "rec", 100 * HZ, "rec")
    facts = ProcessWatch("rec", tree.root).look(160_000)
    assert (facts.running, facts.up_s, facts.restarts) == (True, 60, 0)


def test_restarts_are_seen_and_forgotten_after_an_hour(tree: Tree) -> None:
    watch = ProcessWatch("rec", tree.root)
    for turn in range(4):
        tree.process(50, "rec", (100 + turn) * HZ, "rec")
        facts = watch.look(200_000 + turn * LOOK_EVERY_MS)
    assert (facts.running, facts.restarts) == (True, 3)
    assert watch.look(200_000 + 3_700_000).restarts == 0


def test_a_process_that_ended_is_not_running_and_its_number_may_be_anothers(tree: Tree) -> None:
    watch = ProcessWatch("rec", tree.root)
    tree.process(50, "rec", 100 * HZ, "rec")
    assert watch.look(200_000).running
    tree.process(50, "cron", 150 * HZ, "cron")
    assert watch.look(200_000 + LOOK_EVERY_MS).running is False


def test_hidden_processes_are_not_called_missing(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.process(os.getpid(), "layover-agent", 5, "layover-agent")
    assert ProcessWatch("rec", tree.root).look(1_000).running is None


def test_a_real_process_comes_and_goes(tmp_path: Path) -> None:
    name = f"rec{os.getpid()}"
    script = tmp_path / f"{name}.py"
    script.write_text("import time\ntime.sleep(60)\n")
    watch = ProcessWatch(name)
    with subprocess.Popen([sys.executable, str(script)]) as process:
        try:
            deadline = time.monotonic() + 10
            while find(name) is None:
                assert time.monotonic() < deadline
            assert watch.look(time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000).running
        finally:
            process.kill()
    now_ms = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
    assert watch.look(now_ms + LOOK_EVERY_MS).running is False


async def test_our_own_process_takes_memory_and_time() -> None:
    await until(lambda: own().cpu_ms > 0, "use of the processor")
    assert own().rss_bytes > 1 << 20


def test_memory(tree: Tree) -> None:
    tree.write(
        "proc/meminfo",
        "MemTotal:         498732 kB\nMemFree:           11200 kB\nMemAvailable:     120000 kB\n"
        "HugePages_Total:       0\nBroken\n: 5\n",
    )
    assert memory(tree.root) == (498_732 * 1024, 120_000 * 1024)
    assert memory(tree.root / "nowhere") == (0, 0)
