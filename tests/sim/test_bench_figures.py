"""Figures: their verdicts, their table, their JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layover_sim.bench.figures import Figure, as_json, table


@pytest.mark.parametrize(
    ("figure", "target", "verdict"),
    [
        pytest.param(Figure("a", 1.0, "s"), "", "", id="no target"),
        pytest.param(Figure("a", 1.0, "s", at_most=1), "≤ 1", "met", id="just met"),
        pytest.param(Figure("a", 1.01, "s", at_most=1), "≤ 1", "missed", id="too much"),
        pytest.param(Figure("a", 0.9, "", at_least=0.9), "≥ 0.9", "met", id="enough"),
        pytest.param(Figure("a", 0.89, "", at_least=0.9), "≥ 0.9", "missed", id="too little"),
        pytest.param(Figure("a", None, "", at_least=0.9), "≥ 0.9", "", id="not measured"),
        pytest.param(Figure("a", 0, "", at_most=0), "≤ 0", "met", id="nothing at all"),
    ],
)
def test_a_figure_against_its_target(figure: Figure, target: str, verdict: str) -> None:
    assert (figure.target, figure.verdict) == (target, verdict)


def test_a_table_has_a_row_for_each_and_says_what_is_missing() -> None:
    lines = table([Figure("rss_mb", 61.234, "MB", "peak", at_most=64), Figure("b", None, "s")])
    head, rule, first, second = lines.splitlines()
    assert head.startswith("| figure")
    assert set(rule) == {"|", "-"}
    assert [cell.strip() for cell in first.split("|")][1:-1] == [
        "`rss_mb`", "61.2", "MB", "≤ 64", "met", "peak",
    ]  # fmt: skip
    assert "–" in second


@given(
    st.lists(
        st.builds(
            Figure,
            st.text("abc_", min_size=1),
            st.none() | st.integers(0, 10**9) | st.floats(0, 1e9, allow_nan=False),
            st.just("s"),
        ),
        unique_by=lambda one: one.name,
    )
)
def test_json_is_one_line_with_every_figure(figures: list[Figure]) -> None:
    text = as_json("agent", figures, {"cores": 2})
    assert "\n" not in text
    read = json.loads(text)
    assert (read["bench"], read["about"]) == ("agent", {"cores": 2})
    for one in figures:
        assert read[one.name] == (None if one.value is None else pytest.approx(one.value, abs=1e-4))
