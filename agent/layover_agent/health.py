"""How the box is: facts for central and for whoever stands next to it, worst fault first."""

import asyncio
import contextlib
import logging
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from layover_agent import __version__
from layover_agent.clock import Clock, reading
from layover_agent.contacts import Contacts
from layover_agent.core.diagnosis import MIN_SET_MS, Beside, diagnosed
from layover_agent.core.faults import Finding, ranked
from layover_agent.core.lateness import Lateness
from layover_agent.core.retention import Learned
from layover_agent.core.steps import Step
from layover_agent.facts.box import Box, BoxFacts, disk_of
from layover_agent.facts.enrolment import Enrolment
from layover_agent.facts.rules import rules
from layover_agent.holds import Holds
from layover_agent.journal import Journal
from layover_agent.manifest import Manifest
from layover_agent.manifest_holds import HoldRow
from layover_agent.scan import Scanner
from layover_agent.sources.source import Source
from layover_agent.wire import types
from layover_agent.wire.types import Camera, Fault, Own, Queue, Status
from layover_agent.wire.version import API_VERSIONS

log = logging.getLogger(__name__)

CAPABILITIES = ["holds", "span-holds", "pace", "digests", "queue"]
LOOK_S = 5.0
"""How long the box's files may take: a dead network mount answers never."""
ASK_DISKS_EVERY_S = 3600.0
EVERY_S = 30.0
_NO_KERNEL = Path(os.devnull)


class Habits(Protocol):
    """What is known of how the cameras record and how the recorder deletes."""

    def lateness(self) -> Mapping[tuple[str, str], Lateness]: ...

    def recorder_behind(self) -> bool: ...

    async def learned(self, source: str) -> list[Learned]: ...


class Health:
    """Gathers the status; remembers what takes long to know. Without ``box`` no more is told of it
    than the room in the folders, without ``habits`` nothing of lateness."""

    def __init__(
        self,
        identity: str,
        manifest: Manifest,
        sources: Mapping[str, Source],
        scanner: Scanner,
        holds: Holds,
        clock: Clock,
        *,
        contacts: Contacts | None = None,
        habits: Habits | None = None,
        box: Box | None = None,
        enrolment: Enrolment | None = None,
    ) -> None:
        self._manifest = manifest
        self._journal = Journal(manifest)
        self._sources = sources
        self._scanner = scanner
        self._holds = holds
        self._clock = clock
        self._contacts = contacts or Contacts(manifest, clock)
        self._habits = habits
        configs = {name: source.config for name, source in sources.items()}
        self._box = box or Box(configs, clock, root=_NO_KERNEL)
        self._enrolment = enrolment or Enrolment(identity=identity, enrolled=True)
        self._began = clock.wall_ms(), clock.mono_ms()
        self._looking: asyncio.Future[BoxFacts] | None = None
        self._facts: BoxFacts | None = None
        self.advertise_fault = ""
        self.failing: Mapping[str, str] = {}
        """Parts of the agent that fail now, and why."""
        self.triggers: Mapping[str, tuple[int, str]] = {}
        """Buttons that do not work: since when (ms), and why."""
        self.deaf: Callable[[], str] = str
        """Why not every new recording is heard of at once; empty: it is."""

    def contacted(self) -> None:
        """Central asked something just now."""
        self._contacts.heard()

    async def told(self, queue: Queue) -> None:
        """Central said what waits for this site (PUT /v1/queue)."""
        await self._contacts.told(queue)

    async def run(self) -> None:
        """Keeps what a status needs at hand; for as long as the agent runs."""
        asked_s = -ASK_DISKS_EVERY_S
        loop = asyncio.get_running_loop()
        while True:
            if loop.time() - asked_s >= ASK_DISKS_EVERY_S:
                asked_s = loop.time()
                await asyncio.to_thread(self._box.ask_disks)
            await self._look()
            with contextlib.suppress(sqlite3.Error):
                await self._contacts.due()
            await asyncio.sleep(EVERY_S)

    async def save(self) -> None:
        """Writes down what was not written yet; to be called at the end."""
        await self._contacts.save()

    async def status(self) -> Status:
        """The whole status. Of 100,000 recordings none is read."""
        facts, hung_s = await self._look()
        cameras = self._judged(await self._manifest.cameras())
        steps = await self._journal.steps()
        usage = await self._holds.usage()
        status = Status(
            identity=self._enrolment.identity,
            api_versions=list(API_VERSIONS),
            agent_version=__version__,
            capabilities=CAPABILITIES,
            clock=clock_facts(reading(self._clock), steps, self._contacts.offset_ms),
            manifest=await self._manifest.head(),
            cameras=cameras,
            disks=[
                disk_of(name, one, held_ms(cameras, name))
                for name, one in (facts.disks if facts else {}).items()
            ],
            retention=[
                rule
                for name, source in self._sources.items()
                for rule in rules(name, source.config, await self._learned(name))
            ],
            holds=usage,
            enrolled=self._enrolment.enrolled,
            fleet=self._enrolment.fleet,
            contact=self._contacts.last,
            recorders=facts.recorders if facts else [],
            own=self._own(facts),
            temperature_c=facts.temperature_c if facts else None,
            temperature_limit_c=facts.temperature_limit_c if facts else None,
            memory_bytes=facts.memory_bytes if facts else 0,
            memory_free_bytes=facts.memory_free_bytes if facts else 0,
        )
        findings = diagnosed(status, self._beside(facts, await self._holds.broken()))
        if hung_s:
            findings.append(
                Finding(
                    code="disk-stuck",
                    subject="?",
                    facts={"device": "under a folder of recordings", "seconds": int(hung_s)},
                )
            )
        return replace(status, faults=await self._ranked(findings, status.clock.wall_ms))

    async def _ranked(self, findings: list[Finding], now_ms: int) -> list[Fault]:
        """``now_ms``: what the status says the time is; no fault may be younger than that."""
        uptime_s = self._holds.uptime_s()
        keys = [finding.key for finding in findings]
        try:
            known = await self._journal.faults(keys, now_ms, uptime_s)
        except sqlite3.Error as error:
            # A full or dying disk is the very thing that has to be told.
            log.warning("since when faults are there could not be written: %s", error)
            known = {}
        return ranked(findings, known, now_ms, uptime_s)

    async def _look(self) -> tuple[BoxFacts | None, float]:
        """The box's facts, or the last ones where a file system does not answer; and for how
        long it has not."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.ensure_future(asyncio.to_thread(self._box.look))
        # Another caller may begin the next look before this one hears of the end of its own.
        looking = self._looking
        began_s = asyncio.get_running_loop().time()
        done, _ = await asyncio.wait([looking], timeout=LOOK_S)
        if not done:
            return self._facts, asyncio.get_running_loop().time() - began_s
        self._facts = looking.result()
        return self._facts, 0.0

    def _judged(self, cameras: list[Camera]) -> list[Camera]:
        """The cameras with whether each is late; one that has no recording left is late, too."""
        if self._habits is None:
            return cameras
        late = dict(self._habits.lateness())
        judged = [judged_as(one, late.pop((one.source, one.name), None)) for one in cameras]
        for (source, name), how in late.items():
            if how.state == "late":
                none = Camera(
                    name=name, source=source, recordings=0, size_bytes=0, first_start_ms=0,
                    last_end_ms=0,
                )  # fmt: skip
                judged.append(judged_as(none, how))
        return judged

    async def _learned(self, source: str) -> list[Learned]:
        return [] if self._habits is None else await self._habits.learned(source)

    def _own(self, facts: BoxFacts | None) -> Own | None:
        if facts is None:
            return None
        ran_ms = max(self._clock.mono_ms() - self._began[1], 1)
        return Own(
            since_ms=self._clock.wall_ms() - ran_ms,
            uptime_s=self._holds.uptime_s(),
            rss_bytes=facts.own.rss_bytes,
            cpu_permille=facts.own.cpu_ms * 1000 // ran_ms,
        )

    def _beside(self, facts: BoxFacts | None, broken: Sequence[HoldRow]) -> Beside:
        data = facts.data if facts else None
        return Beside(
            unreadable=self._scanner.faults,
            hiding=self._scanner.hiding,
            recorder_behind=self._habits is not None and self._habits.recorder_behind(),
            data_folder=None if data is None else disk_of("", data),
            rebuilt=self._manifest.rebuilt_because,
            not_advertised=self.advertise_fault,
            certificate=self._enrolment.fault,
            broken=broken[0].broken_why if broken else "",
            failing=self.failing,
            triggers=self.triggers,
            deaf=self.deaf(),
            broken_since_ms=broken[0].broken_ms if broken else 0,
        )


def held_ms(cameras: list[Camera], source: str) -> int:
    """From the start of a source's oldest recording to the end of its newest."""
    own = [one for one in cameras if one.source == source and one.recordings]
    if not own:
        return 0
    return max(c.last_end_ms for c in own) - min(c.first_start_ms for c in own)


def clock_facts(now: types.Clock, steps: list[Step], offset_ms: int | None) -> types.Clock:
    """The clock, with what is remembered of it being set."""
    told = [step for step in steps if step.kind == "step"]
    last = told[-1] if told else None
    return replace(
        now,
        was_set=now.wall_ms >= MIN_SET_MS,
        steps=len(told),
        stepped_ms=last.after_ms if last else 0,
        stepped_by_ms=last.shift_ms if last else 0,
        offset_ms=offset_ms,
    )


def judged_as(camera: Camera, how: Lateness | None) -> Camera:
    if how is None:
        return camera
    return replace(
        camera,
        lateness=how.state,
        last_close_ms=how.last_close_ms,
        expected_close_ms=how.expected_close_ms,
        late_since_ms=how.late_since_ms,
        pauses=how.pauses,
    )
