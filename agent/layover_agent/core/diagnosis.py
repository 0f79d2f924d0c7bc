"""What a box's facts say is wrong with it, and the figures that this goes by."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from layover_agent.core.faults import Finding
from layover_agent.core.units import spoken_bytes, spoken_seconds, spoken_time
from layover_agent.wire.types import Camera, Disk, Recorder, Status

FULL_BYTES = 32 << 20
FULL_SHARE = 0.001
"""Below these a disk is full: recorders live near the brim by design, but sweep well above."""
FULL_INODES = 16
STUCK_S = 30
HOT_MARGIN_C = 5.0
LOW_MEMORY_SHARE = 0.05
HEAVY_BYTES = 96 << 20
OFF_MS = 60_000
"""A clock that is further off is wrong, not inexact; so is one that is set by more."""
SILENT_MS = 7 * 86_400_000
STARTING_MS = 120_000
"""So long after a boot the recorder may still be starting."""
RESTARTS = 3
MIN_SET_MS = 1_793_491_200_000
"""2026-11-01: a clock that is behind was never set. Raised with releases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What is known of the agent's parts beside the status."""

    unreadable: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    """By source: since when (ms), and what is wrong with its folder."""
    hiding: Collection[str] = ()
    """Which of these show nothing, or not all, of what they hold."""
    recorder_behind: bool = False
    data_folder: Disk | None = None
    rebuilt: str = ""
    """Why the manifest was built anew; empty: it was not."""
    not_advertised: str = ""
    certificate: str = ""
    """Why it cannot be used; empty: it can, or there is none."""
    certificate_folder: str = ""
    broken: str = ""
    """Why the hold that has been broken longest is; the status counts them."""
    broken_since_ms: int = 0
    failing: Mapping[str, str] = field(default_factory=dict)
    """Parts of the agent that failed and are tried again: which, and why."""
    deaf: str = ""
    """Why not every new recording is heard of at once; empty: it is."""
    triggers: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    """Buttons that do not work: since when (ms), and why."""


def diagnosed(status: Status, beside: Beside) -> list[Finding]:
    """All that is wrong, in no order. ``status.faults`` is not looked at."""
    return [
        *_of_disks(status.disks),
        *_of_recorder(status, beside),
        *_of_cameras(status.cameras),
        *_of_holds(status, beside),
        *_of_agent(status, beside),
        *_of_box(status),
        *_of_clock(status),
    ]


def _of_disks(disks: list[Disk]) -> Iterator[Finding]:
    shared: dict[tuple[str, str], list[Disk]] = {}
    for disk in disks:
        shared.setdefault((disk.device, disk.mount or disk.source), []).append(disk)
    for (device, mount), group in shared.items():
        sources = frozenset(disk.source for disk in group)
        for code, facts in _of_disk(group[0], device, mount):
            subject = device if "device" in facts and device else mount
            yield Finding(code=code, subject=subject, facts=facts, sources=sources)


def _of_disk(disk: Disk, device: str, mount: str) -> Iterator[tuple[str, Mapping[str, object]]]:
    if not disk.present and device:
        yield "disk-gone", {"device": device, "mount": mount}
    if disk.stuck_s >= STUCK_S:
        yield "disk-stuck", {"device": device or mount, "seconds": disk.stuck_s}
    if disk.present and disk.read_only:
        yield "disk-read-only", {"mount": mount}
    if disk.present and _is_full(disk):
        yield "disk-full", {"mount": mount, "room": _room(disk)}
    if disk.errors:
        last = spoken_time(disk.errored_ms) if disk.errored_ms else "time unknown"
        yield "disk-errors", {"device": device or mount, "count": disk.errors, "last": last}
    if disk.health in ("failing", "worn"):
        yield f"disk-{disk.health}", {"device": device or mount, "why": disk.health_text}


def _of_recorder(status: Status, beside: Beside) -> Iterator[Finding]:
    for name, (since_ms, why) in beside.unreadable.items():
        yield Finding(
            code="source-unreadable" if name in beside.hiding else "source-incomplete",
            subject=name,
            facts={"source": name, "why": why},
            sources=frozenset({name}),
            since_ms=since_ms,
        )
    for recorder in status.recorders:
        facts = {"source": recorder.source, "process": recorder.process}
        sources = frozenset({recorder.source})
        if _is_down(recorder, status):
            yield Finding(
                code="recorder-not-running", subject=recorder.source, facts=facts, sources=sources
            )
        if recorder.restarts >= RESTARTS:
            yield Finding(
                code="recorder-restarts",
                subject=recorder.source,
                facts={**facts, "count": recorder.restarts},
                sources=sources,
            )
    if beside.recorder_behind:
        yield Finding(code="recorder-behind")


def _of_cameras(cameras: list[Camera]) -> Iterator[Finding]:
    for camera in cameras:
        if camera.lateness == "late":
            yield Finding(
                code="camera-late",
                subject=f"{camera.source}/{camera.name}",
                facts={
                    "camera": camera.name,
                    "last": spoken_time(camera.last_close_ms or camera.last_end_ms),
                    "expected": spoken_time(camera.expected_close_ms),
                },
                sources=frozenset({camera.source}),
                since_ms=camera.late_since_ms or None,
            )


def _of_holds(status: Status, beside: Beside) -> Iterator[Finding]:
    if status.holds.broken:
        yield Finding(
            code="hold-broken",
            facts={"count": status.holds.broken, "why": beside.broken or "see the agent's log"},
            since_ms=beside.broken_since_ms or None,
        )
    if not status.holds.possible and status.holds.reason and status.running:
        yield Finding(code="holds-impossible", facts={"why": status.holds.reason})
    if status.holds.reserve_bytes and not status.holds.reserve_free_bytes:
        size = spoken_bytes(status.holds.reserve_bytes)
        yield Finding(code="reserve-used", facts={"size": size})


def _of_agent(status: Status, beside: Beside) -> Iterator[Finding]:
    folder = beside.data_folder
    if folder is not None and folder.present and (folder.read_only or _is_full(folder)):
        why = "takes no writes" if folder.read_only else f"has {_room(folder)}"
        yield Finding(code="data-folder-full", facts={"folder": folder.mount, "why": why})
    if beside.rebuilt:
        yield Finding(code="manifest-rebuilt", facts={"why": beside.rebuilt})
    if beside.certificate:
        yield Finding(
            code="certificate-unusable",
            facts={"folder": beside.certificate_folder, "why": beside.certificate},
        )
    for part, why in beside.failing.items():
        yield Finding(code="part-failed", subject=part, facts={"part": part, "why": why})
    for about, (since_ms, why) in beside.triggers.items():
        facts = {"about": about, "why": why}
        yield Finding(code="trigger-dead", subject=about, facts=facts, since_ms=since_ms)
    if beside.deaf:
        yield Finding(code="not-watching", facts={"why": beside.deaf})
    if not status.enrolled:
        yield Finding(code="not-enrolled")
    if beside.not_advertised:
        yield Finding(code="not-advertised", facts={"why": beside.not_advertised})
    if status.own is not None and status.own.rss_bytes > HEAVY_BYTES:
        yield Finding(code="agent-heavy", facts={"rss": spoken_bytes(status.own.rss_bytes)})
    heard_ms = status.contact.as_of_ms if status.contact is not None else None
    up_ms = status.own.uptime_s * 1000 if status.own is not None else 0
    if status.enrolled and (status.clock.wall_ms - (heard_ms or 0) > SILENT_MS):
        if heard_ms is not None:
            facts = {"last": spoken_time(heard_ms)}
            yield Finding(code="no-contact", facts=facts, since_ms=heard_ms)
        elif up_ms > SILENT_MS:
            yield Finding(code="no-contact", facts={"last": "never"})


def _of_box(status: Status) -> Iterator[Finding]:
    now_c, limit_c = status.temperature_c, status.temperature_limit_c
    if now_c is not None and limit_c is not None and now_c >= limit_c - HOT_MARGIN_C:
        facts = {"celsius": f"{now_c:.0f}", "limit": f"{limit_c:.0f}"}
        yield Finding(code="too-hot" if now_c >= limit_c else "hot", facts=facts)
    size, free = status.memory_bytes, status.memory_free_bytes
    if size and free < size * LOW_MEMORY_SHARE:
        facts = {"free": spoken_bytes(free), "size": spoken_bytes(size)}
        yield Finding(code="memory-low", facts=facts)


def _of_clock(status: Status) -> Iterator[Finding]:
    clock = status.clock
    if not clock.was_set:
        yield Finding(code="clock-unset", facts={"now": spoken_time(clock.wall_ms)})
    if clock.synced is False:
        yield Finding(code="clock-unsynced")
    if clock.offset_ms is not None and abs(clock.offset_ms) > OFF_MS:
        ahead = "ahead of" if clock.offset_ms > 0 else "behind"
        offset = spoken_seconds(abs(clock.offset_ms) // 1000)
        yield Finding(code="clock-off", facts={"offset": offset, "ahead": ahead})
    oldest_ms = min((c.first_start_ms for c in status.cameras if c.recordings), default=None)
    was_ms = clock.stepped_ms - clock.stepped_by_ms
    if abs(clock.stepped_by_ms) > OFF_MS and oldest_ms is not None and oldest_ms < was_ms:
        sign = "+" if clock.stepped_by_ms > 0 else "-"
        shift = f"{sign}{spoken_seconds(abs(clock.stepped_by_ms) // 1000)}"
        facts = {"shift": shift, "when": spoken_time(clock.stepped_ms)}
        yield Finding(code="times-uncertain", facts=facts)


def _is_down(recorder: Recorder, status: Status) -> bool:
    return recorder.running is False and status.clock.mono_ms > STARTING_MS


def _is_full(disk: Disk) -> bool:
    few = disk.inodes_left is not None and disk.inodes_left < FULL_INODES
    least_bytes = max(FULL_SHARE * disk.size_bytes, min(FULL_BYTES, disk.size_bytes // 100))
    return disk.size_bytes > 0 and (few or disk.free_bytes < least_bytes)


def _room(disk: Disk) -> str:
    if disk.inodes_left is not None and disk.inodes_left < FULL_INODES:
        return f"room for {disk.inodes_left} more files"
    return f"{spoken_bytes(disk.free_bytes)} left of {spoken_bytes(disk.size_bytes)}"
