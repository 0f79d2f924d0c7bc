"""How the box is: facts for central and for whoever stands next to it, worst fault first."""

from collections.abc import Mapping, Sequence

import psutil

from layover_agent import __version__
from layover_agent.clock import Clock, reading
from layover_agent.holds import Holds
from layover_agent.manifest import Manifest
from layover_agent.scan import Scanner
from layover_agent.sources.source import Source
from layover_agent.wire.types import Disk, Fault, Retention, Status
from layover_agent.wire.version import API_VERSIONS

_SEVERITIES = ("critical", "warning", "notice")
CAPABILITIES = ["holds", "pace", "digests"]


class Health:
    """Gathers the status; remembers since when a fault has been there."""

    def __init__(
        self,
        identity: str,
        manifest: Manifest,
        sources: Mapping[str, Source],
        scanner: Scanner,
        holds: Holds,
        clock: Clock,
    ) -> None:
        self._identity = identity
        self._manifest = manifest
        self._sources = sources
        self._scanner = scanner
        self._holds = holds
        self._clock = clock
        self._began_ms = clock.wall_ms()
        self.contacted_ms: int | None = None
        self.advertise_fault = ""

    def contacted(self) -> None:
        self.contacted_ms = self._clock.wall_ms()

    async def status(self) -> Status:
        return Status(
            identity=self._identity,
            api_versions=list(API_VERSIONS),
            agent_version=__version__,
            capabilities=CAPABILITIES,
            clock=reading(self._clock),
            manifest=await self._manifest.head(),
            cameras=await self._manifest.cameras(),
            disks=[d for name in self._sources if (d := self._disk(name)) is not None],
            retention=self._retention(),
            holds=await self._holds.usage(),
            faults=sorted(
                self._faults(await self._holds.broken()),
                key=lambda f: _SEVERITIES.index(f.severity),
            ),
        )

    def _disk(self, name: str) -> Disk | None:
        try:
            usage = psutil.disk_usage(str(self._sources[name].folder))
        except OSError:
            return None
        return Disk(source=name, size_bytes=usage.total, free_bytes=usage.free)

    def _retention(self) -> list[Retention]:
        rules = []
        for name, source in self._sources.items():
            if source.config.max_bytes:
                rules.append(Retention(source=name, kind="ring", max_bytes=source.config.max_bytes))
            if source.config.max_age_s:
                rules.append(Retention(source=name, kind="age", max_age_s=source.config.max_age_s))
        return rules

    def _faults(self, broken: Sequence[str]) -> list[Fault]:
        faults = [
            Fault(
                code="source-unreadable",
                severity="critical",
                since_ms=since_ms,
                text=f"source {name}: {text}",
                remedy="Check that the recorder's disk is in place and mounted.",
            )
            for name, (since_ms, text) in self._scanner.faults.items()
        ]
        if broken:
            faults.append(
                Fault(
                    code="hold-broken",
                    severity="critical",
                    since_ms=self._began_ms,
                    text=f"{len(broken)} held recordings are not what was promised: {broken[0]}",
                    remedy="The recorder writes over its files: take deletes_by out of its source.",
                )
            )
        if self._manifest.rebuilt_because:
            faults.append(
                Fault(
                    code="manifest-rebuilt",
                    severity="warning",
                    since_ms=self._began_ms,
                    text=f"the manifest was damaged and built anew: "
                    f"{self._manifest.rebuilt_because}",
                    remedy="Check the disk of the agent's data folder; the damaged file is kept.",
                )
            )
        if self._clock.synced() is False:
            faults.append(
                Fault(
                    code="clock-unsynced",
                    severity="notice",
                    since_ms=self._began_ms,
                    text="the box's clock is not kept right by any time source",
                    remedy="Set up NTP or GNSS time; until then times carry an uncertainty.",
                )
            )
        if self.advertise_fault:
            faults.append(
                Fault(
                    code="not-advertised",
                    severity="notice",
                    since_ms=self._began_ms,
                    text=f"the box cannot announce itself: {self.advertise_fault}",
                    remedy="Central still finds it by a fixed address.",
                )
            )
        return faults
