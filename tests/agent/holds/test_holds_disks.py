"""What works is found out by doing, on the file systems that boxes have."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from agent.holds.conftest import LAYOUT, Den, den_at
from agent.holds.disks import fill, mount, mounted
from agent.kit import eventually, write_at

from layover_agent.core.holding import Method, Terms
from layover_agent.holds.probe import capabilities
from layover_agent.settings import SourceConfig
from layover_agent.sources.template import TemplateSource
from layover_agent.wire.types import HoldState

RESERVE = Terms(reserve_bytes=8 << 20, max_percent=90, copy_rate_bps=10**9)
DATA = bytes(range(256)) * 4000


def source_at(folder: Path, **settings: object) -> TemplateSource:
    values = {"folder": str(folder), "layout": LAYOUT, "zone": "+00:00", **settings}
    return TemplateSource("main", SourceConfig(**values))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "works", "not_so"),
    [
        ("ext4", {Method.LINK, Method.COPY}, {Method.REFLINK: "cannot share extents"}),
        ("xfs", {Method.REFLINK, Method.LINK, Method.COPY}, {}),
        ("btrfs", {Method.REFLINK, Method.LINK, Method.COPY}, {}),
        ("vfat", {Method.COPY}, {Method.LINK: "no hard links", Method.REFLINK: "share extents"}),
        ("exfat", {Method.COPY}, {Method.LINK: "no hard links", Method.REFLINK: "share extents"}),
    ],
)
def test_the_probe_tells_what_a_disk_can_and_leaves_nothing(
    tmp_path: Path, kind: str, works: set[Method], not_so: dict[Method, str]
) -> None:
    with mounted(kind, tmp_path) as disk:
        (disk / "holds").mkdir()
        file = write_at(disk / "front" / "10-00-00.ts", b"x" * 100, 1_795_000_000_000)
        before = file.stat()
        found = capabilities(source_at(disk), disk / "holds")
        assert set(Method) - set(found.refusals) == works
        for method, text in not_so.items():
            assert text in found.refusals[method]
        assert list((disk / "holds").iterdir()) == []
        after = file.stat()
        assert (after.st_nlink, after.st_mtime_ns, after.st_size) == (
            before.st_nlink, before.st_mtime_ns, before.st_size,
        )  # fmt: skip
        assert found.proven_on == (str(file) if Method.LINK in works else "")


@pytest.mark.parametrize(
    ("kind", "deletes_by", "method"),
    [
        ("ext4", "unlink", "link"),
        ("ext4", "", "copy"),
        ("xfs", "", "reflink"),
        ("btrfs", "", "reflink"),
        ("vfat", "unlink", "copy"),
    ],
)
async def test_a_hold_outlives_whatever_the_recorder_does_on_any_disk(
    tmp_path: Path, kind: str, deletes_by: str, method: str
) -> None:
    with mounted(kind, tmp_path) as disk:
        async with den_at(tmp_path, disk, terms=RESERVE, deletes_by=deletes_by) as den:
            row = await den.listed(path := den.record(data=DATA))
            hold = await den.holds.place(row, 600)
            assert hold.method == method
            if method == "copy":
                assert hold.state is HoldState.PENDING
                await copied(den)
            else:
                assert hold.state is HoldState.HELD
            if deletes_by == "":
                with path.open("r+b") as file:
                    file.write(b"the recorder writes over its file")
            path.unlink()
            await den.scanner.scan()
            assert await den.bytes_of(row.id) == DATA
            assert await den.holds.broken() == []
            assert (await den.holds.usage()).cost_bytes == len(DATA)
        async with den_at(tmp_path, disk, terms=RESERVE, deletes_by=deletes_by) as den:
            await den.scanner.scan()
            assert await den.bytes_of(row.id) == DATA
            await den.holds.release(row.id)
            assert den.left() == set()


async def copied(den: Den) -> None:
    """Runs the copier until nothing waits."""
    running = asyncio.create_task(den.holds.run())
    try:

        async def done() -> bool:
            return not len(den.holds._copies)

        await eventually(done, "the copy")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def test_a_read_only_mount_is_told(tmp_path: Path) -> None:
    with mounted("ext4", tmp_path) as disk:
        (disk / "holds").mkdir()
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        found = capabilities(source_at(disk), disk / "holds")
        assert "read-only" in found.refusals[Method.LINK]
        assert "read-only" in found.refusals[Method.COPY]


def test_recordings_behind_a_bind_mount_are_another_mount(tmp_path: Path) -> None:
    """A read-only bind of the recordings beside a writable holds folder: link(2) says EXDEV."""
    with mounted("ext4", tmp_path) as disk:
        (disk / "recordings").mkdir()
        write_at(disk / "recordings" / "front" / "a.ts", b"x", 0)
        point = tmp_path / "bound"
        point.mkdir()
        with mount(disk / "recordings", point, "bind"):
            found = capabilities(source_at(point), disk / "holds")
        assert "a bind mount counts" in found.refusals[Method.LINK]
        assert Method.COPY not in found.refusals


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    with mounted("ext4", tmp_path) as disk:
        fill(disk)
        found = capabilities(source_at(disk), disk / "holds")
        assert "is full" in found.refusals[Method.COPY]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_somebody_else_may_not_link_the_recorders_files_and_is_told_why(tmp_path: Path) -> None:
    if Path("/proc/sys/fs/protected_hardlinks").read_text().strip() != "1":
        pytest.skip("fs.protected_hardlinks is off here")
    with mounted("ext4", tmp_path) as disk:
        write_at(disk / "recordings" / "front" / "a.ts", b"x" * 100, 0).chmod(0o644)
        (disk / "holds").mkdir()
        os.chown(disk / "holds", 65534, 65534)
        script = (
            "import os, sys, pathlib\n"
            "from layover_agent.holds.probe import capabilities\n"
            "from layover_agent.settings import SourceConfig\n"
            "from layover_agent.sources.template import TemplateSource\n"
            f"config = SourceConfig(folder=sys.argv[1], layout={LAYOUT!r}, zone='+00:00')\n"
            "source = TemplateSource('main', config)\n"
            "os.setgroups([]), os.setgid(65534), os.setuid(65534)\n"
            "for method, why in capabilities(source, pathlib.Path(sys.argv[2])).refusals.items():\n"
            "    print(method, why)\n"
        )
        for parent in disk.parents:
            if parent.stat().st_uid == 0 and not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o011)
        done = subprocess.run(
            [sys.executable, "-c", script, disk / "recordings", disk / "holds"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert "link the kernel forbids this user" in done.stdout
        assert "copy" not in done.stdout
        assert list((disk / "holds").iterdir()) == []


def test_a_holds_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = capabilities(source_at(tmp_path), tmp_path / "file")
    assert "is no folder" in found.refusals[Method.LINK]


def test_a_folder_made_for_the_probe_is_gone_after_it(tmp_path: Path) -> None:
    assert Method.COPY not in capabilities(source_at(tmp_path), tmp_path / "new").refusals
    assert list(tmp_path.iterdir()) == []


def test_what_an_earlier_probe_left_goes(tmp_path: Path) -> None:
    left = tmp_path / "holds" / ".layover-probe-1"
    left.mkdir(parents=True)
    (left / "first").write_bytes(b"x")
    capabilities(source_at(tmp_path), tmp_path / "holds")
    assert list((tmp_path / "holds").iterdir()) == []
