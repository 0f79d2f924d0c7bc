"""One run of the agent's bench: how much is measured, on what, and what was found so far."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from layover_agent.wire.types import Recording
from layover_sim.bench.box import Box, read_list
from layover_sim.bench.figures import Figure
from layover_sim.bench.recordings import Folder
from layover_sim.bench.usage import Usage
from layover_sim.recorder_settings import name_of

LARGE_CAMERA = "long"

T = TypeVar("T")


class NoPeer(RuntimeError):
    """A peer that is not installed or does not run here; the text says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured."""

    recordings: int = field(default=100_000, metadata={"help": "recordings in the folder"})
    large_mb: int = field(default=256, metadata={"help": "MiB of each recording downloaded"})
    idle_s: float = field(default=60.0, metadata={"help": "how long the idle agent is watched"})
    settle_s: float = field(default=1800.0, metadata={"help": "how long hashing may take to end"})
    closes: int = field(default=20, metadata={"help": "files that the recorder closes"})
    runs: int = field(default=5, metadata={"help": "downloads from agent and nginx, in turns"})
    download_s: float = field(default=10.0, metadata={"help": "how long four downloads run"})


@dataclass
class Run:
    """What the stages share."""

    plan: Plan
    box: Box
    folder: Folder
    scratch: Path
    """For the files of peers."""
    tell: Callable[[str], None]
    """Told what is done now, for whoever waits."""
    large: list[Path] = field(default_factory=list)
    """The recordings that are downloaded."""
    epoch: str = ""
    settled: bool = False
    """Whether all is hashed and the agent has nothing left to do."""
    figures: list[Figure] = field(default_factory=list)
    missing_peers: list[str] = field(default_factory=list)

    @property
    def usage(self) -> Usage:
        """Of the agent that runs now."""
        return Usage(self.box.site.agent.pid)

    def add(
        self,
        name: str,
        value: float | None,
        unit: str,
        how: str = "",
        *,
        at_most: float | None = None,
        at_least: float | None = None,
    ) -> None:
        self.figures.append(Figure(name, value, unit, how, at_most, at_least))

    async def peer(self, measuring: Awaitable[T]) -> T | None:
        """A peer's figures; None, and a word about it, where it cannot be measured."""
        try:
            return await measuring
        except NoPeer as error:
            self.tell(f"no figures of a peer: {error}")
            self.missing_peers.append(str(error))
            return None

    async def large_ones(self) -> list[Recording]:
        """The manifest's rows of ``large``, in its order."""
        found: dict[Path, Recording] = {}

        def take(row: Recording) -> None:
            if row.camera == LARGE_CAMERA:
                found[self.folder.folder / name_of(row.camera, row.start_ms)] = row

        async with self.box.client() as client:
            await read_list(client, self.epoch, 0, take)
        return [found[path] for path in self.large]
