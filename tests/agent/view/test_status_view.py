import dataclasses
import datetime as dt

from agent.core.test_diagnosis import CAMERA, DISK, HEALTHY, NOW_MS
from hypothesis import given
from hypothesis import strategies as st

from layover_agent.core.diagnosis import Beside, diagnosed
from layover_agent.core.faults import ranked
from layover_agent.view.plain import cells
from layover_agent.view.status import status as view
from layover_agent.wire.types import Camera, Consequence, Contact, Fault, Queue, Status

HOUR_MS = 3_600_000
SICK = dataclasses.replace(
    HEALTHY,
    disks=[dataclasses.replace(DISK, present=False)],
    cameras=[dataclasses.replace(CAMERA, name=f"{n} - Hallway", lateness="late") for n in range(8)],
)


def sick() -> Status:
    return dataclasses.replace(SICK, faults=ranked(diagnosed(SICK, Beside()), {}, NOW_MS))


def test_a_healthy_box_reads() -> None:
    queue = Queue(requests=1, transfers=7, size_bytes=4_100_000_000, as_of_ms=NOW_MS)
    contact = Contact(as_of_ms=NOW_MS - 9 * HOUR_MS, queue=queue)
    text = view(dataclasses.replace(HEALTHY, identity="ab" * 32, fleet="1f2e", contact=contact))
    assert "No faults." in text
    assert "last contact 2026-11-21T02:00:00Z, 9 h ago" in " ".join(text.split())
    assert "1 requests, 7 recordings, 4.1 GB" in " ".join(text.split())
    assert "50 GB free of 1.0 TB" in text
    assert "mediamtx" in text
    assert text.endswith("\n")


def test_the_worst_fault_is_on_top_and_its_consequences_are_folded() -> None:
    lines = view(sick()).splitlines()
    assert lines[3] == "CRITICAL  A disk is gone"
    assert "  and 8 more because of this:" in lines
    assert "     ... and 5 more (--all shows them)" in lines
    assert sum("nothing since" in line for line in lines) == 3
    assert any(line.startswith("  -> ") for line in lines)


def test_everything_is_shown_where_it_is_asked_for() -> None:
    lines = view(sick(), everything=True).splitlines()
    assert sum("nothing since" in line for line in lines) == 8


def test_late_cameras_come_first_in_the_table() -> None:
    cameras = [CAMERA, dataclasses.replace(CAMERA, name="zzz", lateness="late")]
    lines = view(dataclasses.replace(HEALTHY, cameras=cameras)).splitlines()
    assert lines[-2].startswith("zzz     LATE")
    assert lines[-1].startswith("front")


def test_times_are_in_the_zone_that_is_asked_for() -> None:
    text = view(HEALTHY, dt.timezone(dt.timedelta(hours=1)))
    assert "2026-11-21T12:00:00+01:00" in text
    assert "T11:00:00" not in text


def test_a_time_in_the_future_is_not_told_as_since_when() -> None:
    fault = Fault(
        code="hot", severity="warning", since_ms=NOW_MS + HOUR_MS, text="t", remedy="r", uptime_s=90
    )
    text = view(dataclasses.replace(HEALTHY, faults=[fault]))
    assert "since 1 min 30 s of the agent's running" in text


_TEXT = st.text(max_size=300)


@given(_TEXT, _TEXT, _TEXT, st.integers(-(2**62), 2**62))
def test_nothing_that_is_told_breaks_the_page(
    name: str, text: str, path: str, time_ms: int
) -> None:
    camera: Camera = dataclasses.replace(CAMERA, name=name, last_end_ms=time_ms)
    fault = Fault(
        code=name, severity="critical", since_ms=time_ms, text=text, remedy=text, title="",
        consequences=[Consequence(code="c", subject=name, since_ms=time_ms, text=text)],
    )  # fmt: skip
    told = dataclasses.replace(
        HEALTHY, cameras=[camera], faults=[fault], agent_version=name,
        disks=[dataclasses.replace(DISK, mount=path, device=name, health=text)],
        contact=Contact(as_of_ms=time_ms),
    )  # fmt: skip
    page = view(told)
    assert all(line.isprintable() for line in page.splitlines())
    page.encode()


def test_the_page_fits_a_telephone() -> None:
    name = "10 - Hallway, left of the second door on the upper deck 日本語"
    last_ms = NOW_MS - 9 * HOUR_MS - 59 * 60_000
    cameras = [
        dataclasses.replace(CAMERA, name=name, pauses=True, recordings=100_000, last_end_ms=last_ms)
    ]
    told = dataclasses.replace(sick(), cameras=cameras, identity="ab" * 32)
    page = view(told, dt.timezone(dt.timedelta(hours=1)))
    assert max(cells(line) for line in page.splitlines()) <= 80
