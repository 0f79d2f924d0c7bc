"""Everything about the box that its kernel says, read at once. Cheap: some milliseconds."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from layover_agent.clock import Clock
from layover_agent.facts.disks import DiskFacts, Disks
from layover_agent.facts.processes import OwnFacts, ProcessWatch, memory, own
from layover_agent.facts.wear import by_smartctl
from layover_agent.pressure import Pressure
from layover_agent.settings import SourceConfig
from layover_agent.wire.types import Disk, Recorder


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxFacts:
    disks: Mapping[str, DiskFacts]
    """By source."""
    data: DiskFacts | None
    """Of the agent's data folder."""
    recorders: list[Recorder]
    own: OwnFacts
    temperature_c: float | None
    temperature_limit_c: float | None
    memory_bytes: int
    memory_free_bytes: int


class Box:
    """Reads the facts of one box; remembers what it needs to see change."""

    def __init__(
        self,
        sources: Mapping[str, SourceConfig],
        clock: Clock,
        data_folder: Path | None = None,
        root: Path = Path("/"),
    ) -> None:
        self._root = root
        self._clock = clock
        self._folders = {name: Path(config.folder) for name, config in sources.items()}
        self._data_folder = data_folder
        self._disks = Disks(root)
        self._pressure = Pressure(root)
        self._recorders = {
            name: (config.process, ProcessWatch(config.process, root))
            for name, config in sources.items()
            if config.process
        }

    def look(self) -> BoxFacts:
        """Blocks, for ever where a network mount does."""
        mono_ms, wall_ms = self._clock.mono_ms(), self._clock.wall_ms()
        strain = self._pressure.facts()
        size, available = memory(self._root)
        return BoxFacts(
            disks={name: self._disks.of(one, mono_ms) for name, one in self._folders.items()},
            data=None if self._data_folder is None else self._disks.of(self._data_folder, mono_ms),
            recorders=[self._recorder(name, mono_ms, wall_ms) for name in self._recorders],
            own=own(self._root),
            temperature_c=strain.temperature_c,
            temperature_limit_c=strain.temperature_limit_c,
            memory_bytes=size,
            memory_free_bytes=available,
        )

    def ask_disks(self) -> None:
        """Asks smartctl how each disk is. Blocks for some seconds; once an hour is plenty."""
        mono_ms = self._clock.mono_ms()
        found = [self._disks.of(folder, mono_ms).disks for folder in self._folders.values()]
        self._disks.asked = {disk: by_smartctl(disk) for some in found for disk in some}

    def _recorder(self, source: str, mono_ms: int, wall_ms: int) -> Recorder:
        process, watch = self._recorders[source]
        seen = watch.look(mono_ms)
        return Recorder(
            source=source,
            process=process,
            running=seen.running,
            since_ms=wall_ms - seen.up_s * 1000 if seen.running else 0,
            restarts=seen.restarts,
        )


def disk_of(source: str, facts: DiskFacts, held_ms: int = 0) -> Disk:
    """A disk as the wire tells it."""
    return Disk(
        source=source,
        size_bytes=facts.size_bytes,
        free_bytes=facts.free_bytes,
        present=not facts.gone,
        mount=facts.mount or str(facts.folder),
        file_system=facts.file_system,
        device=facts.device,
        inodes_left=facts.inodes_left,
        stuck_s=facts.stuck_s,
        read_only=facts.read_only,
        errors=facts.errors,
        errored_ms=facts.errored_ms,
        held_ms=held_ms,
        health=facts.wear.health,
        health_text=facts.wear.text,
        wear_percent=facts.wear.percent,
    )
