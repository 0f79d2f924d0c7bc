from collections.abc import Iterator
from pathlib import Path

import pytest
from agent.sources.frigate_kit import Frigate

from layover_agent.sources import readonly
from layover_agent.sources.readonly import ReadOnly


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "a recorder's ?folder#"
    folder.mkdir()
    return folder / "recorder.db"


@pytest.fixture
def database(path: Path) -> Iterator[ReadOnly]:
    database = ReadOnly(path)
    yield database
    database.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(readonly, "BUSY_S", 0.01)
    monkeypatch.setattr(readonly, "RETRY_S", 0.0)
    yield


@pytest.fixture
def frigate(tmp_path: Path) -> Frigate:
    return Frigate.made(tmp_path)
