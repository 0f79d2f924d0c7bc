"""Peers: measured where they are installed, named where they are not."""

import os
from pathlib import Path

import pytest

from layover_sim.bench.lists import Fetched
from layover_sim.bench.peers import find_newer, installed, rsync_list
from layover_sim.bench.recordings import CAMERAS, Folder
from layover_sim.bench.run import NoPeer
from layover_sim.bench.shaped import Shape

FIRST_MS = 1_795_000_000_000


@pytest.fixture
def made(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path / "recordings", FIRST_MS)
    folder.write(2 * CAMERAS)
    return folder


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    (tmp_path / "scratch").mkdir()
    return tmp_path / "scratch"


@pytest.mark.slow
async def test_rsync_lists_every_file(made: Folder, scratch: Path) -> None:
    try:
        found = await rsync_list(made.folder, scratch, Shape())
    except NoPeer as error:
        pytest.skip(str(error))
    assert found.entries == 2 * CAMERAS
    assert found.size_bytes > 20 * found.entries


@pytest.mark.slow
async def test_find_tells_only_what_is_newer(made: Folder, scratch: Path) -> None:
    stamp = scratch / "stamp"
    stamp.touch()
    os.utime(stamp, ns=(made.last_end_ms * 1_000_000,) * 2)
    made.write(CAMERAS)
    try:
        found = await find_newer(made.folder, stamp, scratch, Shape())
    except NoPeer as error:
        pytest.skip(str(error))
    assert found.entries == CAMERAS
    assert found.size_bytes > 1000


def test_what_is_not_installed_is_said() -> None:
    with pytest.raises(NoPeer, match="no-such-server is not installed"):
        installed("no-such-server")


@pytest.mark.parametrize(
    ("took_s", "trips"),
    [
        pytest.param(0.081, 1, id="one, and a little work"),
        pytest.param(0.159, 1, id="one, and transmission"),
        pytest.param(0.161, 2, id="two"),
    ],
)
def test_round_trips_are_whole(took_s: float, trips: int) -> None:
    assert Fetched(100, 3000, took_s).round_trips(Shape(delay_ms=40)) == trips
