"""Fixtures of the journeys: one real video for all of them."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from e2e import kit


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return kit.sample(tmp_path_factory.mktemp("video"))
