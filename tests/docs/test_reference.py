"""The committed reference pages are what the code says today."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMITTED = ROOT / "docs" / "reference"
PAGES = (
    "agent-cli.md",
    "agent-settings.md",
    "central-settings.md",
    "cli.md",
    "errors.md",
    "faults.md",
    "openapi.json",
)
MEASURED = {"agent-footprint.md"}
"""Written by hand, from figures."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reference")
    subprocess.run([ROOT / "scripts" / "docs", folder], check=True, timeout=60)
    return folder


@pytest.mark.parametrize("page", PAGES)
def test_committed_page_is_current(made: Path, page: str) -> None:
    assert (COMMITTED / page).read_text() == (made / page).read_text(), "run scripts/docs"


def test_no_page_is_left_over(made: Path) -> None:
    there = {path.name for path in COMMITTED.iterdir()}
    assert there - MEASURED == set(PAGES) == {path.name for path in made.iterdir()}
