"""What a disk says of its own health: eMMC and NVMe by the kernel, the rest by smartctl.

smartctl (smartmontools) is asked only where it is installed and may open the disk.
"""

import contextlib
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layover_agent.facts.reading import number, text

WORN_PERCENT = 90
_SMARTCTL_S = 15.0
_MAX_JSON_BYTES = 1 << 20
_PENDING, _UNCORRECTABLE = 197, 198
"""ATA attributes: sectors that could not be read."""
_PRE_EOL = {2: ("worn", "80 % of the spare blocks are used"),
            3: ("failing", "90 % of the spare blocks are used")}  # fmt: skip
"""PRE_EOL_INFO of JESD84-B51, 7.4.43."""


@dataclass(frozen=True, slots=True)
class Wear:
    """How a disk is. ``health``: ok, worn, failing, or empty: it does not say."""

    health: str = ""
    text: str = ""
    percent: int | None = None
    """Of its life that is used up."""


def by_kernel(disk: str, root: Path = Path("/")) -> Wear:
    """What the kernel has of a disk (``mmcblk0``, ``nvme0n1``). Cheap."""
    device = root / "sys/block" / disk / "device"
    if disk.startswith("nvme") and text(device / "state") == "dead":
        return Wear("failing", "the controller is dead")
    return _of_emmc(device)


def by_smartctl(disk: str, command: str = "smartctl") -> Wear:
    """What smartctl says of a disk; nothing where it is missing or not permitted. Blocks."""
    path = shutil.which(command)
    if path is None:
        return Wear()
    try:
        done = subprocess.run(  # noqa: S603
            [path, "--json=c", "--nocheck=standby", "-H", "-A", f"/dev/{disk}"],
            capture_output=True, timeout=_SMARTCTL_S, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        said = json.loads(done.stdout[:_MAX_JSON_BYTES])
    except (OSError, ValueError, RecursionError, subprocess.TimeoutExpired):
        return Wear()
    return of_smartctl(said)


def of_smartctl(said: Any) -> Wear:
    """What smartctl's JSON means; empty where it says nothing of a disk's health."""
    percent = _whole(said, "nvme_smart_health_information_log", "percentage_used")
    if percent is None:
        percent = _whole(said, "endurance_used", "current_percent")
    passed = _at(said, "smart_status", "passed")
    lost = sum(_raw(said, number) for number in (_PENDING, _UNCORRECTABLE))
    lost += _whole(said, "nvme_smart_health_information_log", "media_errors") or 0
    warned = _whole(said, "nvme_smart_health_information_log", "critical_warning")
    if passed is False or warned:
        return Wear("failing", "its self-assessment failed", percent)
    if lost:
        return Wear("worn", f"{lost} sectors could not be read", percent)
    if percent is not None and percent >= WORN_PERCENT:
        return Wear("worn", f"{percent} % of its life is used up", percent)
    return Wear("ok" if passed is True else "", "", percent)


def _of_emmc(device: Path) -> Wear:
    """``life_time`` holds two estimates (of SLC and MLC areas) in steps of 10 %; 0: undefined."""
    steps = []
    for word in text(device / "life_time").split()[:2]:
        with contextlib.suppress(ValueError):
            steps.append(int(word, 16))
    used = max((step for step in steps if 0 < step <= 11), default=0)
    percent = min(used * 10, 100) if used else None
    ends = number(device / "pre_eol_info") or 0
    if ends in _PRE_EOL:
        return Wear(*_PRE_EOL[ends], percent)
    if used == 11:
        return Wear("failing", "its life is used up", percent)
    if used == 10:
        return Wear("worn", "more than 90 % of its life is used up", percent)
    return Wear("ok" if used or ends == 1 else "", "", percent)


def _raw(said: Any, number: int) -> int:
    table = _at(said, "ata_smart_attributes", "table")
    for row in table if isinstance(table, list) else ():
        if _at(row, "id") == number:
            return _whole(row, "raw", "value") or 0
    return 0


def _whole(said: Any, *keys: str) -> int | None:
    found = _at(said, *keys)
    return found if type(found) is int and 0 <= found < 1 << 62 else None


def _at(said: Any, *keys: str) -> Any:
    for key in keys:
        said = said.get(key) if isinstance(said, dict) else None
    return said
