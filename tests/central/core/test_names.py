"""File names in the archive: whatever a site sends, a path stays one path in its place."""

import re
import unicodedata
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from layover_central.core.names import MAX_BYTES, archive_path, safe_name

ANY_TEXT = st.text(alphabet=st.characters(), max_size=150)
"""Lone surrogates among them: a name may come from bytes that were no UTF-8."""
NASTY = st.text(alphabet="./\\:~ aA\0\u202e\u0301\u0390ſ", max_size=12)
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]) *(\.|$)", re.IGNORECASE)

SAFE = [
    "bus-217",
    "bus 217_a.b",
    "fähre süd",
    "公交车",
    "a.b",
    "x" * MAX_BYTES,
    "console",
    "com10",
    "\u0390",
]


@pytest.mark.parametrize("name", SAFE)
def test_a_safe_name_stays_as_it_is(name: str) -> None:
    assert safe_name(name) == name


UNSAFE = [
    ("nothing", ""),
    ("here", "."),
    ("above", ".."),
    ("a path", "../../etc/passwd"),
    ("an absolute path", "/etc/passwd"),
    ("a Windows path", "c:\\windows"),
    ("a stream", "a:b"),
    ("a wildcard", "a*?"),
    ("NUL", "a\0b"),
    ("a line break", "a\nb"),
    ("right to left override", "a\u202egpj.exe"),
    ("hidden", ".incoming"),
    ("a trailing dot", "a."),
    ("a trailing space", "a "),
    ("a capital", "Bus-217"),
    ("a device", "con"),
    ("a device with an ending", "nul.txt"),
    ("a device with a space before its ending", "nul .txt"),
    ("a device of a raised digit", "com¹"),
    ("101 bytes", "x" * 101),
    ("characters of four bytes", "🚌" * 40),
    ("the result of another", "bus-217~12345678"),
    ("a lone surrogate", "a\ud800"),
    ("not in normal form", "fa\u0308hre"),
    ("normal form comes together again", "e\u200d\u0301"),
]


def check(name: str) -> None:
    """One component on every file system we know of."""
    assert name not in ("", ".", "..")
    assert len(name.encode()) <= MAX_BYTES
    assert not set(name) & set('/\\:*?"<>|')
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in name)
    assert name == name.strip(" .")
    assert unicodedata.is_normalized("NFC", name)
    assert RESERVED.match(name) is None
    assert PurePosixPath(name).parts == (name,)
    assert PureWindowsPath(name).parts == (name,)


@pytest.mark.parametrize("text", [r[1] for r in UNSAFE], ids=[r[0] for r in UNSAFE])
def test_an_unsafe_name_is_made_safe_and_marked(text: str) -> None:
    name = safe_name(text)
    check(name)
    assert re.search(r"~[0-9a-f]{8}$", name)


@given(st.one_of(ANY_TEXT, NASTY))
@example("\u0345")
def test_any_text_becomes_one_component(text: str) -> None:
    check(safe_name(text))


@given(st.one_of(ANY_TEXT, NASTY))
def test_a_name_that_was_kept_is_kept_again(text: str) -> None:
    name = safe_name(text)
    assert ("~" in name) == (name != text)
    if name == text:
        assert safe_name(name) == name


@given(st.one_of(ANY_TEXT, NASTY), st.one_of(ANY_TEXT, NASTY))
@example("Front", "front")
@example("a/b", "ab")
@example("a\u0308", "\u00e4")
@example("straße", "strasse")
@example("x" * 150, "x" * 151)
def test_different_texts_never_meet_even_on_fat(one: str, other: str) -> None:
    if one != other:
        assert safe_name(one).casefold() != safe_name(other).casefold()


ID = "0123456789abcdef0123456789abcdef"
START = 1_795_258_800_125


def test_where_a_recording_lies() -> None:
    assert archive_path("bus-217", "front", START, START + 60_000, ID, "mp4") == (
        "bus-217",
        "front",
        "2026-11-21",
        "110000.125Z--110100.125Z-01234567.mp4",
    )


@pytest.mark.parametrize("container", ["mp4", "ts", "mkv"])
def test_a_container_that_is_known(container: str) -> None:
    assert archive_path("a", "b", 0, 1, ID, container)[-1].endswith(f".{container}")


@pytest.mark.parametrize("container", ["", "exe", "MP4/../../x", "mp4\0", "../mp4", "🚌"])
def test_a_container_that_nobody_knows(container: str) -> None:
    assert archive_path("a", "b", 0, 1, ID, container)[-1].endswith("-01234567.bin")


def test_two_recordings_of_the_same_time_lie_apart() -> None:
    other = ID[::-1]
    assert archive_path("a", "b", 0, 1, ID, "mp4") != archive_path("a", "b", 0, 1, other, "mp4")


HOSTILE_IDS = [
    ("a path upwards", "/../../x"),
    ("a folder of its own", "ab/cdefgh"),
    ("a stream", "ab:cdefgh"),
    ("NUL", "ab\0cdefgh"),
    ("nothing", ""),
    ("right to left override", "\u202eabcdefgh"),
]


@pytest.mark.parametrize(
    "recording_id", [r[1] for r in HOSTILE_IDS], ids=[r[0] for r in HOSTILE_IDS]
)
def test_a_hostile_id_stays_in_its_folder(recording_id: str) -> None:
    *_, name = archive_path("a", "b", 0, 1, recording_id, "mp4")
    assert re.fullmatch(r"000000\.000Z--000000\.001Z-[0-9a-z]{8}\.mp4", name)


ANY_TIME = st.one_of(st.integers(-(2**63), 2**63), st.integers(-62_135_596_800_000, 0))


@given(ANY_TEXT, ANY_TEXT, ANY_TIME, ANY_TIME, st.one_of(ANY_TEXT, st.just(ID)), ANY_TEXT)
@example("a", "b", -62_135_596_800_000, 0, ID, "mp4")
def test_whatever_a_site_claims_is_four_components(
    site: str, camera: str, start_ms: int, end_ms: int, recording_id: str, container: str
) -> None:
    path = archive_path(site, camera, start_ms, end_ms, recording_id, container)
    assert PurePosixPath(*path).parts == path
    for name in path:
        check(name)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", path[2])
