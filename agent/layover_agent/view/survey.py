"""What a survey found, for the technician who asked for it: 80 columns, most important first."""

import datetime as dt
from collections.abc import Iterator

from layover_agent.core.holding import NOT_DECLARED
from layover_agent.core.units import spoken_bytes
from layover_agent.survey import Count, Survey
from layover_agent.view.plain import cut, shown, table, wrapped

_HEAD = 12
_CAMERA = 22
MOST_CAMERAS = 40
_HELD = {
    "link": "by link: nothing is copied",
    "reflink": "by shared extents: nothing is copied",
    "protect": "by the recorder itself",
    "copy": "by copy",
}
_DECLARE = "if the recorder deletes its old files and never writes over them, --deletes-by unlink"


def survey(found: Survey, config: str, zone: dt.tzinfo = dt.UTC) -> str:
    """All of it as text, ending with a newline. ``config``: what would be written; ``zone``: of
    the times."""
    lines: list[str] = []
    for head, text in _facts(found):
        lines += wrapped(text, " " * _HEAD, first=f"{head:<{_HEAD}}")
    if found.cameras:
        lines += ["", *_cameras(found, zone)]
    if found.to_know:
        lines += ["", "Good to know:"]
        for text in found.to_know:
            lines += wrapped(text, "    ", first="  - ")
    if found.missing:
        lines += ["", "Before an agent can run here:"]
        for text in found.missing:
            lines += wrapped(text, "     ", first="  -> ")
    else:
        lines += ["", "`layover-agent init` with the same options writes:", ""]
        lines += [f"  {shown(line)}".rstrip() for line in config.splitlines()]
    return "\n".join(lines) + "\n"


def _facts(found: Survey) -> Iterator[tuple[str, str]]:
    source = found.source
    yield "Folder", source.folder
    yield "Recorder", found.title + (f' (recorder = "{source.recorder}")' * bool(source.recorder))
    if source.layout:
        yield "Layout", source.layout
    if found.camera_from:
        yield "Camera", f"{source.camera}: {found.camera_from}"
    if found.zone_from:
        yield "Zone", f"{source.zone}: {found.zone_from}"
    elif not found.missing:
        yield "Zone", "none is needed"
    listed = sum(camera.recordings for camera in found.cameras.values())
    yield "Files", f"{found.files}; closed recordings among them: {listed}"
    if found.open.count:
        yield "Open", _counted(found.open, "being written, or empty")
    if found.damaged.count:
        yield "Damaged", _counted(found.damaged, "cut off; offered as they are, and marked")
    if found.uncertain:
        yield "Uncertain", f"{found.uncertain}: when they began or ended is a guess"
    if found.unreadable.count:
        yield "Unreadable", _counted(found.unreadable, "the agent's user needs the right to read")
    for one in (one for guess in found.guesses[:1] for one in guess.foreign):
        yield "Not taken", f"{one.count}: {one.why}; such as {one.samples[0]}"
    if not found.missing:
        yield from _holds(found)


def _holds(found: Survey) -> Iterator[tuple[str, str]]:
    """One line where recordings can be held; else what makes it possible."""
    if found.holds:
        yield "Holds", _HELD[found.holds]
        return
    yield "Holds", "not possible yet; either of these would do:"
    for method in ("link", "copy"):
        why = found.refusals.get(method, "")
        yield "", f"{method}: {_DECLARE if why == NOT_DECLARED else why}"


def _counted(count: Count, what: str) -> str:
    return f"{count.count}: {what}; such as {count.samples[0]}"


def _cameras(found: Survey, zone: dt.tzinfo) -> list[str]:
    ordered = sorted(
        found.cameras.values(),
        key=lambda one: (one.number is None, one.number or 0, one.name),
    )
    of = dt.datetime.now(zone).strftime("%Z") or "UTC"
    rows: list[tuple[str, ...]] = [("no.", "camera", "files", "size", f"from ({of})", "until")]
    for camera in ordered[:MOST_CAMERAS]:
        rows.append(
            (
                str(camera.number) if camera.number is not None else "",
                cut(shown(camera.called), _CAMERA),
                str(camera.recordings),
                spoken_bytes(camera.size_bytes),
                _minute(camera.first_start_ms, zone),
                _minute(camera.last_end_ms, zone),
            )
        )
    lines = table(rows, frozenset({0, 2, 3}))
    left = len(ordered) - MOST_CAMERAS
    if left > 0:
        lines.append(f"and {left} cameras more: --json lists them")
    elif any(camera.called != camera.name for camera in ordered):
        names = ", ".join(camera.name for camera in ordered)
        lines += ["", *wrapped(f"Their names for --cameras: {names}", "  ", first="")]
    return lines


def _minute(time_ms: int | None, zone: dt.tzinfo) -> str:
    if time_ms is None:
        return "-"
    try:
        return f"{dt.datetime.fromtimestamp(time_ms // 1000, zone):%Y-%m-%d %H:%M}"
    except (OverflowError, ValueError, OSError):
        return f"{time_ms} ms"
