import os
from pathlib import Path

import pytest
from agent.sources.frigate_kit import START_S, VERSIONS, Frigate, live, only, told

from layover_agent.core.paths import UnsafePath

pytestmark = pytest.mark.usefixtures("impatient")

NAME = "2026-11-21/11/front/00.00.mp4"


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
