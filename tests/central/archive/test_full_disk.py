"""A disk that is really full: told as such, with nothing lost of what had arrived."""

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from central.archive.conftest import PLACE, content, digests_of, part_file

from layover_central.archive.files import Archive
from layover_central.errors import Kind, LayoverError

DISK_BYTES = 2 << 20
DATA = content(1_500_000)
DIGESTS = digests_of(DATA, chunk_bytes=1 << 20)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0 and "CI" not in os.environ:
        pytest.skip("only root can mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "layover-test", str(folder)]
    subprocess.run(mount, check=True, timeout=30)
    yield folder
    subprocess.run(["umount", str(folder)], check=True, timeout=30)


def fill(folder: Path) -> Path:
    """Takes whatever space is left."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            assert error.errno == errno.ENOSPC
    return ballast


def test_a_write_that_does_not_fit_keeps_what_had_arrived(small_disk: Path) -> None:
    archive = Archive(small_disk / "archive")
    part = archive.part(1)
    part.recover(DIGESTS)
    part.write(0, DATA[: 1 << 20])
    ballast = fill(small_disk)
    with pytest.raises(LayoverError) as caught:
        part.write(1 << 20, DATA[1 << 20 :])
    assert caught.value.kind is Kind.NO_SPACE
    assert caught.value.meaning.heals
    part.close()
    ballast.unlink()
    have = part.recover(DIGESTS)
    assert have >= 1 << 20
    part.write(have, DATA[have:])
    path = part.commit(PLACE, DIGESTS)
    assert archive.locate(path).read_bytes() == DATA


def test_free_bytes_is_what_can_be_written(small_disk: Path) -> None:
    archive = Archive(small_disk / "archive")
    before = archive.free_bytes()
    assert 0 < before <= DISK_BYTES
    fill(small_disk)
    assert archive.free_bytes() == 0


def test_a_disk_without_room_for_a_folder_keeps_the_part(small_disk: Path) -> None:
    """tmpfs counts folders as inodes: with none left, the recording stays whole in its part."""
    archive = Archive(small_disk / "archive")
    part = archive.part(1)
    part.recover(DIGESTS)
    part.write(0, DATA)
    remount = ["mount", "-o", "remount,nr_inodes=5", str(small_disk)]
    subprocess.run(remount, check=True, timeout=30)
    with pytest.raises(LayoverError) as caught:
        part.commit(PLACE, DIGESTS)
    part.close()
    assert caught.value.kind is Kind.NO_SPACE
    assert part_file(archive).read_bytes() == DATA
