import dataclasses
import re

import pytest
from agent.core.test_diagnosis import CAMERA, HEALTHY, NOW_MS

from layover_agent.metrics import exposition
from layover_agent.wire.types import Camera, Contact, Fault, Queue, Status

_VALUE = r'"(?:[^"\\\n]|\\["\\n])*"'
_LABEL = rf"[a-zA-Z_][a-zA-Z0-9_]*={_VALUE}"
_SAMPLE = re.compile(
    rf"([a-zA-Z_:][a-zA-Z0-9_:]*)(\{{{_LABEL}(?:,{_LABEL})*\}})? "
    r"(-?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?)"
)


def parsed(text: str) -> dict[str, dict[str, float]]:
    """By family: values by labels. Fails where the text breaks the format's grammar."""
    assert text.endswith("\n")
    families: dict[str, dict[str, float]] = {}
    lines = text.removesuffix("\n").split("\n")
    while lines:
        help_line, type_line = lines.pop(0), lines.pop(0)
        name = help_line.split()[2]
        assert help_line.startswith(f"# HELP {name} ")
        assert type_line == f"# TYPE {name} gauge"
        assert name not in families, "a family must stand together"
        samples = families.setdefault(name, {})
        while lines and not lines[0].startswith("#"):
            found = _SAMPLE.fullmatch(lines[0])
            assert found, lines[0]
            assert found[1] == name
            assert (found[2] or "") not in samples, "twice the same"
            samples[found[2] or ""] = float(found[3])
            lines.pop(0)
        assert samples, f"{name} has no samples"
    return families


def test_a_healthy_box() -> None:
    told = parsed(exposition(HEALTHY))
    assert told["layover_clock_seconds"] == {"": NOW_MS / 1000}
    assert told["layover_disk_free_bytes"] == {'{source="nvr",device="sda1"}': 50e9}
    assert told["layover_camera_late"] == {'{source="nvr",camera="front"}': 0}
    assert told["layover_faults"] == {
        '{severity="critical"}': 0, '{severity="warning"}': 0, '{severity="notice"}': 0,
    }  # fmt: skip


def test_what_is_not_known_is_not_told() -> None:
    told = parsed(exposition(dataclasses.replace(HEALTHY, temperature_c=None, own=None)))
    assert "layover_temperature_celsius" not in told
    assert "layover_clock_offset_seconds" not in told
    assert "layover_resident_memory_bytes" not in told


def test_faults_and_queue() -> None:
    fault = Fault(code="hot", severity="warning", since_ms=NOW_MS, text="t", remedy="r")
    queue = Queue(requests=1, transfers=7, size_bytes=5, as_of_ms=NOW_MS)
    status = dataclasses.replace(
        HEALTHY, faults=[fault], contact=Contact(as_of_ms=NOW_MS, queue=queue)
    )
    told = parsed(exposition(status))
    assert told["layover_faults"]['{severity="warning"}'] == 1
    assert told["layover_queue_transfers"] == {"": 7}


@pytest.mark.parametrize(
    "name",
    [
        'a"b',
        "a\\b",
        "a\nb",
        "a\\",
        '\\"',
        "",
        "\udcff\udc80",
        "日本",
        "a\rb\x00\x1b[2J",
        "}",
        "x" * 5000,
    ],
)
def test_no_name_breaks_the_format(name: str) -> None:
    camera: Camera = dataclasses.replace(CAMERA, name=name)
    status: Status = dataclasses.replace(HEALTHY, cameras=[camera])
    text = exposition(status)
    assert len(parsed(text)["layover_recordings"]) == 1
    text.encode()
