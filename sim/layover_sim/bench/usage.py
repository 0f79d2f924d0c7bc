"""What a process uses, as the kernel counts it (proc(5))."""

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_RESET_PEAK = "5"
MB = 1_000_000
"""Figures are decimal, as the targets are read: the stricter way."""


@dataclass(frozen=True, slots=True)
class Usage:
    """A running process, by its id. ProcessLookupError or FileNotFoundError once it is gone."""

    pid: int

    def cpu_s(self) -> float:
        """Processor time of all its threads so far, exact to a tick (10 ms)."""
        # The name, in parentheses, may itself hold spaces and parentheses.
        fields = self._read("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def rss_mb(self) -> float:
        return self._status_mb("VmRSS")

    def peak_rss_mb(self) -> float:
        """The greatest resident size since the start, or since ``forget_peak``."""
        return self._status_mb("VmHWM")

    def forget_peak(self) -> None:
        Path(f"/proc/{self.pid}/clear_refs").write_text(_RESET_PEAK)

    def _status_mb(self, name: str) -> float:
        line = next(one for one in self._read("status").splitlines() if one.startswith(f"{name}:"))
        return int(line.split()[1]) * 1024 / MB

    def _read(self, name: str) -> str:
        return Path(f"/proc/{self.pid}/{name}").read_text()


def family_cpu_s(pid: int) -> float:
    """Processor time of a process and its present children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum(Usage(int(one)).cpu_s() for one in (str(pid), *children))
