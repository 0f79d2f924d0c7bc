"""One agent on one data folder."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from layover_agent.app import _alone
from layover_agent.config import BadConfig

HOLDS_IT = """
import sys
from pathlib import Path
from layover_agent.app import _alone
with _alone(Path(sys.argv[1])):
    print("mine", flush=True)
    sys.stdin.read()
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    """A process that has the data folder, once it says so."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS_IT, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "mine\n"
    return process


def ended(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    process.stdout.close()
    process.wait(10)


def test_a_second_agent_is_refused_and_told_what_to_do(tmp_path: Path) -> None:
    first = holder(tmp_path)
    try:
        with (
            pytest.raises(BadConfig, match=r"another agent runs on .*: end it, or give"),
            _alone(tmp_path),
        ):
            pass
        assert first.poll() is None
    finally:
        ended(first)
    with _alone(tmp_path):
        pass


def test_an_agent_that_was_killed_leaves_no_obstacle(tmp_path: Path) -> None:
    first = holder(tmp_path)
    os.kill(first.pid, signal.SIGKILL)
    ended(first)
    with _alone(tmp_path):
        pass


def test_two_data_folders_are_two_agents(tmp_path: Path) -> None:
    with _alone(tmp_path / "one"), _alone(tmp_path / "two"):
        pass


def test_a_data_folder_is_made(tmp_path: Path) -> None:
    with _alone(tmp_path / "var" / "lib" / "layover"):
        assert (tmp_path / "var" / "lib" / "layover").is_dir()


async def test_the_folder_stays_taken_while_other_tasks_run(tmp_path: Path) -> None:
    with _alone(tmp_path):
        await asyncio.sleep(0)
        with pytest.raises(BadConfig), _alone(tmp_path):
            pass
