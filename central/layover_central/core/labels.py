"""Names that people and sites give: checked where we may refuse, made harmless where we may not."""

import difflib
import unicodedata
from collections.abc import Iterable

MAX_LABEL = 64
MAX_SHOWN = 80
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories nobody can read: controls, direction marks, surrogates, unassigned."""
_BLANK = {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0} | {
    *range(0x180B, 0x1810),
    *range(0xFE00, 0xFE10),
    *range(0xE0100, 0xE01F0),
}
"""Letters and marks without a shape: labels that differ only in them would look the same."""


class BadLabel(ValueError):
    """A label that is refused, and why."""


def check_label(text: str) -> str:
    """A site's or depot's label in its normal form (NFC). BadLabel says what is wrong."""
    label = unicodedata.normalize("NFC", text)
    if not label or len(label) > MAX_LABEL:
        raise BadLabel(f"a label has 1 to {MAX_LABEL} characters, this one has {len(label)}")
    for character in label:
        if unicodedata.category(character) in _HIDDEN or ord(character) in _BLANK:
            raise BadLabel(f"a label cannot have the invisible character U+{ord(character):04X}")
        if unicodedata.category(character)[0] not in "LMN" and character not in " ._-":
            raise BadLabel(
                f"a label cannot have {character!r} (U+{ord(character):04X}); "
                "letters, digits, space, dot, dash and underscore are fine"
            )
    if unicodedata.category(label[0])[0] == "M":
        raise BadLabel(f"a label cannot begin with the combining mark U+{ord(label[0]):04X}")
    for end in (label[0], label[-1]):
        if end in " .":
            raise BadLabel(f"a label cannot begin or end with {end!r} (U+{ord(end):04X})")
    if ".." in label:
        raise BadLabel("a label cannot have two dots (U+002E) in a row")
    return label


def fold(label: str) -> str:
    """The form in which labels are compared: without case, one spelling per character."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", label).casefold())


def nearest(name: str, known: Iterable[str], limit: int = 3) -> list[str]:
    """The known names most like ``name``, best first; none if nothing is like it."""
    by_folded: dict[str, list[str]] = {}
    for one in known:
        by_folded.setdefault(fold(one), []).append(one)
    found = difflib.get_close_matches(fold(name), by_folded, n=limit, cutoff=0.5)
    return [one for folded in found for one in by_folded[folded]][:limit]


def display_name(text: str) -> str:
    """A site's own text, safe to show: what cannot be read is replaced, what is long is cut."""
    seen = "".join("�" if unicodedata.category(c) in _HIDDEN else c for c in text[: MAX_SHOWN + 1])
    return seen if len(seen) <= MAX_SHOWN else seen[: MAX_SHOWN - 1] + "…"
