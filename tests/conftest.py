"""What runs real processes and sockets by the dozen is slow as a whole: `scripts/test --quick`
leaves it out, CI does not."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
SLOW = (
    "agent/cli",
    "agent/core/containers/test_real_files.py",
    "agent/core/test_retention.py",
    "agent/holds",
    "agent/package",
    "agent/test_app.py",
    "agent/test_camera_test.py",
    "agent/test_real_clients.py",
    "agent/test_scan_story.py",
    "central/cli",
    "docs/test_reference.py",
    "e2e",
    "faults",
    "fuzz",
    "sim/test_fleet.py",
    "sim/test_link.py",
    "sim/test_recorder.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        place = item.path.relative_to(HERE).as_posix()
        on_postgresql = "central/store/" in place and "postgres" in item.nodeid.rpartition("[")[2]
        if on_postgresql or place.startswith(SLOW):
            item.add_marker(pytest.mark.slow)
