"""A power cut, not only a kill: what the disk holds is what was flushed to it, and no more.

After each answer the disk's image is copied as it is at that moment, without a flush, and mounted
like a box that comes up again.
"""

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest
from agent.holds.conftest import den_at
from agent.holds.disks import mount, mounted
from agent.kit import HandClock

from layover_agent.wire.types import HoldState

DATA = bytes(range(256)) * 40


@pytest.mark.slow
@pytest.mark.parametrize("database", ["on the same disk", "on another one"])
@pytest.mark.parametrize("kind", ["ext4", "xfs"])
async def test_what_was_answered_survives_a_power_cut(
    tmp_path: Path, kind: str, database: str
) -> None:
    """The answer "held" came; the recorder's delete reached the disk; then the power failed."""
    data = tmp_path / "data"
    data.mkdir()
    with mounted(kind, tmp_path) as disk:
        same = database == "on the same disk"
        async with den_at(disk if same else data, disk) as den:
            path = den.record(data=DATA)
            row = await den.listed(path)
            await asyncio.to_thread(subprocess.run, ["sync"], check=True)
            assert (await den.holds.place(row, 600)).state is HoldState.HELD
            cuts = [_cut(tmp_path, kind, "held")]
            path.unlink()
            _flushed(path.parent)
            cuts.append(_cut(tmp_path, kind, "deleted"))
            await den.holds.release(row.id)
            cuts.append(_cut(tmp_path, kind, "released"))
    for cut in cuts:
        with mount(cut / "disk.img", cut / "disk", _OPTIONS[kind]):
            place = cut / "disk"
            async with den_at(place if same else cut / "data", place, HandClock()) as den:
                await den.holds.round()
                assert (await den.held_ids() == [row.id]) == (cut.name != "released")
                assert await den.holds.broken() == []
                if cut.name == "released":
                    assert den.left() == set()
                else:
                    assert await den.bytes_of(row.id) == DATA


_OPTIONS = {"ext4": "loop", "xfs": "loop,nouuid"}


def _cut(folder: Path, kind: str, name: str) -> Path:
    """Copies of the disk and the other one's database, with what reached them so far; what waits
    in the memory of the first is lost."""
    cut = folder / name
    (cut / "disk").mkdir(parents=True)
    shutil.copyfile(folder / f"{kind}.img", cut / "disk.img")
    shutil.copytree(folder / "data", cut / "data")
    return cut


def _flushed(folder: Path) -> None:
    subprocess.run(["sync", folder], check=True)
