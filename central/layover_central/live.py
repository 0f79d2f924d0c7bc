"""What is happening at this moment: kept in memory, gone with the process, never the truth of
record. Everything a page may see of it is a frozen type."""

from dataclasses import dataclass, field

from layover_central.core.presence import State
from layover_central.core.warnings import Outlook


@dataclass(frozen=True, slots=True)
class SiteLive:
    """A site now."""

    state: State
    since_ms: int
    address: str = ""
    depot: str = ""
    link_bps: int | None = None
    """Measured payload rate of its link in this contact; None: not known yet."""


@dataclass(frozen=True, slots=True)
class TransferLive:
    """A transfer now: moving at a rate, or waiting and why."""

    rate_bps: int = 0
    have_bytes: int = 0
    waits: str = ""


@dataclass(frozen=True, slots=True)
class FaultLive:
    """Something wrong at central itself."""

    code: str
    since_ms: int
    text: str
    remedy: str


@dataclass(slots=True)
class Live:
    """The board: written by the contacts and the puller, read by everyone."""

    sites: dict[int, SiteLive] = field(default_factory=dict)
    transfers: dict[int, TransferLive] = field(default_factory=dict)
    fetching: set[int] = field(default_factory=set)
    """Transfers with a span under way."""
    outlooks: dict[tuple[int, int], Outlook] = field(default_factory=dict)
    """By request and site."""
    faults: dict[str, FaultLive] = field(default_factory=dict)
