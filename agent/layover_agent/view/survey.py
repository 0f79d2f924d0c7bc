"""What a survey found, for the technician who asked for it."""

import datetime as dt
from collections.abc import Iterator

from layover_agent.core.cameras import parse
from layover_agent.core.units import spoken_bytes, spoken_time
from layover_agent.survey import Count, Survey
from layover_agent.view.plain import WIDTH, cut, shown, table, wrapped

_HEAD = 11


def survey(found: Survey, config: str, zone: dt.tzinfo = dt.UTC) -> str:
    """All of it as text, ending with a newline. ``config``: what would be written."""
    lines: list[str] = []
    for head, text in _facts(found):
        lines += wrapped(text, " " * _HEAD, first=f"{head:<{_HEAD}}")
    if found.cameras:
        lines += ["", *_cameras(found, zone)]
    for guess in found.guesses[:1]:
        for one in guess.foreign:
            lines += ["", f"{one.count} files: {one.why}"]
            lines += [cut(f"  {shown(sample)}", WIDTH) for sample in one.samples]
    if found.missing:
        lines += ["", "Before an agent can run here:"]
        for text in found.missing:
            lines += wrapped(text, "     ", first="  -> ")
    else:
        lines += ["", "The configuration for it (`layover-agent init` writes it):", ""]
        lines += [f"  {line}".rstrip() for line in config.splitlines()]
    return "\n".join(lines) + "\n"


def _facts(found: Survey) -> Iterator[tuple[str, str]]:
    recorder = found.source.recorder
    yield "Folder", found.source.folder
    yield "Recorder", f"{found.title}" + (f'  (recorder = "{recorder}")' if recorder else "")
    if found.source.layout:
        yield "Layout", found.source.layout
    if found.zone_from:
        yield "Zone", f"{found.source.zone}: {found.zone_from}"
    elif not found.missing:
        yield "Zone", "none needed: the names carry it, or no times"
    listed = sum(camera.recordings for camera in found.cameras.values())
    yield "Files", f"{found.files}, of which {listed} recordings that are closed"
    if found.open.count:
        yield "Open", _counted(found.open, "still being written")
    if found.damaged.count:
        yield "Damaged", _counted(found.damaged, "cut off or not whole; they are offered as such")
    if found.uncertain:
        yield "Uncertain", f"{found.uncertain} recordings: their times are a guess"
    if found.unreadable:
        yield "Unreadable", f"{len(found.unreadable)}: {found.unreadable[0]}; check the rights"
    if not found.missing:
        yield "Holds", found.holds or "not possible"
        for method, why in found.refusals.items():
            yield "", f"{method}: {why}"


def _counted(count: Count, what: str) -> str:
    return f"{count.count} {what}, such as {count.samples[0]}"


def _cameras(found: Survey, zone: dt.tzinfo) -> list[str]:
    rows: list[tuple[str, ...]] = [
        ("camera", "no.", "name", "recordings", "size", "first", "last until")
    ]
    for name, camera in sorted(found.cameras.items()):
        said = parse(name)
        times = [
            spoken_time(ms, zone) if ms is not None else "-"
            for ms in (camera.first_start_ms, camera.last_end_ms)
        ]
        rows.append(
            (
                cut(shown(name), 24),
                str(said.number) if said.number is not None else "",
                cut(shown(said.name), 20) if said.name != name else "",
                str(camera.recordings),
                spoken_bytes(camera.size_bytes),
                *times,
            )
        )
    return table(rows, frozenset({1, 3, 4}))
