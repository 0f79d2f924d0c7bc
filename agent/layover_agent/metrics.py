"""A status as Prometheus reads it: text format 0.0.4, written by hand."""

from collections.abc import Iterable, Iterator, Mapping

from layover_agent.core.fault_kinds import SEVERITIES
from layover_agent.wire.types import Status

MEDIA_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
_MAX_LABEL = 200

Sample = tuple[Mapping[str, str], float | None]
"""Labels and value; None: not known, and not told."""


def exposition(status: Status) -> str:
    """All metrics of a status, one family after another."""
    return "".join(
        _family(name, text, samples) for name, text, samples in _families(status) if samples
    )


def _families(status: Status) -> Iterator[tuple[str, str, list[Sample]]]:
    clock, holds, own = status.clock, status.holds, status.own
    yield (
        "info",
        "Who the agent is.",
        [({"identity": status.identity, "version": status.agent_version}, 1)],
    )
    yield "enrolled", "Whether the box belongs to a fleet.", [({}, status.enrolled)]
    yield (
        "faults",
        "Faults that stand by themselves, by severity.",
        [
            ({"severity": severity}, sum(f.severity == severity for f in status.faults))
            for severity in SEVERITIES
        ],
    )
    yield (
        "fault_since_seconds",
        "Since when a fault has been there, Unix time.",
        [
            ({"code": f.code, "subject": f.subject, "severity": f.severity}, f.since_ms / 1000)
            for f in status.faults
        ],
    )
    yield "clock_seconds", "The box's clock, Unix time.", [({}, clock.wall_ms / 1000)]
    yield "clock_synced", "Whether a time source keeps the clock.", [({}, clock.synced)]
    yield (
        "clock_offset_seconds",
        "Ahead of central at the last contact.",
        [({}, None if clock.offset_ms is None else clock.offset_ms / 1000)],
    )
    yield "clock_steps", "How often the clock was set.", [({}, clock.steps)]
    yield "manifest_seq", "Latest change of the manifest.", [({}, status.manifest.seq)]
    yield (
        "manifest_scanned_seconds",
        "When the last look began, Unix time.",
        [({}, status.manifest.scanned_ms / 1000 or None)],
    )
    yield from _of_cameras(status)
    yield from _of_disks(status)
    yield "holds", "Recordings that are held.", [({}, holds.count)]
    yield "holds_bytes", "Bytes that are held.", [({}, holds.size_bytes)]
    yield "holds_cost_bytes", "Bytes that only holds still keep.", [({}, holds.cost_bytes)]
    yield (
        "recorder_running",
        "Whether the recorder's process runs.",
        [({"source": r.source, "process": r.process}, r.running) for r in status.recorders],
    )
    yield "temperature_celsius", "Of the sensor nearest to its limit.", [({}, status.temperature_c)]
    yield "temperature_limit_celsius", "Its limit.", [({}, status.temperature_limit_c)]
    yield "memory_available_bytes", "Of the box.", [({}, status.memory_free_bytes or None)]
    if status.contact is not None:
        queue = status.contact.queue
        yield (
            "contact_seconds",
            "When central last asked, Unix time.",
            [({}, status.contact.as_of_ms / 1000)],
        )
        if queue is not None:
            yield "queue_transfers", "Waiting at central as of then.", [({}, queue.transfers)]
            yield "queue_bytes", "Waiting at central as of then.", [({}, queue.size_bytes)]
    if own is not None:
        yield "resident_memory_bytes", "Of the agent.", [({}, own.rss_bytes)]
        yield "uptime_seconds", "Of the agent, over all its runs.", [({}, own.uptime_s)]


def _of_cameras(status: Status) -> Iterator[tuple[str, str, list[Sample]]]:
    labels = [{"source": c.source, "camera": c.name} for c in status.cameras]
    each = list(zip(labels, status.cameras, strict=True))
    yield "recordings", "Recordings that are there.", [(on, c.recordings) for on, c in each]
    yield "recordings_bytes", "Their size.", [(on, c.size_bytes) for on, c in each]
    yield (
        "last_recording_end_seconds",
        "End of the newest one, Unix time.",
        [(on, c.last_end_ms / 1000 or None) for on, c in each],
    )
    yield (
        "camera_late",
        "Whether the next recording is overdue.",
        [(on, None if c.lateness in ("", "unknown") else c.lateness == "late") for on, c in each],
    )


def _of_disks(status: Status) -> Iterator[tuple[str, str, list[Sample]]]:
    each = [({"source": d.source, "device": d.device}, d) for d in status.disks]
    yield "disk_present", "Whether its device is there.", [(on, d.present) for on, d in each]
    yield "disk_size_bytes", "Of the file system.", [(on, d.size_bytes) for on, d in each]
    yield "disk_free_bytes", "Left for anybody.", [(on, d.free_bytes) for on, d in each]
    yield "disk_errors", "Counted by the file system.", [(on, d.errors) for on, d in each]
    yield "disk_wear_percent", "Of the device's life.", [(on, d.wear_percent) for on, d in each]
    yield (
        "disk_held_seconds",
        "From the oldest recording to the newest.",
        [(on, d.held_ms / 1000) for on, d in each],
    )


def _family(name: str, text: str, samples: Iterable[Sample]) -> str:
    lines = [
        f"layover_{name}{_labels(labels)} {_value(value)}\n"
        for labels, value in samples
        if value is not None
    ]
    head = f"# HELP layover_{name} {text}\n# TYPE layover_{name} gauge\n"
    return head + "".join(lines) if lines else ""


def _labels(labels: Mapping[str, str]) -> str:
    inner = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{inner}}}" if inner else ""


def _escaped(value: str) -> str:
    """A label's value; names that are no text are told with their bytes spelt out."""
    value = value.encode("utf-8", "backslashreplace").decode()[:_MAX_LABEL]
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _value(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
