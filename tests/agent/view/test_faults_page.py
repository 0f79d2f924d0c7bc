from pathlib import Path

from layover_agent.view.faults import reference

PAGE = Path(__file__).parents[3] / "docs/reference/faults.md"


def test_the_page_of_faults_is_what_the_code_declares() -> None:
    assert PAGE.read_text() == reference(), "write it anew: scripts/docs"


def test_every_row_has_its_columns() -> None:
    rows = [line for line in reference().splitlines() if line.startswith("| `")]
    assert rows
    for row in rows:
        assert row.replace("\\|", "").count("|") == 6
