"""Plain text in columns: nothing that a name holds can move the cursor or break a line."""

import textwrap
import unicodedata
from collections.abc import Sequence

WIDTH = 80


def shown(text: str) -> str:
    """A name or message as one printable line; what cannot be printed is spelt out."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def cells(text: str) -> int:
    """How many columns a text takes: East Asian letters two, combining marks none."""
    return sum(
        0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )


def cut(text: str, columns: int) -> str:
    """A text that takes no more than so many columns; ``…`` tells that it was longer."""
    if cells(text) <= columns:
        return text
    kept = ""
    for char in text:
        if cells(kept + char) >= columns:
            break
        kept += char
    return f"{kept}…"


def wrapped(text: str, indent: str, width: int = WIDTH, first: str | None = None) -> list[str]:
    """A text in lines of a paragraph."""
    return textwrap.wrap(
        shown(text), width, initial_indent=indent if first is None else first,
        subsequent_indent=indent,
    )  # fmt: skip


def table(rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset()) -> list[str]:
    """Rows in aligned columns, two spaces apart; columns in ``right`` end flush."""
    count = max((len(row) for row in rows), default=0)
    widths = [max((cells(row[at]) for row in rows if at < len(row)), default=0)
              for at in range(count)]  # fmt: skip
    lines = []
    for row in rows:
        parts = []
        for at, text in enumerate(row):
            pad = " " * (widths[at] - cells(text))
            parts.append(pad + text if at in right else text + pad)
        lines.append("  ".join(parts).rstrip())
    return lines
