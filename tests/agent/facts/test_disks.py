import shutil
from pathlib import Path

import pytest
from agent.facts.trees import STAT, Tree, usb_disk

from layover_agent.facts.disks import Disks


@pytest.fixture
def point(tmp_path: Path) -> Path:
    made = tmp_path / "rec ordings"
    (made / "nvr").mkdir(parents=True)
    return made


@pytest.fixture
def tree(tmp_path: Path, point: Path) -> Tree:
    return usb_disk(tmp_path / "root", point)


def test_a_disk_in_order(tree: Tree, point: Path) -> None:
    facts = Disks(tree.root).of(point / "nvr", 0)
    assert facts.mount == str(point)
    assert (facts.file_system, facts.device, facts.disks) == ("ext4", "sda1", ("sda",))
    assert facts.size_bytes > 0
    assert 0 < facts.free_bytes < facts.size_bytes
    assert facts.errors == 0
    assert (facts.gone, facts.read_only, facts.readable, facts.stuck_s) == (False, False, True, 0)


def test_a_disk_that_was_pulled_out_is_gone_though_still_mounted(tree: Tree, point: Path) -> None:
    shutil.rmtree(tree.root / "sys/devices")
    for path in ("sys/dev/block/8:1", "sys/class/block/sda1", "sys/class/block/sda"):
        (tree.root / path).unlink()
    tree.write("sys/dev/block/179:2/size", "1\n")
    facts = Disks(tree.root).of(point, 0)
    assert facts.gone
    assert facts.device == "/dev/sda1"


def test_where_sys_cannot_be_seen_nothing_is_called_gone(tree: Tree, point: Path) -> None:
    shutil.rmtree(tree.root / "sys")
    facts = Disks(tree.root).of(point, 0)
    assert not facts.gone
    assert facts.errors is None


def test_a_file_system_shut_after_an_error_is_read_only(tmp_path: Path, point: Path) -> None:
    tree = usb_disk(tmp_path / "root", Path("/elsewhere"))
    tree.mount(point, "/dev/sda1", "8:1", options="ro,errors=remount-ro")
    assert Disks(tree.root).of(point, 0).read_only


def test_a_narrow_mount_in_a_sandbox_is_not_the_disk_being_read_only(
    tmp_path: Path, point: Path
) -> None:
    tree = usb_disk(tmp_path / "root", Path("/elsewhere"))
    tree.mount(point, "/dev/sda1", "8:1", mine="ro")
    assert not Disks(tree.root).of(point, 0).read_only


def test_of_two_mounts_on_one_point_the_later_counts(tree: Tree, point: Path) -> None:
    tree.mount(point, "tmpfs", "0:50", kind="tmpfs")
    assert Disks(tree.root).of(point, 0).file_system == "tmpfs"


def test_ext4_counts_errors_and_says_when_the_last_one_was(tree: Tree, point: Path) -> None:
    tree.write("sys/fs/ext4/sda1/errors_count", "3\n")
    tree.write("sys/fs/ext4/sda1/last_error_time", "1795250000\n")
    facts = Disks(tree.root).of(point, 0)
    assert (facts.errors, facts.errored_ms) == (3, 1_795_250_000_000)


def test_btrfs_counts_per_device(tmp_path: Path, point: Path) -> None:
    """Its device number is of no device: only the name tells."""
    tree = Tree(tmp_path / "root")
    tree.partition(tree.disk("sdb"), "sdb1", "8:17")
    tree.link("dev/sdb1", "dev/real-sdb1")
    tree.write("dev/real-sdb1", "")
    (tree.root / "dev/sdb1").unlink()
    tree.write("dev/sdb1", "")
    tree.mount(point, "/dev/sdb1", "0:44", kind="btrfs")
    one = "sys/fs/btrfs/5fb7b0d4"
    tree.link(f"{one}/devices/sdb1", "sys/class/block/sdb1")
    tree.write(
        f"{one}/devinfo/1/error_stats",
        "write_errs 2\nread_errs 0\nflush_errs 1\ncorruption_errs 0\ngeneration_errs 0\n",
    )
    facts = Disks(tree.root).of(point, 0)
    assert (facts.device, facts.disks, facts.errors) == ("sdb1", ("sdb",), 3)


def test_an_encrypted_volume_lies_on_its_disk(tmp_path: Path, point: Path) -> None:
    tree = Tree(tmp_path / "root")
    below = tree.partition(tree.disk("nvme0n1"), "nvme0n1p3", "259:3")
    dm = "sys/devices/virtual/block/dm-0"
    tree.write(f"{dm}/stat", STAT.format(writes=1, in_flight=0))
    tree.link("sys/class/block/dm-0", dm)
    tree.link("sys/dev/block/254:0", dm)
    tree.link(f"{dm}/slaves/nvme0n1p3", below)
    tree.mount(point, "/dev/mapper/recordings", "254:0")
    facts = Disks(tree.root).of(point, 0)
    assert (facts.device, facts.disks) == ("dm-0", ("nvme0n1",))


def test_a_disk_that_finishes_nothing_while_requests_wait_is_stuck(tree: Tree, point: Path) -> None:
    disks = Disks(tree.root)
    stat = "sys/devices/pci0000:00/ata1/host0/block/sda/stat"
    tree.write(stat, STAT.format(writes=50, in_flight=3))
    assert disks.of(point, 0).stuck_s == 0
    facts = disks.of(point, 45_000)
    assert (facts.stuck_s, facts.waiting) == (45, 3)
    tree.write(stat, STAT.format(writes=51, in_flight=3))
    assert disks.of(point, 90_000).stuck_s == 0


def test_an_idle_disk_is_not_stuck(tree: Tree, point: Path) -> None:
    disks = Disks(tree.root)
    assert [disks.of(point, ms).stuck_s for ms in (0, 60_000, 900_000)] == [0, 0, 0]


def test_a_disk_that_was_idle_for_long_gets_time_for_its_first_request(
    tree: Tree, point: Path
) -> None:
    disks = Disks(tree.root)
    disks.of(point, 0)
    disks.of(point, 800_000)
    tree.write(
        "sys/devices/pci0000:00/ata1/host0/block/sda/stat", STAT.format(writes=50, in_flight=1)
    )
    assert disks.of(point, 900_000).stuck_s == 0
    assert disks.of(point, 940_000).stuck_s == 40


def test_a_folder_that_is_not_there_has_no_room(tree: Tree, tmp_path: Path) -> None:
    facts = Disks(tree.root).of(tmp_path / "missing", 0)
    assert not facts.readable
    assert facts.size_bytes == 0


@pytest.mark.parametrize(
    "table",
    ["", "\n", "x\n", "1 2 3 4 5 6 - \n", "\udcff" * 50, " - ext4 /dev/sda1 rw\n", "0 " * 9000],
)
def test_a_table_that_makes_no_sense_says_nothing(tmp_path: Path, table: str) -> None:
    path = tmp_path / "root/proc/self/mountinfo"
    path.parent.mkdir(parents=True)
    path.write_bytes(table.encode("utf-8", "surrogateescape"))
    facts = Disks(tmp_path / "root").of(tmp_path, 0)
    assert (facts.mount, facts.device, facts.gone) == ("", "", False)


def test_this_very_box_can_be_read(tmp_path: Path) -> None:
    facts = Disks().of(tmp_path, 0)
    assert facts.mount
    assert facts.size_bytes
    assert not facts.gone
