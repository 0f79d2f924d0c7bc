"""A package built from this checkout, and boxes to put it on. Elsewhere than as root: skipped."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from agent.package.boxed import Boxed, boxed, why_not
from agent.package.kit import RECORDED, built


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if why := why_not():
        pytest.skip(f"NO BOX HERE: {why}")
    return built(tmp_path_factory.mktemp("deb"))


def started(folder: Path, package: Path) -> Iterator[Boxed]:
    """A box with a recorder's user and disk, and the package at hand."""
    with boxed(folder) as box:
        box.run("useradd", "--system", "recorder")
        box.run("mkdir", "/recordings")
        box.run("mount", "-t", "tmpfs", "none", "/recordings")
        box.run("sh", "-euc", RECORDED)
        box.write(
            "/run/systemd/system/layover-agent.service.d/log.conf",
            "[Service]\nStandardError=append:/run/shared/agent.log\n",
        )
        (box.shared / package.name).write_bytes(package.read_bytes())
        yield box


@pytest.fixture
def box(tmp_path: Path, package: Path) -> Iterator[Boxed]:
    yield from started(tmp_path, package)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, package: Path) -> Iterator[Boxed]:
    for box in started(tmp_path_factory.mktemp("box"), package):
        box.run("dpkg", "-i", f"/run/shared/{package.name}")
        yield box
