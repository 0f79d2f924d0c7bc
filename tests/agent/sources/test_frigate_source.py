import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from agent.sources.frigate_kit import START_S, VERSIONS, Frigate, live

from layover_agent.core.paths import UnsafePath
from layover_agent.sources import readonly
from layover_agent.sources.frigate import FrigateSource
from layover_agent.sources.readonly import Unreadable
from layover_agent.sources.source import Entry

NAME = "2026-11-21/11/front/00.00.mp4"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(readonly, "BUSY_S", 0.01)
    monkeypatch.setattr(readonly, "RETRY_S", 0.0)
    yield


@pytest.fixture
def frigate(tmp_path: Path) -> Frigate:
    return Frigate.made(tmp_path)


def only(source: FrigateSource) -> Entry:
    (entry,) = source.entries([])
    return entry


def told(source: FrigateSource, entry: Entry) -> tuple[int | None, bool, int | None]:
    named = source.named(entry)
    assert named is not None
    return named.start_ms, named.sure, named.duration_ms


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_s_database_says_when_a_recording_was(tmp_path: Path, version: str) -> None:
    frigate = Frigate.made(tmp_path, version)
    frigate.file()
    frigate.row()
    source = frigate.source()
    entry = only(source)
    assert told(source, entry) == (START_S * 1000, True, 10_250)
    assert source.closed(entry) is True
    named = source.named(entry)
    assert named is not None
    examined = source.examine(entry, named)
    assert (examined.start_ms, examined.start_source) == (START_S * 1000, "database")
    assert source.fault == ""


def test_a_file_that_frigate_does_not_list_yet_says_nothing_of_being_closed(
    frigate: Frigate,
) -> None:
    frigate.file()
    source = frigate.source()
    entry = only(source)
    assert source.closed(entry) is None
    assert told(source, entry) == (START_S * 1000, True, None)
    with live(frigate) as process:
        process.row(NAME)
        assert source.closed(entry) is True


def test_its_id_is_the_same_before_and_after_it_is_in_the_database(frigate: Frigate) -> None:
    frigate.file()
    source = frigate.source()
    entry = only(source)
    before, named = source.named(entry), None
    assert before is not None
    first = source.examine(entry, before).id
    frigate.row(start=START_S + 0.4)
    named = source.named(entry)
    assert named is not None
    assert named.start_ms == START_S * 1000 + 400
    assert source.examine(entry, named).id == first


def test_the_folder_of_recordings_itself_may_be_the_source(frigate: Frigate) -> None:
    frigate.file()
    frigate.row()
    source = frigate.source(folder=str(frigate.media / "recordings"))
    entry = only(source)
    assert entry.path == NAME
    assert source.closed(entry) is True


def test_clips_exports_and_strangers_are_no_recordings(frigate: Frigate) -> None:
    frigate.file()
    frigate.file("2026-11-21/11/front/00.10.mp4.tmp")
    frigate.file("2026-11-21/notes.txt")
    for stranger in ("clips/front.mp4", "exports/2026.mp4"):
        file = frigate.media / stranger
        file.parent.mkdir(parents=True)
        file.write_bytes(b"video")
    source = frigate.source()
    assert [e.path for e in source.entries([]) if source.named(e)] == [f"recordings/{NAME}"]


def test_a_camera_that_is_not_shared_is_not_named(frigate: Frigate) -> None:
    frigate.file()
    frigate.file("2026-11-21/11/rear/00.00.mp4")
    source = frigate.source(cameras=("rear",))
    named = [one.camera for e in source.entries([]) if (one := source.named(e))]
    assert named == ["rear"]


def test_an_old_layout_has_its_time_from_the_database_alone(tmp_path: Path) -> None:
    frigate = Frigate.made(tmp_path, "0.9")
    path = "2026-11/21/06/front/00.00.mp4"
    frigate.file(path)
    source = frigate.source()
    entry = only(source)
    assert told(source, entry) == (None, True, None)
    frigate.row(path)
    assert told(source, entry) == (START_S * 1000, True, 10_250)


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


def test_frigate_s_files_stay_as_they_are(frigate: Frigate) -> None:
    frigate.file()
    frigate.row()
    source = frigate.source()
    with live(frigate) as process:
        before = frigate.beside()
        assert source.closed(only(source)) is True
        assert frigate.beside() == before
        process.kill()
        assert source.closed(only(source)) is True
        assert frigate.beside() == before


RETAINED = [
    pytest.param("0.12", {}, True, id="overlapping"),
    pytest.param("0.13", {"end": None}, True, id="still going on"),
    pytest.param("0.13", {"retain": 0}, False, id="not marked"),
    pytest.param("0.13", {"clip": 0}, False, id="without its clip"),
    pytest.param("0.13", {"camera": "rear"}, False, id="of another camera"),
    pytest.param("0.13", {"start": START_S + 11, "end": START_S + 20}, False, id="after it"),
    pytest.param("0.13", {"start": START_S - 20, "end": START_S - 1}, False, id="before it"),
    pytest.param("0.14", {}, False, id="no longer spared since 0.14"),
]


@pytest.mark.parametrize(("version", "event", "locked"), RETAINED)
def test_what_a_person_marked_to_keep_is_locked_where_frigate_spares_it(
    tmp_path: Path, version: str, event: dict[str, object], locked: bool
) -> None:
    frigate = Frigate.made(tmp_path, version)
    frigate.file()
    frigate.row()
    frigate.event(**{"start": START_S - 5, "end": START_S + 5, **event})  # type: ignore[arg-type]
    source = frigate.source()
    named = source.named(only(source))
    assert named is not None
    assert named.locked is locked
    assert source.fault == ""


def test_before_events_could_be_kept_nothing_is_locked(tmp_path: Path) -> None:
    frigate = Frigate.made(tmp_path, "0.9")
    frigate.file()
    frigate.row()
    source = frigate.source()
    named = source.named(only(source))
    assert named is not None
    assert (named.locked, source.fault) == (False, "")


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


def test_links_devices_and_ways_out_are_never_opened(frigate: Frigate, tmp_path: Path) -> None:
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(b"secret")
    folder = frigate.media / "recordings/2026-11-21/11/front"
    folder.mkdir(parents=True)
    (folder / "00.00.mp4").symlink_to(secret)
    os.mkfifo(folder / "00.10.mp4")
    source = frigate.source()
    assert list(source.entries([])) == []
    for path in (f"recordings/{NAME}", "recordings/2026-11-21/11/front/00.10.mp4"):
        assert source.entry(path) is None
        with pytest.raises(OSError):
            source.open(path)
    with pytest.raises(UnsafePath):
        source.open("recordings/../../secret.mp4")


def test_a_folder_that_is_gone_is_an_error_and_no_empty_look(frigate: Frigate) -> None:
    source = frigate.source(folder=str(frigate.media / "elsewhere"))
    with pytest.raises(FileNotFoundError):
        list(source.entries([]))


def test_a_locked_database_only_costs_what_it_would_have_said(frigate: Frigate) -> None:
    frigate.file()
    frigate.row()
    frigate.run("PRAGMA journal_mode = delete")
    source = frigate.source()
    with closing(sqlite3.connect(frigate.database, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        assert told(source, only(source)) == (START_S * 1000, True, None)
        assert "locked by its recorder" in source.fault
