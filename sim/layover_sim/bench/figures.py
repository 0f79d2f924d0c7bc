"""What a bench found: named figures, against their targets, as a table and as JSON."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number. ``value`` None: it could not be measured."""

    name: str
    value: float | None
    unit: str
    how: str = ""
    at_most: float | None = None
    at_least: float | None = None

    @property
    def verdict(self) -> str:
        """met or missed; empty where there is no target or no value."""
        if self.value is None or not self.target:
            return ""
        low = self.at_least is None or self.value >= self.at_least
        high = self.at_most is None or self.value <= self.at_most
        return "met" if low and high else "missed"

    @property
    def target(self) -> str:
        if self.at_most is not None:
            return f"≤ {_shown(self.at_most)}"
        return "" if self.at_least is None else f"≥ {_shown(self.at_least)}"


def table(figures: Iterable[Figure]) -> str:
    """A Markdown table, aligned for a terminal too."""
    rows = [("figure", "value", "unit", "target", "", "how")]
    rows += [
        (f"`{one.name}`", _shown(one.value), one.unit, one.target, one.verdict, one.how)
        for one in figures
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    lines = [
        "| " + " | ".join([*map(str.ljust, row[:5], widths), row[5]]).rstrip() + " |"
        for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|---|")
    return "\n".join(lines)


def as_json(bench: str, figures: Iterable[Figure], about: dict[str, Any]) -> str:
    """One object on one line: every figure by its name, and ``about`` the circumstances."""
    values = {one.name: _rounded(one.value) for one in figures}
    return json.dumps({"bench": bench, **values, "about": about})


def _rounded(value: float | None) -> float | None:
    return round(value, 4) if isinstance(value, float) else value


def _shown(value: float | None) -> str:
    if value is None:
        return "–"
    if isinstance(value, int) or value >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}"
