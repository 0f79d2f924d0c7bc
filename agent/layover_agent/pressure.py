"""What the box says of its own strain: pressure, heat, power. Reads a few small files of the
kernel; each of them may be missing, and what cannot be read is not known."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from layover_agent.core.kindness import Facts

_MAX_READ_BYTES = 4096
_MAX_SENSORS = 64
_SOME = re.compile(r"^some avg10=(\d{1,3}\.\d{1,2}) ", re.MULTILINE)
_COLDEST_C, _HOTTEST_C = -40.0, 130.0
"""Beyond, a sensor is not wired: -127, 0 Kelvin and 255 are what they say then."""
_LIMIT_C = (55.0, 125.0)
LOOK_EVERY_READS = 360
"""How many readings until sensors are looked for anew: a USB device may have brought one."""


@dataclass(frozen=True, slots=True)
class _Sensor:
    """A temperature and the limits that its driver tells, as paths of files in millidegrees."""

    value: Path
    limits: tuple[Path, ...]
    steps: tuple[Path, ...] = ()
    """Where the kernel begins to slow the processor down, in steps: the highest is a limit."""


class Pressure:
    """Reads the facts; remembers only where the sensors are. Blocking, well under 5 ms."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._own = self._own_group()
        self._sensors: list[_Sensor] = []
        self._supplies: list[Path] = []
        self._reads = 0
        self._cores = max(_count(_text(root / "proc/stat"), r"^cpu\d+ "), 1)

    def facts(self, *, recorder_behind: bool = False, ignition_on: bool | None = None) -> Facts:
        """The box now. What others know of recorder and ignition goes in as it is."""
        if self._reads % LOOK_EVERY_READS == 0:
            self._sensors = list(self._found_sensors())
            self._supplies = self._found_supplies()
        self._reads += 1
        temperature_c, limit_c = self._hottest()
        on_battery, percent = self._power()
        return Facts(
            io_percent=self._whole("io"),
            cpu_percent=self._whole("cpu"),
            memory_percent=self._whole("memory"),
            own_io_percent=self._of_own("io"),
            own_cpu_percent=self._of_own("cpu"),
            own_memory_percent=self._of_own("memory"),
            load_per_core=self._load_per_core(),
            recorder_behind=recorder_behind,
            temperature_c=temperature_c,
            temperature_limit_c=limit_c,
            on_battery=on_battery,
            battery_percent=percent,
            ignition_on=ignition_on,
        )

    def _whole(self, what: str) -> float | None:
        return _some_percent(_text(self._root / "proc/pressure" / what))

    def _of_own(self, what: str) -> float | None:
        return None if self._own is None else _some_percent(_text(self._own / f"{what}.pressure"))

    def _own_group(self) -> Path | None:
        """The agent's own unit in cgroup v2; None: it has none to itself."""
        found = re.search(r"^0::/(.+)$", _text(self._root / "proc/self/cgroup"), re.MULTILINE)
        if found is None or ".." in found[1].split("/"):
            return None
        return self._root / "sys/fs/cgroup" / found[1]

    def _load_per_core(self) -> float | None:
        load = re.match(r"(\d{1,6}\.\d+) ", _text(self._root / "proc/loadavg"))
        return None if load is None else float(load[1]) / self._cores

    def _hottest(self) -> tuple[float | None, float | None]:
        """The temperature nearest to its limit, and that limit."""
        nearest: tuple[float, float, float | None] | None = None
        for sensor in self._sensors:
            value = _celsius(sensor.value, _COLDEST_C, _HOTTEST_C)
            if value is None or value == 0:
                continue
            steps = [c for path in sensor.steps if (c := _celsius(path, *_LIMIT_C)) is not None]
            limits = [c for path in sensor.limits if (c := _celsius(path, *_LIMIT_C)) is not None]
            limit = min([*limits, max(steps)] if steps else limits, default=None)
            gap = (limit or _LIMIT_C[1]) - value
            if nearest is None or gap < nearest[0]:
                nearest = gap, value, limit
        return (None, None) if nearest is None else nearest[1:]

    def _power(self) -> tuple[bool | None, int | None]:
        """Whether the box lives on its battery, and what the fullest one has left.

        A box without a battery says nothing by a socket that is empty: it has another.
        """
        mains: list[bool] = []
        drained: list[bool] = []
        percents: list[int] = []
        for supply in self._supplies:
            if _text(supply / "type").strip() in ("Battery", "UPS"):
                drained.append(_text(supply / "status").strip() == "Discharging")
                capacity = _text(supply / "capacity").strip()
                if capacity.isdecimal() and len(capacity) <= 3:
                    percents.append(min(int(capacity), 100))
            elif online := _text(supply / "online").strip():
                mains.append(online != "0")
        percent = max(percents, default=None)
        if not drained:
            return (False if any(mains) else None), percent
        return any(drained) and not any(mains), percent

    def _found_sensors(self) -> Iterator[_Sensor]:
        for zone in _listed(self._root / "sys/class/thermal", "thermal_zone*"):
            trips: dict[str, list[Path]] = {"passive": [], "hot": [], "critical": []}
            for path in _listed(zone, "trip_point_*_type"):
                kind = _text(path).strip()
                if kind in trips:
                    trips[kind].append(path.with_name(path.name.replace("_type", "_temp")))
            yield _Sensor(
                zone / "temp", (*trips["hot"], *trips["critical"]), tuple(trips["passive"])
            )
        for chip in _listed(self._root / "sys/class/hwmon", "hwmon*"):
            for value in _listed(chip, "temp*_input"):
                stem = value.name.removesuffix("input")
                yield _Sensor(value, (chip / f"{stem}max", chip / f"{stem}crit"))

    def _found_supplies(self) -> list[Path]:
        """What powers the box itself: not the battery of a mouse."""
        return [
            supply
            for supply in _listed(self._root / "sys/class/power_supply", "*")
            if _text(supply / "scope").strip() != "Device"
        ]


def _some_percent(text: str) -> float | None:
    found = _SOME.search(text)
    return None if found is None else min(float(found[1]), 100.0)


def _celsius(path: Path, least: float, most: float) -> float | None:
    text = _text(path).strip()
    if not re.fullmatch(r"-?\d{1,7}", text):
        return None
    value = int(text) / 1000
    return value if least <= value <= most else None


def _count(text: str, pattern: str) -> int:
    return len(re.findall(pattern, text, re.MULTILINE))


def _listed(folder: Path, pattern: str) -> Iterable[Path]:
    try:
        return sorted(folder.glob(pattern))[:_MAX_SENSORS]
    except OSError:
        return []


def _text(path: Path) -> str:
    """What a small file says; empty where it is missing or its driver refuses."""
    try:
        with path.open("rb", buffering=0) as file:
            return (file.read(_MAX_READ_BYTES) or b"").decode("ascii", "replace")
    except OSError:
        return ""
