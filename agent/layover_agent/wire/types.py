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
    PENDING = "pending"
    """It is being copied: ask again, or see ``held`` in the manifest."""
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
    """Where the end comes from: container, name, next-recording, mtime, database."""
    confidence: str
    """sure, derived or guessed: how far start and end can be trusted."""
    start_source: str = "name"
    """Where the start comes from: name, container, mtime, sidecar, database."""
    kind: str = ""
    """What the recorder calls it: event, parking, ...; empty: nothing special."""
    locked: bool = False
    """The recorder itself keeps it out of its ring."""
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
    """One rule by which the recorder deletes, configured or learned: facts, never a forecast.

    A learned rule is told with its evidence; ``lo`` and ``hi`` bound its parameter, which is also
    in ``max_bytes``, ``max_age_s`` or ``min_free_bytes`` in its careful reading (the one that
    deletes earlier), so that a reader who knows nothing of learning reads it safely.
    """

    source: str
    kind: str
    """ring (oldest first above ``max_bytes``), age (older than ``max_age_s``) or floor (oldest
    first below ``min_free_bytes`` or ``min_free_permille`` of free space)."""
    max_bytes: int = 0
    max_age_s: int = 0
    age_from: str = "start"
    """start, end or mtime: what an age counts from."""
    min_free_bytes: int = 0
    min_free_permille: int = 0
    camera: str = ""
    """The camera whose recordings the rule counts; empty: all of the source."""
    exempt_locked: bool | None = None
    """Whether locked recordings outlive the rule; None: not known."""
    exempt_kinds: list[str] = field(default_factory=list)
    learned: bool = False
    lo: int = 0
    hi: int = 0
    """Seconds for an age, bytes otherwise; 0 and 0: as configured."""
    support: int = 0
    """Sweeps of the recorder that the rule explains."""
    contradictions: int = 0
    """Sweeps that it does not."""
    rivals: list[str] = field(default_factory=list)
    """Other rules that explain the same deletions as well (kind, or kind:age_from)."""


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
    """reflink, link, protect, copy, several or none."""
    reason: str = ""
    count: int = 0
    size_bytes: int = 0
    cost_bytes: int = 0
    """Of these, what only holds still keep: missing from the recorder's disk."""
    limit_bytes: int = 0
    """Holds may keep so much."""
    reserve_bytes: int = 0
    """Room set aside for holds, as configured."""
    reserve_free_bytes: int = 0
    """What of it is on the disk now and not used up by holds."""
    broken: int = 0


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
    broken_since_ms: int = 0
    """Since when it is broken; 0: it is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanWish:
    """PUT /v1/span-holds/{id}: keep what these cameras recorded, and will, in a span."""

    start_ms: int
    end_ms: int
    lease_s: int
    cameras: list[str] = field(default_factory=list)
    """Empty: all that are shared."""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanHold:
    """A span hold and what became of it. Times are the site's."""

    id: str
    origin: str
    """central, or trigger: somebody at the site."""
    cameras: list[str]
    start_ms: int
    end_ms: int
    lease_s: int
    """What is left of the lease, in seconds of uptime."""
    asked_ms: int
    reason: str = ""
    held: int = 0
    held_bytes: int = 0
    refused: int = 0
    refusals: list[str] = field(default_factory=list)
    """Why, each reason once, at most ten."""
    awaited: bool = False
    """Recordings of the span may still be closed; they are held then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanHolds:
    """GET /v1/span-holds: all of them, youngest first."""

    span_holds: list[SpanHold]


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
