"""Whether footage will be overwritten before it can be saved, said as early as it is known."""

from dataclasses import dataclass
from enum import StrEnum

from layover_central.core.expiry import Expiry


class Level(StrEnum):
    """How bad it looks."""

    NONE = "none"
    WARN = "warn"
    """Retrieval may come after the early edge of the expiry."""
    CRITICAL = "critical"
    """Retrieval comes after the likely expiry."""


class Chance(StrEnum):
    """What can be said of a request's footage in one word."""

    SAFE = "safe"
    AT_RISK = "at-risk"
    UNLIKELY = "unlikely"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Stake:
    """What one request still needs from one site."""

    expiry: Expiry | None
    """Of the recording that goes first; None: nothing known deletes it."""
    all_held: bool
    """Every recording needed is held at the site."""
    in_contact: bool
    expected_ms: int | None
    """When the site is expected; None: nobody said."""
    needed_ms: int
    """How long hold or retrieval takes once the site is in reach."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """The answer for one request at one site."""

    chance: Chance
    level: Level
    why: str
    remedy: str = ""


def assess(stake: Stake, now_ms: int) -> Outlook:
    """The outlook for a stake. Without an expected arrival the chance is *unknown*.

    The level rests on the earliest moment at which the footage can be safe: not before now plus
    ``needed_ms``, whenever the site comes. So it only rises while nothing changes but the time.
    """
    if stake.all_held:
        return Outlook(Chance.SAFE, Level.NONE, "held at the site until it is saved")
    if stake.expiry is None:
        return Outlook(Chance.UNKNOWN, Level.NONE, "when the site overwrites is not known")
    arrival_ms, doubt = now_ms, ""
    if not stake.in_contact:
        arrival_ms = max(stake.expected_ms or now_ms, now_ms)
        if stake.expected_ms is None:
            doubt = "nobody said when the site comes"
        elif stake.expected_ms < now_ms:
            doubt = "the site is overdue"
    safe_ms = arrival_ms + stake.needed_ms
    if safe_ms < stake.expiry.early_ms:
        if doubt:
            return Outlook(Chance.UNKNOWN, Level.NONE, doubt)
        return Outlook(Chance.SAFE, Level.NONE, "expected before anything is overwritten")
    if safe_ms < stake.expiry.likely_ms:
        chance, level, how = Chance.AT_RISK, Level.WARN, "may be"
    else:
        chance, level, how = Chance.UNLIKELY, Level.CRITICAL, "likely"
    if not stake.in_contact and stake.expected_ms is None:
        chance = Chance.UNKNOWN
    way = "raise the cap or extend the window" if stake.in_contact else "bring the site in sooner"
    return Outlook(
        chance,
        level,
        f"{how} overwritten before it can be saved" + (f", and {doubt}" if doubt else ""),
        f"{way}, or take the disk out",
    )
