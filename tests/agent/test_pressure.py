import os
import time
from pathlib import Path

import pytest

from layover_agent.core.kindness import Facts
from layover_agent.pressure import LOOK_EVERY_READS, Pressure

PSI = (
    "some avg10={} avg60=0.09 avg300=0.35 total=1122814803\n"
    "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
)
UNIT = "sys/fs/cgroup/system.slice/layover-agent.service"


class Box:
    """A tree of the kernel's small files, in their real formats."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, path: str, text: str | bytes) -> None:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text if isinstance(text, bytes) else text.encode())

    def facts(self) -> Facts:
        return Pressure(self.root).facts()


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_a_box_that_says_nothing(box: Box) -> None:
    assert box.facts() == Facts()


def test_pressure_of_the_whole_and_of_the_own_unit(box: Box) -> None:
    for what, value in (("io", "12.34"), ("cpu", "0.00"), ("memory", "100.00")):
        box.put(f"proc/pressure/{what}", PSI.format(value))
    box.put("proc/self/cgroup", "0::/system.slice/layover-agent.service\n")
    box.put(f"{UNIT}/io.pressure", PSI.format("3.50"))
    facts = box.facts()
    assert (facts.io_percent, facts.cpu_percent, facts.memory_percent) == (12.34, 0, 100)
    assert (facts.own_io_percent, facts.own_cpu_percent) == (3.5, None)


@pytest.mark.parametrize(
    "group", ["0::/\n", "12:memory:/x\n1:name=systemd:/init.scope\n", "0::/../../etc\n", ""]
)
def test_without_a_unit_of_its_own_nothing_is_the_agents(box: Box, group: str) -> None:
    box.put("proc/self/cgroup", group)
    box.put("sys/fs/cgroup/io.pressure", PSI.format("3.50"))
    assert box.facts().own_io_percent is None


def test_load_per_core(box: Box) -> None:
    box.put("proc/loadavg", "3.00 2.51 1.02 2/311 12345\n")
    box.put("proc/stat", "cpu  1 2 3\ncpu0 1 2 3\ncpu1 1 2 3\nintr 5\n")
    assert box.facts().load_per_core == 1.5


def zone(box: Box, number: int, temp: str, **trips: str) -> None:
    place = f"sys/class/thermal/thermal_zone{number}"
    box.put(f"{place}/type", "x86_pkg_temp\n")
    box.put(f"{place}/temp", temp)
    for nth, (kind, limit) in enumerate(trips.items()):
        box.put(f"{place}/trip_point_{nth}_type", f"{kind}\n")
        box.put(f"{place}/trip_point_{nth}_temp", limit)


def test_the_sensor_nearest_to_its_limit_counts(box: Box) -> None:
    zone(box, 0, "71000\n", active="40000\n", passive="95000\n", critical="105000\n")
    zone(box, 1, "66000\n", critical="70000\n")
    facts = box.facts()
    assert (facts.temperature_c, facts.temperature_limit_c) == (66, 70)


def test_of_the_steps_of_throttling_the_last_is_the_limit(box: Box) -> None:
    """As on an RK3399: from 70 the kernel watches, at 85 it throttles."""
    place = "sys/class/thermal/thermal_zone0"
    zone(box, 0, "72000\n", passive="70000\n", critical="95000\n")
    box.put(f"{place}/trip_point_9_type", "passive\n")
    box.put(f"{place}/trip_point_9_temp", "85000\n")
    assert box.facts().temperature_limit_c == 85


def test_hwmon_tells_temperatures_too(box: Box) -> None:
    place = "sys/class/hwmon/hwmon0"
    box.put(f"{place}/name", "nvme\n")
    box.put(f"{place}/temp1_input", "61850\n")
    box.put(f"{place}/temp1_max", "81850\n")
    box.put(f"{place}/temp1_crit", "84850\n")
    assert box.facts().temperature_limit_c == 81.85


BOGUS = {"not wired": "-127000\n", "kelvin": "-273150\n", "zero": "0\n", "all ones": "255000\n",
         "empty": "", "text": "N/A\n", "endless": "9" * 5000}  # fmt: skip


@pytest.mark.parametrize("case", BOGUS)
def test_what_no_sensor_can_measure_is_not_known(box: Box, case: str) -> None:
    zone(box, 0, BOGUS[case], critical="0\n")
    assert box.facts().temperature_c is None


def test_a_limit_that_makes_no_sense_is_none(box: Box) -> None:
    zone(box, 0, "50000\n", critical="-274000\n")
    facts = box.facts()
    assert (facts.temperature_c, facts.temperature_limit_c) == (50, None)


def supply(box: Box, name: str, **files: str) -> None:
    for key, value in files.items():
        box.put(f"sys/class/power_supply/{name}/{key}", f"{value}\n")


SUPPLIES = {
    "mains": ([{"type": "Mains", "online": "1"}], (False, None)),
    "an empty socket and no battery": ([{"type": "USB", "online": "0"}], (None, None)),
    "a UPS takes over": (
        [{"type": "UPS", "status": "Discharging", "capacity": "80"}],
        (True, 80),
    ),
    "battery takes over": (
        [
            {"type": "Mains", "online": "0"},
            {"type": "Battery", "status": "Discharging", "capacity": "55"},
        ],
        (True, 55),
    ),
    "charging": (
        [
            {"type": "USB", "online": "1"},
            {"type": "Battery", "status": "Charging", "capacity": "5"},
        ],
        (False, 5),
    ),
    "a battery alone, full": ([{"type": "Battery", "status": "Full", "capacity": "100"}],
                              (False, 100)),
    "the mouse's battery": (
        [{"type": "Battery", "scope": "Device", "status": "Discharging", "capacity": "9"}],
        (None, None),
    ),
    "a battery of nonsense": ([{"type": "Battery", "status": "Discharging", "capacity": "???"}],
                              (True, None)),
}  # fmt: skip


@pytest.mark.parametrize("case", SUPPLIES)
def test_where_the_power_comes_from(box: Box, case: str) -> None:
    supplies, expected = SUPPLIES[case]
    for number, files in enumerate(supplies):
        supply(box, f"s{number}", **files)
    facts = box.facts()
    assert (facts.on_battery, facts.battery_percent) == expected


def test_what_a_driver_refuses_is_not_known(box: Box) -> None:
    zone(box, 0, "", critical="70000\n")
    (box.root / "sys/class/thermal/thermal_zone0/temp").unlink()
    (box.root / "sys/class/thermal/thermal_zone0/temp").mkdir()
    box.put("proc/pressure/io", b"\xff\x00some avg10=")
    assert box.facts().temperature_c is None
    assert box.facts().io_percent is None


def test_a_new_sensor_is_found_after_a_while(box: Box) -> None:
    pressure = Pressure(box.root)
    assert pressure.facts().temperature_c is None
    zone(box, 0, "50000\n")
    for _ in range(LOOK_EVERY_READS):
        facts = pressure.facts()
    assert facts.temperature_c == 50


def test_what_others_know_goes_through(box: Box) -> None:
    facts = Pressure(box.root).facts(recorder_behind=True, ignition_on=False)
    assert facts.recorder_behind
    assert facts.ignition_on is False


@pytest.mark.skipif(not os.path.exists("/proc/pressure/io"), reason="a kernel without PSI")
def test_this_very_machine_in_little_time() -> None:
    pressure = Pressure()
    pressure.facts()
    began = time.process_time()
    for _ in range(100):
        facts = pressure.facts()
    assert facts.io_percent is not None
    assert 0 <= facts.io_percent <= 100
    assert time.process_time() - began < 0.5
