"""Real file systems in files, mounted for a test: needs root, a loop device and the mkfs."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

MAKE = {
    "ext4": (["mkfs.ext4", "-q", "-F"], 32),
    "xfs": (["mkfs.xfs", "-q", "-f", "-m", "reflink=1"], 320),
    "btrfs": (["mkfs.btrfs", "-q", "-f"], 128),
    "vfat": (["mkfs.vfat"], 32),
    "exfat": (["mkfs.exfat"], 32),
}


@contextlib.contextmanager
def mounted(kind: str, folder: Path, options: str = "loop", size_mib: int = 0) -> Iterator[Path]:
    """A fresh disk of a kind. Skips, saying what is missing, where there can be none."""
    command, least_mib = MAKE[kind]
    tool = shutil.which(command[0])
    if tool is None:
        pytest.skip(f"{command[0]} is not installed: holds are not tried on {kind}")
    if os.geteuid() != 0:
        pytest.skip(f"not root: holds are not tried on {kind}")
    image, point = folder / f"{kind}.img", folder / kind
    with image.open("wb") as file:
        file.truncate(max(size_mib, least_mib) << 20)
    point.mkdir()
    made = subprocess.run([tool, *command[1:], image], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    with mount(image, point, options):
        yield point


@contextlib.contextmanager
def mount(device: Path, point: Path, options: str = "loop") -> Iterator[Path]:
    done = subprocess.run(["mount", "-o", options, device, point], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"cannot mount {device.name}: {done.stderr.strip()}")
    try:
        yield point
    finally:
        subprocess.run(["umount", point], check=True)


def fill(disk: Path) -> None:
    """Leaves no free block."""
    with (disk / "fill").open("ab", buffering=0) as file:
        for block_bytes in (1 << 20, 1 << 12, 1 << 9):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"\0" * block_bytes)
            with contextlib.suppress(OSError):
                os.fsync(file.fileno())
