"""Labels: what is refused and why, how they are compared, and how a stranger's text is shown."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layover_central.core.labels import (
    MAX_LABEL,
    MAX_SHOWN,
    BadLabel,
    check_label,
    display_name,
    fold,
    nearest,
)

FINE = [
    ("plain", "bus-217"),
    ("everything allowed", "Bus 217_a.b"),
    ("one character", "7"),
    ("as long as may be", "x" * MAX_LABEL),
    ("umlauts", "Fähre Süd"),
    ("Greek", "λεωφορείο 7"),
    ("Chinese", "公交车"),
    ("Hindi, with vowel signs", "हिन्दी बस"),
    ("Thai, with tone marks", "รถเมล์"),
    ("Arabic", "حافلة ٢١٧"),
]


@pytest.mark.parametrize("label", [r[1] for r in FINE], ids=[r[0] for r in FINE])
def test_a_label_that_is_fine(label: str) -> None:
    assert check_label(label) == label


def test_a_label_is_kept_in_its_normal_form() -> None:
    assert check_label("Fa\u0308hre") == "F\u00e4hre"


REFUSED = [
    ("nothing", "", "1 to 64"),
    ("65 characters", "x" * 65, "65"),
    ("300 characters", "x" * 300, "300"),
    ("NUL", "a\0b", "U+0000"),
    ("a line break", "a\nb", "U+000A"),
    ("an escape", "a\x1b[31m", "U+001B"),
    ("delete", "a\x7f", "U+007F"),
    ("right to left override", "a\u202eb", "U+202E"),
    ("an isolate", "a\u2066b", "U+2066"),
    ("a zero-width space", "a\u200bb", "U+200B"),
    ("a soft hyphen", "a\u00adb", "U+00AD"),
    ("a byte order mark", "\ufeffa", "U+FEFF"),
    ("a line separator", "a\u2028b", "U+2028"),
    ("a lone surrogate", "a\ud800", "U+D800"),
    ("private use", "a\ue000", "U+E000"),
    ("a Hangul filler", "a\u3164b", "U+3164"),
    ("a half-width filler", "a\uffa0b", "U+FFA0"),
    ("a variation selector", "a\ufe0fb", "U+FE0F"),
    ("a slash", "a/b", "U+002F"),
    ("a backslash", "a\\b", "U+005C"),
    ("a no-break space", "a\u00a0b", "U+00A0"),
    ("an emoji", "bus 🚌", "U+1F68C"),
    ("markup", "<b>", "U+003C"),
    ("a leading space", " a", "U+0020"),
    ("a trailing space", "a ", "U+0020"),
    ("a leading dot", ".a", "U+002E"),
    ("a trailing dot", "a.", "U+002E"),
    ("two dots", "a..b", "U+002E"),
    ("the folder above", "..", "U+002E"),
    ("a mark with nothing below", "\u0301a", "U+0301"),
]


@pytest.mark.parametrize(("label", "said"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_a_label_that_is_refused_says_why(label: str, said: str) -> None:
    with pytest.raises(BadLabel) as refusal:
        check_label(label)
    assert said in str(refusal.value)
    assert str(refusal.value).isprintable()


@given(st.text(max_size=80))
def test_a_checked_label_stays_as_it_is(text: str) -> None:
    try:
        label = check_label(text)
    except BadLabel as refusal:
        assert str(refusal).isprintable()
        return
    assert check_label(label) == label
    assert display_name(label) == label
    assert unicodedata.is_normalized("NFC", label)


SAME = [
    ("case", "BUS-217", "bus-217"),
    ("two spellings of one character", "Fa\u0308hre", "f\u00e4hre"),
    ("sharp s", "STRASSE", "straße"),
    ("final sigma", "ΟΔΟΣ", "οδος"),
]


@pytest.mark.parametrize(("one", "other"), [r[1:] for r in SAME], ids=[r[0] for r in SAME])
def test_labels_that_are_the_same(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30))
def test_spelling_does_not_matter(text: str) -> None:
    forms = {fold(unicodedata.normalize(form, text)) for form in ("NFC", "NFD")}
    assert forms == {fold(text)}


def test_the_nearest_come_best_first() -> None:
    known = ["bus-217", "bus-218", "ferry", "bus-271"]
    assert nearest("BUS-217", known)[0] == "bus-217"
    assert len(nearest("bus-21", known, limit=2)) == 2
    assert "ferry" not in nearest("bus-21", known)
    assert nearest("zzz", known) == []
    assert nearest("bus", []) == []


def test_names_that_differ_only_in_case_are_both_near() -> None:
    assert sorted(nearest("front", ["Front", "front"])) == ["Front", "front"]


SHOWN = [
    ("plain", "front", "front"),
    ("an emoji", "front 🚌", "front 🚌"),
    ("NUL", "a\0b", "a\ufffdb"),
    ("an escape", "\x1b[31mred", "\ufffd[31mred"),
    ("right to left override", "a\u202eb", "a\ufffdb"),
    ("a lone surrogate", "a\ud800", "a\ufffd"),
    ("a line break", "a\r\nb", "a\ufffd\ufffdb"),
    ("as long as may be", "x" * MAX_SHOWN, "x" * MAX_SHOWN),
    ("longer", "x" * 5000, "x" * (MAX_SHOWN - 1) + "…"),
    ("nothing", "", ""),
]


@pytest.mark.parametrize(("text", "shown"), [r[1:] for r in SHOWN], ids=[r[0] for r in SHOWN])
def test_how_a_strangers_text_is_shown(text: str, shown: str) -> None:
    assert display_name(text) == shown


@given(st.text(alphabet=st.characters(), max_size=200))
def test_what_is_shown_is_short_and_harmless(text: str) -> None:
    shown = display_name(text)
    assert len(shown) <= MAX_SHOWN
    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert display_name(shown) == shown
