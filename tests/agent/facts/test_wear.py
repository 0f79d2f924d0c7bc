import json
import os
from pathlib import Path

import pytest
from agent.facts.trees import Tree

from layover_agent.facts.wear import Wear, by_kernel, by_smartctl, of_smartctl

LOG = "nvme_smart_health_information_log"
NVME = {
    "smart_status": {"passed": True, "nvme": {"value": 0}},
    LOG: {
        "critical_warning": 0, "temperature": 36, "available_spare": 100,
        "available_spare_threshold": 10, "percentage_used": 2, "media_errors": 0,
    },
}  # fmt: skip
ATA = {
    "smart_status": {"passed": True},
    "ata_smart_attributes": {
        "revision": 16,
        "table": [
            {"id": 5, "name": "Reallocated_Sector_Ct", "raw": {"value": 0, "string": "0"}},
            {"id": 197, "name": "Current_Pending_Sector", "raw": {"value": 0, "string": "0"}},
        ],
    },
}


@pytest.mark.parametrize(
    ("life_time", "pre_eol", "wear"),
    [
        ("0x01 0x01", "0x01", Wear("ok", "", 10)),
        ("0x02 0x05", "0x01", Wear("ok", "", 50)),
        ("0x0a 0x01", "0x01", Wear("worn", "more than 90 % of its life is used up", 100)),
        ("0x0b 0x0b", "0x01", Wear("failing", "its life is used up", 100)),
        ("0x03 0x01", "0x02", Wear("worn", "80 % of the spare blocks are used", 30)),
        ("0x03 0x01", "0x03", Wear("failing", "90 % of the spare blocks are used", 30)),
        ("0x00 0x00", "0x00", Wear()),
        ("0xff zz", "", Wear()),
    ],
)
def test_emmc(tmp_path: Path, life_time: str, pre_eol: str, wear: Wear) -> None:
    tree = Tree(tmp_path)
    folder = tree.disk("mmcblk0", "platform/mmc0/mmc0:0001")
    tree.write(f"{folder}/device/life_time", f"{life_time}\n")
    tree.write(f"{folder}/device/pre_eol_info", f"{pre_eol}\n")
    assert by_kernel("mmcblk0", tmp_path) == wear


def test_a_dead_nvme_controller(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    folder = tree.disk("nvme0n1", "pci0000:00/nvme/nvme0")
    tree.write(f"{folder}/device/state", "dead\n")
    assert by_kernel("nvme0n1", tmp_path).health == "failing"


def test_a_disk_of_which_the_kernel_knows_nothing(tmp_path: Path) -> None:
    assert by_kernel("sda", tmp_path) == Wear()


@pytest.mark.parametrize(
    ("case", "changed", "health", "percent"),
    [
        ("in order", {}, "ok", 2),
        ("self-assessment", {"smart_status": {"passed": False}}, "failing", 2),
        (
            "warning",
            {"nvme_smart_health_information_log": {"critical_warning": 4}},
            "failing",
            None,
        ),
        ("lost data", {LOG: {"media_errors": 7}}, "worn", None),
        ("worn", {LOG: {"percentage_used": 97}}, "worn", 97),
    ],
)
def test_nvme_by_smartctl(
    case: str, changed: dict[str, object], health: str, percent: int | None
) -> None:
    wear = of_smartctl({**NVME, **changed})
    assert (wear.health, wear.percent) == (health, percent), case


def test_pending_sectors_of_a_hard_disk() -> None:
    table = [{"id": 197, "raw": {"value": 8}}, {"id": 198, "raw": {"value": 1}}]
    assert of_smartctl(ATA).health == "ok"
    wear = of_smartctl({**ATA, "ata_smart_attributes": {"table": table}})
    assert wear == Wear("worn", "9 sectors could not be read", None)


@pytest.mark.parametrize(
    "said",
    [None, [], {}, 5, {"smart_status": 1}, {"ata_smart_attributes": {"table": {"a": 1}}},
     {"ata_smart_attributes": {"table": [5, {"id": 197, "raw": 3}, {"id": "197"}]}},
     {"endurance_used": {"current_percent": -1}}, {"endurance_used": {"current_percent": True}}],
)  # fmt: skip
def test_json_that_makes_no_sense_says_nothing(said: object) -> None:
    assert of_smartctl(said) == Wear()


def _command(folder: Path, script: str) -> str:
    path = folder / "smartctl"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_the_command_is_asked_for_json_of_one_disk(tmp_path: Path) -> None:
    """It ends with bits of trouble in its status and is right all the same."""
    (tmp_path / "said.json").write_text(json.dumps(NVME))
    script = f'echo "$@" > {tmp_path}/asked; cat {tmp_path}/said.json; exit 4'
    assert by_smartctl("sda", _command(tmp_path, script)).health == "ok"
    assert (tmp_path / "asked").read_text().split()[-1] == "/dev/sda"


@pytest.mark.parametrize("script", ["exit 2", "echo no json", "kill -9 $$", "echo '[' ; exit 1"])
def test_a_command_that_fails_says_nothing(tmp_path: Path, script: str) -> None:
    assert by_smartctl("sda", _command(tmp_path, script)) == Wear()


def test_without_the_command_nothing_is_said() -> None:
    assert by_smartctl("sda", f"no-such-command-{os.getpid()}") == Wear()
