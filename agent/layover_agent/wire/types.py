"""The messages of wire version 1. Times are ``*_ms``: milliseconds since 1970-01-01 UTC.

Every message is a frozen dataclass; a field with a default may be missing, a field nobody
knows is ignored, so that older and newer ends understand each other.
"""

from dataclasses import dataclass, field
from enum import StrEnum

CHUNK_BYTES = 1 << 20
"""Grain of chunk digests: what a damaged byte costs to fetch again."""

MAX_PAGE_ROWS = 1000
"""Greatest number of rows in a manifest page."""


class RecordingState(StrEnum):
    """What a manifest row says of its recording."""

    PRESENT = "present"
    GONE = "gone"


class HoldState(StrEnum):
    HELD = "held"
    NOT_POSSIBLE = "not-possible"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One row of the manifest: one closed recording, as it stands since change ``seq``."""

    id: str
    seq: int
    state: RecordingState
    camera: str
    start_ms: int
    end_ms: int
    size_bytes: int
    container: str
    end_source: str
    """Where the end comes from: container, next-recording, mtime."""
    confidence: str
    """sure, derived or guessed: how far start and end can be trusted."""
    damaged: bool = False
    held: bool = False
    boot_id: str = ""
    closed_mono_ms: int = 0
    """Monotonic time of the observed close, in the boot ``boot_id``; 0: found already closed."""
    gone_ms: int = 0
    """When the site first missed the file (its clock); 0 while present."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestPage:
    """Changes after a position, oldest first. Read on with ``after = rows[-1].seq``.

    ``epoch`` names the database that counts ``seq``: another epoch means the count started
    anew, and the reader begins at 0. A row's absence never means that a recording is gone.
    """

    epoch: str
    head_seq: int
    as_of_ms: int
    """When the last scan that these rows rest on began, by the site's clock."""
    rows: list[Recording]


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestHead:
    epoch: str
    seq: int
    scanned_ms: int
    """When the last complete scan began; 0: none yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    wall_ms: int
    mono_ms: int
    boot_id: str
    synced: bool | None = None
    """Whether the kernel says the clock is disciplined; None: cannot be known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    name: str
    source: str
    """Which of the site's sources it belongs to; retention rules are per source."""
    recordings: int
    size_bytes: int
    first_start_ms: int
    last_end_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    source: str
    size_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """One rule by which the recorder deletes, as configured: facts, never a forecast."""

    source: str
    kind: str
    """ring (oldest first above ``max_bytes`` over the source) or age (older than ``max_age_s``)."""
    max_bytes: int = 0
    max_age_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    code: str
    severity: str
    """critical, warning or notice."""
    since_ms: int
    text: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldUsage:
    possible: bool
    method: str
    """link, copy or none."""
    reason: str = ""
    count: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """GET /v1/status: who the site is and how it is, worst fault first."""

    identity: str
    api_versions: list[int]
    agent_version: str
    capabilities: list[str]
    clock: Clock
    manifest: ManifestHead
    cameras: list[Camera]
    disks: list[Disk]
    retention: list[Retention]
    holds: HoldUsage
    faults: list[Fault] = field(default_factory=list)
    link: str = "lan"


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldWish:
    """PUT /v1/holds/{id}: keep this recording for ``lease_s`` seconds of the site's uptime."""

    lease_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    recording_id: str
    state: HoldState
    method: str
    lease_s: int
    """What is left of the lease, in seconds of uptime."""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Digests:
    """What the bytes of one recording are, as the site hashed them."""

    recording_id: str
    identity: str
    size_bytes: int
    sha256: bytes
    chunk_bytes: int
    chunks: list[bytes]
    """SHA-256 of each chunk in order; the last may be shorter. Empty file: no chunks."""
    hashed_ms: int
    boot_id: str
    clock_synced: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedStatement:
    """``payload`` is an encoded Digests; ``signature`` is over it, by the site's key."""

    payload: bytes
    signature: bytes
    algorithm: str = "ecdsa-p256-sha256"
