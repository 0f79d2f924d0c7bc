"""The status of this box, with or without its agent: what `layover-agent status` shows."""

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path

from layover_agent import __version__, journal
from layover_agent.clock import Clock, SystemClock, reading
from layover_agent.contacts import Contacts
from layover_agent.core.diagnosis import Beside, diagnosed
from layover_agent.core.faults import Finding, Since, Subject, ranked
from layover_agent.core.units import spoken_time
from layover_agent.facts.box import Box, disk_of
from layover_agent.facts.enrolment import enrolment
from layover_agent.facts.rules import rules
from layover_agent.health import clock_facts, held_ms
from layover_agent.journal import Journal
from layover_agent.manifest import Manifest, opened
from layover_agent.settings import Config
from layover_agent.standing import ASK_S, NotAnswering, NotRunning, asked
from layover_agent.wire.types import HoldUsage, ManifestHead, Status
from layover_agent.wire.version import API_VERSIONS

_NO_HOLDS = HoldUsage(possible=False, method="none")


async def status_of(
    config: Config, clock: Clock | None = None, root: Path = Path("/"), ask_s: float = ASK_S
) -> Status:
    """From the running agent; where none answers, from the disk, which is the worst fault then.

    Writes nothing. Never raises for a state that a box can be in.
    """
    try:
        return await asyncio.to_thread(asked, config.data_folder, ask_s)
    except NotRunning:
        why = "agent-not-running"
    except NotAnswering:
        why = "agent-not-answering"
    except OSError as error:
        # Another user's socket: the agent may well be running.
        why = f"{error.strerror}"
    clock = clock or SystemClock()
    finding = _about_agent(why, config.data_folder, int(ask_s))
    return await _without_agent(config, clock, root, finding)


async def _without_agent(config: Config, clock: Clock, root: Path, agent: Finding) -> Status:
    box = Box(config.sources, clock, config.data_folder, root)
    await asyncio.to_thread(box.ask_disks)
    facts = await asyncio.to_thread(box.look)
    own = await asyncio.to_thread(enrolment, config.data_folder / "identity")
    status = Status(
        identity=own.identity,
        api_versions=list(API_VERSIONS),
        agent_version=__version__,
        capabilities=[],
        clock=reading(clock),
        manifest=ManifestHead(epoch="", seq=0, scanned_ms=0),
        cameras=[],
        disks=[],
        retention=[
            rule for name, source in config.sources.items() for rule in rules(name, source, ())
        ],
        holds=_NO_HOLDS,
        enrolled=own.enrolled,
        fleet=own.fleet,
        running=False,
        recorders=facts.recorders,
        temperature_c=facts.temperature_c,
        temperature_limit_c=facts.temperature_limit_c,
        memory_bytes=facts.memory_bytes,
        memory_free_bytes=facts.memory_free_bytes,
    )
    findings = [agent]
    known: dict[Subject, Since] = {}
    try:
        async with opened(config.data_folder / "manifest.db", read_only=True) as manifest:
            status = await _remembered(status, manifest, clock)
            known = await _known(manifest)
    except (sqlite3.Error, OSError) as error:
        findings.append(Finding(code="manifest-unreadable", facts={"why": str(error)}))
    disks = [disk_of(name, one, held_ms(status.cameras, name)) for name, one in facts.disks.items()]
    status = replace(status, disks=disks)
    beside = Beside(
        unreadable={
            name: (clock.wall_ms(), f"{one.folder} cannot be read")
            for name, one in facts.disks.items()
            if not one.readable
        },
        hiding={name for name, one in facts.disks.items() if not one.readable},
        data_folder=None if facts.data is None else disk_of("", facts.data),
        certificate=own.fault,
        certificate_folder=str(config.data_folder / "identity"),
    )
    findings += diagnosed(status, beside)
    return replace(status, faults=ranked(findings, known, status.clock.wall_ms))


async def _remembered(status: Status, manifest: Manifest, clock: Clock) -> Status:
    """What the agent wrote down while it ran. Whether cameras are late is not among it."""
    contacts = await Contacts.opened(manifest, clock)
    sums = await manifest.hold_sums()
    return replace(
        status,
        manifest=await manifest.head(),
        cameras=await manifest.cameras(),
        holds=replace(
            _NO_HOLDS,
            count=sums.count,
            size_bytes=sums.size_bytes,
            cost_bytes=sums.cost_bytes,
            broken=sums.broken,
        ),
        contact=contacts.last,
        clock=clock_facts(status.clock, await Journal(manifest).steps(), contacts.offset_ms),
    )


async def _known(manifest: Manifest) -> dict[Subject, Since]:
    """Since when the faults had been there that the agent last wrote down."""
    rows = await manifest._read("SELECT code, subject, since_ms, since_uptime_s FROM faults")
    return {(code, subject): journal.Since(ms, s) for code, subject, ms, s in rows}


def _about_agent(why: str, data_folder: Path, seconds: int) -> Finding:
    if why == "agent-not-answering":
        return Finding(code=why, facts={"seconds": seconds})
    if why == "agent-not-running":
        stopped_ms = _last_written_ms(data_folder)
        last = "it never ran" if stopped_ms is None else f"it last wrote {spoken_time(stopped_ms)}"
        return Finding(code=why, facts={"last": last}, since_ms=stopped_ms)
    return Finding(code="agent-not-asked", facts={"why": why})


def _last_written_ms(data_folder: Path) -> int | None:
    """When the agent last wrote: it does so every half minute. None: it never ran."""
    written = []
    for name in ("manifest.db", "manifest.db-wal"):
        try:
            written.append((data_folder / name).stat().st_mtime_ns // 1_000_000)
        except OSError:
            continue
    return max(written, default=None)
