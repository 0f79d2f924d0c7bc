"""The drop-in for holds: which template, filled in and escaped, refused where one is not enough."""

import os
from pathlib import Path

import pytest

from layover_agent.config import BadConfig
from layover_agent.settings import Config, Holds, SourceConfig
from layover_agent.unit import drop_in

TEMPLATES = Path(__file__).parents[2] / "agent" / "packaging" / "systemd"


def config(*folders: Path) -> Config:
    return Config(
        data_folder=Path("/var/lib/layover-agent"),
        sources={str(n): SourceConfig(folder=str(one)) for n, one in enumerate(folders)},
        holds=Holds(folder=str(folders[0].parent / 'a "b" 50%')),
    )


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_a_group_that_may_read_is_enough(tmp_path: Path) -> None:
    (tmp_path / "rec").mkdir(mode=0o750)
    text = drop_in(config(tmp_path / "rec"), TEMPLATES)
    assert "CapabilityBoundingSet=CAP_FOWNER" in text
    assert "@" not in "".join(line for line in lines(text) if "SystemCall" not in line)
    mount = next(one for one in tmp_path.resolve().parents if one.is_mount())
    assert f'ReadWritePaths="-{mount}"' in text
    assert '/a \\"b\\" 50%%"' in text


def test_else_the_agent_is_the_recorders_user(tmp_path: Path) -> None:
    (tmp_path / "rec").mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(tmp_path / "rec", 54321, 54322)
        text = drop_in(config(tmp_path / "rec"), TEMPLATES)
        assert "User=54321" in text
        assert "Group=54322" in text
    assert "CapabilityBoundingSet" not in drop_in(config(tmp_path / "rec"), TEMPLATES)


@pytest.mark.skipif(not Path("/dev/shm").is_mount(), reason="needs a second mount")
def test_two_disks_take_a_hand(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="by hand"):
        drop_in(config(tmp_path, Path("/dev/shm")), TEMPLATES)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        drop_in(config(tmp_path / "gone"), TEMPLATES)


def test_no_line_can_be_smuggled_in(tmp_path: Path) -> None:
    (tmp_path / "x\nUser=root").mkdir(mode=0o750)
    with pytest.raises(BadConfig, match="rename"):
        drop_in(
            Config(
                data_folder=Path("/d"),
                sources={"main": SourceConfig(folder=str(tmp_path / "x\nUser=root"))},
                holds=Holds(folder=str(tmp_path / "x\nUser=root" / ".layover")),
            ),
            TEMPLATES,
        )
