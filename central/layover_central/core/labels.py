"""Names that people and sites give: checked where we may refuse, made harmless where we may not."""

import difflib
import unicodedata
from collections.abc import Iterable

MAX_LABEL = 64
MAX_SHOWN = 80
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories nobody can read: controls, direction marks, surrogates, unassigned."""


class BadLabel(ValueError):
    """A label that is refused, and why."""


def check_label(text: str) -> str:
    """A site's or depot's label in its normal form (NFC). BadLabel says what is wrong."""
    label = unicodedata.normalize("NFC", text)
    if not label or len(label) > MAX_LABEL:
        raise BadLabel(f"a label has 1 to {MAX_LABEL} characters, this one has {len(label)}")
    for character in label:
        if unicodedata.category(character) in _HIDDEN:
            raise BadLabel(f"a label cannot have the invisible character U+{ord(character):04X}")
        if not (character.isalnum() or character in " ._-"):
            raise BadLabel(
                f"a label cannot have {character!r} (U+{ord(character):04X}); "
                "letters, digits, space, dot, dash and underscore are fine"
            )
    if label[0] in " ." or label[-1] in " ." or ".." in label:
        raise BadLabel("a label cannot begin or end with a space or dot, or have two dots in a row")
    return label


def fold(label: str) -> str:
    """The form in which labels are compared: without case, one spelling per character."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", label).casefold())


def nearest(name: str, known: Iterable[str], limit: int = 3) -> list[str]:
    """The known names most like ``name``, best first; none if nothing is like it."""
    by_folded = {fold(one): one for one in known}
    found = difflib.get_close_matches(fold(name), list(by_folded), n=limit, cutoff=0.5)
    return [by_folded[one] for one in found]


def display_name(text: str) -> str:
    """A site's own text, safe to show: what cannot be read is replaced, what is long is cut."""
    seen = "".join("�" if unicodedata.category(c) in _HIDDEN else c for c in text[: MAX_SHOWN + 1])
    return seen if len(seen) <= MAX_SHOWN else seen[: MAX_SHOWN - 1] + "…"
