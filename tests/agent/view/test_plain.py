import pytest
from hypothesis import given
from hypothesis import strategies as st

from layover_agent.view.plain import cells, cut, shown, table, wrapped


@pytest.mark.parametrize(
    ("text", "said"),
    [("10 - Hallway", "10 - Hallway"), ("a\nb", "a\\nb"), ("\x1b[31m", "\\x1b[31m"),
     ("日本", "日本"), ("\udcff", "\\udcff"), ("a\u202eb", "a\\u202eb"), ("\x00", "\\x00")],
)  # fmt: skip
def test_shown(text: str, said: str) -> None:
    assert shown(text) == said


@given(st.text(st.characters()))
def test_whatever_is_shown_stays_on_its_line(text: str) -> None:
    assert shown(text).isprintable()
    assert all(line.isprintable() for line in wrapped(text, "  ", 20))
    shown(text).encode()


@pytest.mark.parametrize(
    ("text", "columns", "said"),
    [("front", 5, "front"), ("front", 4, "fro…"), ("日本語", 6, "日本語"), ("日本語", 5, "日本…"),
     ("", 0, "")],
)  # fmt: skip
def test_cut(text: str, columns: int, said: str) -> None:
    assert cut(text, columns) == said


@given(st.text(st.characters(categories=["L", "N", "P", "M"])), st.integers(1, 30))
def test_what_is_cut_fits(text: str, columns: int) -> None:
    assert cells(cut(text, columns)) <= columns


def test_columns_are_aligned() -> None:
    assert table([["日本", "1"], ["a", "22"]], frozenset({1})) == ["日本   1", "a     22"]
    assert table([]) == []
