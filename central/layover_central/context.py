"""Central's parts, as they are handed to whoever needs them."""

from dataclasses import dataclass, field

from layover_central.changes import Changes
from layover_central.clock import Clock
from layover_central.config import Settings
from layover_central.due import Due
from layover_central.live import Live
from layover_central.store import Store
from layover_central.trust.authority import Authority


@dataclass(frozen=True, slots=True)
class Central:
    settings: Settings
    clock: Clock
    store: Store
    authority: Authority
    changes: Changes = field(default_factory=Changes)
    live: Live = field(default_factory=Live)
    due: Due = field(default_factory=Due)
    started_ms: int = 0
