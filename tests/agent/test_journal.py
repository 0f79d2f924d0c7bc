import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from agent.core.test_sweeps import deletion

from layover_agent import journal as module
from layover_agent.core.fill import Fill
from layover_agent.core.lateness import Rhythm
from layover_agent.core.steps import Reading, Step
from layover_agent.journal import FRESH_MS, Habits, Journal, Since
from layover_agent.manifest import opened

T = 1_795_258_800_000


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    async with opened(tmp_path / "m.db") as manifest:
        yield Journal(manifest)
