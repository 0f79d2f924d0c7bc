"""The status of a box for whoever stands next to it: what is wrong, then how things are."""

import datetime as dt
from collections.abc import Iterator, Sequence

from layover_agent.core.units import (
    spoken_age,
    spoken_bytes,
    spoken_seconds,
    spoken_time,
)
from layover_agent.view.plain import WIDTH, cut, shown, table, wrapped
from layover_agent.wire.identity import spoken
from layover_agent.wire.types import Camera, Clock, Disk, Fault, Recorder, Status

SHOWN_CONSEQUENCES = 3
_NAME = 18
_HEAD = 11
"""Columns of what a line is about."""


def status(told: Status, zone: dt.tzinfo = dt.UTC, *, everything: bool = False) -> str:
    """All of it as text, ending with a newline. ``zone``: of the times shown.

    ``everything`` also lists each consequence of a fault.
    """
    now_ms = told.clock.wall_ms
    who = spoken(told.identity) if told.identity else "no key yet"
    about = f"layover-agent {shown(told.agent_version)}, {spoken_time(now_ms, zone)}"
    lines = [cut(who, WIDTH), cut(about, WIDTH), ""]
    for fault in told.faults:
        lines += [*_fault(fault, now_ms, zone, everything), ""]
    if not told.faults:
        lines += ["No faults.", ""]
    for head, text in _facts(told, zone):
        lines += wrapped(text, " " * _HEAD, first=f"{head:<{_HEAD}}")
    if told.cameras:
        lines += ["", *_cameras(told.cameras, now_ms, zone)]
    return "\n".join(lines) + "\n"


def _fault(fault: Fault, now_ms: int, zone: dt.tzinfo, everything: bool) -> Iterator[str]:
    yield cut(f"{shown(fault.severity).upper():<9} {shown(fault.title or fault.code)}", WIDTH)
    yield from wrapped(fault.text, "  ")
    yield f"  since {_since(fault, now_ms, zone)}"
    yield from wrapped(fault.remedy, "     ", first="  -> ")
    count = len(fault.consequences)
    if not count:
        return
    yield f"  and {count} more because of this:"
    some = fault.consequences if everything else fault.consequences[:SHOWN_CONSEQUENCES]
    for one in some:
        yield from wrapped(one.text, "       ", first="     ")
    if len(some) < count:
        yield f"     ... and {count - len(some)} more (--all shows them)"


def _since(fault: Fault, now_ms: int, zone: dt.tzinfo) -> str:
    """A fault's time of day only where it can be true: else how long the agent has seen it."""
    if 0 < fault.since_ms <= now_ms:
        return f"{spoken_time(fault.since_ms, zone)}, {spoken_age(fault.since_ms, now_ms)}"
    return f"{spoken_seconds(fault.uptime_s)} of the agent's running, by a clock set since"


def _facts(told: Status, zone: dt.tzinfo) -> Iterator[tuple[str, str]]:
    now_ms = told.clock.wall_ms
    yield "central", _central(told, zone)
    yield "clock", _clock(told.clock, now_ms, zone)
    recordings = sum(camera.recordings for camera in told.cameras)
    size = spoken_bytes(sum(camera.size_bytes for camera in told.cameras))
    looked = told.manifest.scanned_ms
    seen = f"looked at {spoken_age(looked, now_ms)}" if looked else "the folders were not read yet"
    yield "recordings", f"{recordings} of {len(told.cameras)} cameras, {size}; {seen}"
    for disk in told.disks:
        yield "disk", _disk(disk)
    for recorder in told.recorders:
        yield "recorder", _recorder(recorder, now_ms)
    yield "holds", _holds(told)
    box = []
    if told.temperature_c is not None:
        limit = told.temperature_limit_c
        box.append(f"{told.temperature_c:.0f} °C" + (f" (limit {limit:.0f} °C)" if limit else ""))
    if told.memory_bytes:
        free, size = spoken_bytes(told.memory_free_bytes), spoken_bytes(told.memory_bytes)
        box.append(f"{free} of {size} memory free")
    box.append(f"up for {spoken_seconds(told.clock.mono_ms // 1000)}")
    yield "box", ", ".join(box)
    if told.own is not None:
        cpu = f"{told.own.cpu_permille / 10:.1f} % of one core"
        yield (
            "agent",
            f"running since {spoken_time(told.own.since_ms, zone)}, "
            f"{spoken_bytes(told.own.rss_bytes)} of memory, {cpu}",
        )


def _central(told: Status, zone: dt.tzinfo) -> str:
    if not told.enrolled:
        return "not enrolled in a fleet"
    fleet = f"enrolled in fleet {shown(told.fleet)}" if told.fleet else "enrolled"
    if told.contact is None:
        return f"{fleet}; no contact yet"
    at_ms = told.contact.as_of_ms
    heard = f"{spoken_time(at_ms, zone)}, {spoken_age(at_ms, told.clock.wall_ms)}"
    queue = told.contact.queue
    if queue is None:
        return f"{fleet}; last contact {heard}"
    waiting = (
        f"{queue.requests} requests, {queue.transfers} recordings, {spoken_bytes(queue.size_bytes)}"
    )
    return f"{fleet}; last contact {heard}; waiting there then: {waiting}"


def _clock(clock: Clock, now_ms: int, zone: dt.tzinfo) -> str:
    said = {True: "kept by a time source", False: "kept by nothing", None: "not known by what kept"}
    parts = [said[clock.synced] if clock.was_set else "not set"]
    if clock.offset_ms is not None:
        where = "ahead of" if clock.offset_ms >= 0 else "behind"
        parts.append(f"{abs(clock.offset_ms) / 1000:.1f} s {where} central at the last contact")
    if clock.steps:
        sign = "+" if clock.stepped_by_ms >= 0 else "-"
        by = spoken_seconds(abs(clock.stepped_by_ms) // 1000)
        when = spoken_time(clock.stepped_ms, zone)
        parts.append(f"was set {clock.steps} times, last on {when} by {sign}{by}")
    return "; ".join(parts)


def _disk(disk: Disk) -> str:
    if not disk.present:
        return f"{shown(disk.source)}: {shown(disk.mount)} is gone ({shown(disk.device)})"
    if not disk.size_bytes:
        return f"{shown(disk.source)}: {shown(disk.mount)} cannot be read"
    under = ", ".join(shown(part) for part in (disk.file_system, disk.device) if part)
    parts = [f"{spoken_bytes(disk.free_bytes)} free of {spoken_bytes(disk.size_bytes)}"]
    if disk.held_ms > 0:
        parts.append(f"holds {spoken_seconds(disk.held_ms // 1000)}")
    if disk.read_only:
        parts.append("READ-ONLY")
    if disk.errors is not None:
        parts.append(f"{disk.errors} errors")
    if disk.health:
        worn = f", {disk.wear_percent} % worn" if disk.wear_percent is not None else ""
        parts.append(f"health {shown(disk.health)}{worn}")
    place = f"{shown(disk.mount)} ({under})" if under else shown(disk.mount)
    return f"{shown(disk.source)} on {place}: {', '.join(parts)}"


def _recorder(recorder: Recorder, now_ms: int) -> str:
    name = f"{shown(recorder.source)}: {shown(recorder.process)}"
    if recorder.running is None:
        return f"{name}: cannot be seen from here (processes are hidden)"
    if not recorder.running:
        return f"{name} is not running"
    up = spoken_seconds(max(now_ms - recorder.since_ms, 0) // 1000)
    again = f", began anew {recorder.restarts} times in an hour" if recorder.restarts else ""
    return f"{name} has been running for {up}{again}"


def _holds(told: Status) -> str:
    holds = told.holds
    if not holds.possible and not holds.count:
        return f"not possible: {holds.reason}" if told.running else "not known"
    parts = [f"{holds.count} recordings, {spoken_bytes(holds.size_bytes)} ({shown(holds.method)})"]
    if holds.cost_bytes:
        parts.append(f"{spoken_bytes(holds.cost_bytes)} of it only held")
    if holds.reserve_bytes:
        free, size = spoken_bytes(holds.reserve_free_bytes), spoken_bytes(holds.reserve_bytes)
        parts.append(f"{free} of {size} reserve left")
    return "; ".join(parts)


def _cameras(cameras: Sequence[Camera], now_ms: int, zone: dt.tzinfo) -> list[str]:
    """Late ones first, then those whose last recording is oldest."""
    rows: list[list[str]] = [["camera", "", "last recording", "", "count"]]
    many = len({camera.source for camera in cameras}) > 1
    for camera in sorted(cameras, key=lambda c: (c.lateness != "late", c.last_end_ms, c.name)):
        name = f"{camera.source}/{camera.name}" if many else camera.name
        mark = "LATE" if camera.lateness == "late" else "pauses" if camera.pauses else ""
        last_ms = camera.last_end_ms
        rows.append(
            [
                cut(shown(name), _NAME),
                mark,
                spoken_time(last_ms, zone) if last_ms else "none",
                spoken_age(last_ms, now_ms) if last_ms else "",
                str(camera.recordings),
            ]
        )
    return table(rows, frozenset({4}))
