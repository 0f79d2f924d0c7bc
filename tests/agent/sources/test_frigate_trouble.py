import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from agent.sources.frigate_kit import START_S, Frigate, only, told

from layover_agent.sources.readonly import Unreadable

pytestmark = pytest.mark.usefixtures("impatient")

NAME = "2026-11-21/11/front/00.00.mp4"


@pytest.mark.parametrize(
    ("start", "end"),
    [
        pytest.param("never", START_S + 10, id="text"),
        pytest.param(b"\xff\x00", START_S + 10, id="bytes"),
        pytest.param(float("inf"), float("inf"), id="infinity"),
        pytest.param(-5, 5, id="before the epoch"),
        pytest.param(2**62, 2**62 + 10, id="beyond time"),
        pytest.param(START_S + 10, START_S, id="backwards"),
        pytest.param(START_S, START_S + 10**6, id="a recording of eleven days"),
        pytest.param("9" * 2_000_000, START_S, id="two megabytes of digits"),
    ],
)
def test_a_row_of_nonsense_counts_for_nothing(frigate: Frigate, start: object, end: object) -> None:
    frigate.file()
    frigate.row(start=start, end=end)
    source = frigate.source()
    entry = only(source)
    assert told(source, entry) == (START_S * 1000, True, None)
    assert source.closed(entry) is None


def test_a_row_that_contradicts_the_name_makes_it_unsure(frigate: Frigate) -> None:
    frigate.file()
    frigate.row(start=START_S + 3600, end=START_S + 3610)
    source = frigate.source()
    assert told(source, only(source)) == (START_S * 1000, False, None)


def test_nulls_where_an_altered_schema_lets_them_in(frigate: Frigate) -> None:
    frigate.run("DROP TABLE recordings", "CREATE TABLE recordings (path, start_time, end_time, id)")
    frigate.file()
    frigate.run(
        f"INSERT INTO recordings VALUES ('/media/frigate/recordings/{NAME}', NULL, NULL, NULL)"
    )
    source = frigate.source()
    assert told(source, only(source)) == (START_S * 1000, True, None)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(
            "ALTER TABLE recordings RENAME COLUMN end_time TO until", "has no end_time", id="column"
        ),
        pytest.param("DROP TABLE recordings", "has no recordings", id="table"),
    ],
)
def test_a_schema_that_drifted_is_said_and_the_names_still_count(
    frigate: Frigate, change: str, says: str
) -> None:
    frigate.file()
    frigate.run(change)
    source = frigate.source()
    entry = only(source)
    assert told(source, entry) == (START_S * 1000, True, None)
    assert says in source.fault
    assert "not Frigate's, or of a version that is not known" in source.fault


def test_a_missing_database_hides_no_recording(frigate: Frigate) -> None:
    frigate.file()
    frigate.database.unlink()
    source = frigate.source()
    entry = only(source)
    assert told(source, entry) == (START_S * 1000, True, None)
    assert source.closed(entry) is None
    assert "No such file" in source.fault
    assert "check `database`" in source.fault


def test_no_database_at_all_is_said(frigate: Frigate) -> None:
    frigate.file()
    source = frigate.source(database="")
    assert told(source, only(source)) == (START_S * 1000, True, None)
    assert "set `database`" in source.fault
    with pytest.raises(Unreadable, match="set `database`"):
        source.differences()


def test_a_fault_ends_with_its_cause(frigate: Frigate) -> None:
    frigate.file()
    frigate.row()
    source = frigate.source()
    entry = only(source)
    moved = frigate.database.rename(frigate.database.with_name("away.db"))
    assert source.closed(entry) is None
    assert source.fault
    moved.rename(frigate.database)
    assert source.closed(entry) is True
    assert source.fault == ""


def test_a_database_replaced_in_the_middle_of_a_look(frigate: Frigate, tmp_path: Path) -> None:
    for second in range(4):
        frigate.file(f"2026-11-21/11/front/00.0{second}.mp4")
        frigate.row(f"2026-11-21/11/front/00.0{second}.mp4", START_S + second, START_S + second + 1)
    source = frigate.source()
    said = []
    for at, entry in enumerate(source.entries([])):
        if at == 2:
            other = Frigate.made(tmp_path / "restored")
            other.database.replace(frigate.database)
        said.append(source.closed(entry))
    assert said == [True, True, None, None]
    assert source.fault == ""


def test_rows_without_files_and_files_without_rows_are_told_apart(frigate: Frigate) -> None:
    for minute in range(30):
        both = f"2026-11-21/11/front/{minute:02}.00.mp4"
        frigate.file(both)
        frigate.row(both)
    frigate.file("2026-11-21/11/front/40.00.mp4")
    frigate.row("2026-11-21/11/front/50.00.mp4")
    frigate.row("2026-11-21/11/front/51.00.mp4")
    for hostile in (
        "/etc/passwd",
        "/media/frigate/recordings/../../../etc/passwd",
        "/media/frigate/recordings/",
        "/media/frigate/recordings/a/../../../etc/shadow",
        b"\xff\xfe",
    ):
        frigate.row(hostile)
    found = frigate.source().differences()
    assert (found.rows, found.files) == (37, 31)
    assert (found.rows_without_file, found.files_without_row, found.rows_elsewhere) == (2, 1, 5)
    assert len(found.samples) == 5


def test_differences_are_read_a_page_at_a_time(
    frigate: Frigate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("layover_agent.sources.frigate._PAGE_ROWS", 7)
    for minute in range(50):
        frigate.row(f"2026-11-21/11/front/{minute:02}.00.mp4")
    assert frigate.source().differences().rows_without_file == 50


def test_a_locked_database_only_costs_what_it_would_have_said(frigate: Frigate) -> None:
    frigate.file()
    frigate.row()
    frigate.run("PRAGMA journal_mode = delete")
    source = frigate.source()
    with closing(sqlite3.connect(frigate.database, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        assert told(source, only(source)) == (START_S * 1000, True, None)
        assert "locked by its recorder" in source.fault
