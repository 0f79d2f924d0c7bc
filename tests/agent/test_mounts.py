"""What is mounted where, as the kernel writes it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layover_agent.mounts import kind_of, mount_of

TABLE = r"""
22 1 254:0 / / rw,relatime - ext4 /dev/root rw
25 22 0:22 / /proc rw,nosuid - proc proc rw
31 22 179:1 / /media/card rw,noatime shared:3 master:1 - vfat /dev/mmcblk0p1 rw,fmask=0022
32 22 0:50 / /media/card\0402 ro,noatime - exfat /dev/sda1 rw
33 22 0:51 / /media/ro rw - ext4 /dev/sdb1 ro,errors=remount-ro
34 22 0:60 / /srv/nas rw - nfs4 nas:/video rw,vers=4.2
35 22 0:61 / /srv/fuse rw - fuse.sshfs user@host: rw
36 22 0:62 / /twice rw - tmpfs first rw
37 36 0:63 / /twice rw - ext4 second rw
this is no line
38 22 0:64 / /short rw -
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "mountinfo"
    path.write_text(TABLE)
    return path


@pytest.mark.parametrize(
    ("place", "kind", "device", "read_only"),
    [
        ("/", "ext4", "/dev/root", False),
        ("/home/box", "ext4", "/dev/root", False),
        ("/media/card", "vfat", "/dev/mmcblk0p1", False),
        ("/media/card/DCIM/Movie", "vfat", "/dev/mmcblk0p1", False),
        ("/media/cards", "ext4", "/dev/root", False),
        ("/media/card 2/x", "exfat", "/dev/sda1", True),
        ("/media/ro", "ext4", "/dev/sdb1", True),
        ("/srv/nas/bus", "nfs4", "nas:/video", False),
        ("/srv/fuse", "fuse.sshfs", "user@host:", False),
        ("/twice/a", "ext4", "second", False),
        ("/short/a", "ext4", "/dev/root", False),
    ],
)
def test_a_path_lies_on_the_deepest_mount_above_it(
    table: Path, place: str, kind: str, device: str, read_only: bool
) -> None:
    mount = mount_of(Path(place), table)
    assert mount is not None
    assert (mount.kind, mount.device, mount.read_only) == (kind, device, read_only)


def test_a_link_lies_where_it_leads(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("/proc")
    assert kind_of(link) == "proc"


def test_a_table_that_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    assert mount_of(Path("/"), tmp_path / "nowhere") is None


@given(st.binary(max_size=200))
def test_any_table_is_read_without_harm(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    path = tmp_path_factory.mktemp("mounts") / "table"
    path.write_bytes(raw)
    mount_of(Path("/a/b"), path)
