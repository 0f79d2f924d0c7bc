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
    """The outlook for a stake. Without an expected arrival the answer is *unknown*."""
    if stake.all_held:
        return Outlook(Chance.SAFE, Level.NONE, "held at the site until it is saved")
    if stake.expiry is None:
        return Outlook(Chance.UNKNOWN, Level.NONE, "when the site overwrites is not known")
    expiry = stake.expiry
    if stake.in_contact:
        safe_ms: int | None = now_ms + stake.needed_ms
    elif stake.expected_ms is not None:
        safe_ms = max(stake.expected_ms, now_ms) + stake.needed_ms
    else:
        safe_ms = None
    if safe_ms is None:
        if now_ms >= expiry.early_ms:
            return Outlook(
                Chance.UNKNOWN,
                Level.WARN,
                "may be overwritten already, and nobody said when the site comes",
                "bring the site into reach now, or take the disk out",
            )
        return Outlook(Chance.UNKNOWN, Level.NONE, "nobody said when the site comes")
    if safe_ms >= expiry.likely_ms:
        return Outlook(
            Chance.UNLIKELY,
            Level.CRITICAL,
            "likely overwritten before the site is expected",
            "bring the site into reach before the early edge, or take the disk out",
        )
    if safe_ms >= expiry.early_ms:
        return Outlook(
            Chance.AT_RISK,
            Level.WARN,
            "may be overwritten before the site is expected",
            "bring the site into reach sooner",
        )
    return Outlook(Chance.SAFE, Level.NONE, "expected before anything is overwritten")
