"""Processes on the box: whether the recorder's runs, and how heavy our own is."""

import os
import re
from collections import deque
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from layover_agent.facts.reading import text

LOOK_EVERY_MS = 10_000
"""How often all processes are read to find one that is not where it was."""
RESTARTS_MS = 3_600_000
_INTERPRETER = re.compile(r"(python|pypy|perl|ruby|node|nodejs|java|bash|dash|sh)[0-9.]*")
_ARGUMENTS = 5
"""Of an interpreter, among which its script is named: ``python3 -u -m frigate``."""
_MAX_SEEN = 1000


@dataclass(frozen=True, slots=True)
class Process:
    number: int
    began_ticks: int
    """Since boot, in clock ticks: together with the number it is one process for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessFacts:
    running: bool | None
    """None: other users' processes are hidden from us (hidepid, ProtectProc)."""
    up_s: int = 0
    """For how long it has been running."""
    restarts: int = 0
    """Seen in the last hour."""


class ProcessWatch:
    """Watches one process by name; of several of that name the oldest. Blocks, some ms."""

    def __init__(self, name: str, root: Path = Path("/")) -> None:
        self._name = name
        self._proc = root / "proc"
        self._last: Process | None = None
        self._looked_ms: int | None = None
        self._restarts: deque[int] = deque(maxlen=_MAX_SEEN)

    def look(self, mono_ms: int) -> ProcessFacts:
        """``mono_ms``: time since boot."""
        here = self._last is not None and _began(self._proc, self._last.number) == (
            self._last.began_ticks
        )
        if not here and (
            self._looked_ms is None or not 0 <= mono_ms - self._looked_ms < LOOK_EVERY_MS
        ):
            self._looked_ms = mono_ms
            found = find(self._name, self._proc)
            here = found is not None
            if found is not None:
                if self._last is not None:
                    self._restarts.append(mono_ms)
                self._last = found
        while self._restarts and mono_ms - self._restarts[0] > RESTARTS_MS:
            self._restarts.popleft()
        running: bool | None = here
        if not here and hidden(self._proc):
            running = None
        up_ms = mono_ms - self._last.began_ticks * 1000 // _ticks_hz() if self._last else 0
        return ProcessFacts(
            running=running, up_s=max(up_ms // 1000, 0) if here else 0, restarts=len(self._restarts)
        )


def find(name: str, proc: Path = Path("/proc")) -> Process | None:
    """The oldest process of that name: its own, its program's, or its script's."""
    found = []
    for folder in _numbered(proc):
        if _is_called(folder, name):
            began = _began(proc, int(folder.name))
            if began is not None:
                found.append(Process(int(folder.name), began))
    return min(found, key=lambda one: one.began_ticks, default=None)


def hidden(proc: Path = Path("/proc")) -> bool:
    """Whether processes of others cannot be seen: the first one is always another's."""
    return not (proc / "1/stat").exists()


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnFacts:
    rss_bytes: int
    cpu_ms: int
    """Processor time used so far."""


def own(root: Path = Path("/")) -> OwnFacts:
    """What our own process takes."""
    fields = text(root / "proc/self/statm").split()
    pages = int(fields[1]) if len(fields) > 1 and fields[1].isdecimal() else 0
    used = os.times()
    return OwnFacts(
        rss_bytes=pages * os.sysconf("SC_PAGE_SIZE"), cpu_ms=int((used.user + used.system) * 1000)
    )


def memory(root: Path = Path("/")) -> tuple[int, int]:
    """(size, available) of the box's memory in bytes; zeros where it is not told."""
    told = {}
    for line in text(root / "proc/meminfo").splitlines():
        name, _, rest = line.partition(":")
        value = rest.split()
        if value and value[0].isdecimal():
            told[name] = int(value[0]) * 1024
    return told.get("MemTotal", 0), told.get("MemAvailable", 0)


def _numbered(proc: Path) -> list[Path]:
    try:
        return [proc / name for name in os.listdir(proc) if name.isdecimal()]  # noqa: PTH208
    except OSError:
        return []


def _is_called(folder: Path, name: str) -> bool:
    # The kernel keeps 15 characters of the name.
    if text(folder / "comm", 64) == name[:15] and len(name) <= 15:
        return True
    words = text(folder / "cmdline", 4096).split("\0")[:_ARGUMENTS]
    names = [PurePosixPath(word).name for word in words]
    scripted = bool(names) and _INTERPRETER.fullmatch(names[0]) is not None
    return name in (names if scripted else names[:1]) or (scripted and f"{name}.py" in names)


def _began(proc: Path, process: int) -> int | None:
    """Field 22 of proc_pid_stat(5). The name before it may hold anything, brackets too. None for
    one that ended and that nobody waits for (state Z or X), as in a container without an init."""
    _, _, rest = text(proc / str(process) / "stat").rpartition(")")
    fields = rest.split()
    if len(fields) <= 19 or fields[0] in ("Z", "X") or not fields[19].isdecimal():
        return None
    return int(fields[19])


def _ticks_hz() -> int:
    return os.sysconf("SC_CLK_TCK")
