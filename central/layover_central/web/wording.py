"""Values as the API says them: times as RFC 3339, texts of strangers made harmless."""

import unicodedata
from typing import overload

from layover_central.core.moments import rfc3339

MAX_WORDS = 400
_LAST_MS = 253_402_300_799_000
"""The end of the year 9999: a site may claim any number."""


@overload
def moment(at_ms: int) -> str: ...
@overload
def moment(at_ms: None) -> None: ...
def moment(at_ms: int | None) -> str | None:
    return None if at_ms is None else rfc3339(at_ms)


@overload
def site_moment(at_ms: int, offset_ms: int | None) -> str: ...
@overload
def site_moment(at_ms: None, offset_ms: int | None) -> None: ...
def site_moment(at_ms: int | None, offset_ms: int | None) -> str | None:
    """A time by a site's clock, in true time as far as its offset is known."""
    return None if at_ms is None else rfc3339(min(max(at_ms + (offset_ms or 0), 0), _LAST_MS))


def plain_words(text: str) -> str:
    """A sentence from a site: one line, no control or direction characters, not endless."""
    harmless = (
        " " if c in "\n\t" else "\N{REPLACEMENT CHARACTER}" if _harmful(c) else c
        for c in text[:MAX_WORDS]
    )
    return "".join(harmless)


def _harmful(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
