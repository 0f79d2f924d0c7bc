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
    """Where the end comes from: container, name, decoder, next-recording, mtime, database."""
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
    was_set: bool = True
    """False: it cannot be right, the box booted without one (1970) and nobody set it since."""
    steps: int = 0
    """How often it was set, as far as that is remembered."""
    stepped_ms: int = 0
    """When it was last set, by its new time; 0: not known to have been."""
    stepped_by_ms: int = 0
    offset_ms: int | None = None
    """How far it was ahead of central's clock when central last told its own; None: never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    name: str
    source: str
    """Which of the site's sources it belongs to; retention rules are per source."""
    recordings: int
    size_bytes: int
    first_start_ms: int
    last_end_ms: int
    lateness: str = ""
    """on-time, late or unknown; empty: not judged."""
    last_close_ms: int = 0
    """When its last recording was seen to close; 0: not seen."""
    expected_close_ms: int = 0
    """By when its next one closes if it does as usual; 0: unknown."""
    late_since_ms: int = 0
    pauses: bool = False
    """It records only now and then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    source: str
    size_bytes: int
    free_bytes: int
    present: bool = True
    """False: its device is gone, or nothing can be read from it."""
    mount: str = ""
    file_system: str = ""
    device: str = ""
    """Kernel's name of the device, such as sda1 or mmcblk0p2."""
    inodes_left: int | None = None
    """Files that may still be made; None: the file system does not count them."""
    stuck_s: int = 0
    """For how long requests have been waiting and none was finished; 0: it works."""
    read_only: bool = False
    """The file system itself takes no writes, whoever asks."""
    errors: int | None = None
    """Errors that the file system counted; None: it does not count."""
    errored_ms: int = 0
    """When it counted the last one; 0: not known."""
    held_ms: int = 0
    """From the start of the oldest recording that is there to the end of the newest."""
    health: str = ""
    """ok, worn or failing, as the device itself says; empty: it does not say."""
    health_text: str = ""
    wear_percent: int | None = None
    """How much of the device's life is used up, as it says itself."""


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
class Recorder:
    """The recorder's process of one source."""

    source: str
    process: str
    running: bool | None = None
    """None: it cannot be seen (processes of others are hidden from the agent)."""
    since_ms: int = 0
    """Since when it has been running, or has been seen not to; 0: unknown."""
    restarts: int = 0
    """Seen in the last hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """PUT /v1/queue: what waits at central for this site, told at each contact."""

    requests: int
    transfers: int
    size_bytes: int
    as_of_ms: int
    """Central's clock when it says so: the site takes the offset of its own from this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Central's last contact, kept over restarts."""

    as_of_ms: int
    """By the site's clock."""
    queue: Queue | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """The agent's own process."""

    since_ms: int
    uptime_s: int
    """Over all its runs."""
    rss_bytes: int
    cpu_permille: int
    """Of one core, since it began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequence:
    """A fault that is there because of another."""

    code: str
    subject: str
    since_ms: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    code: str
    severity: str
    """critical, warning or notice."""
    since_ms: int
    text: str
    remedy: str
    subject: str = ""
    """What it is about: a camera, a source, a disk; empty: the box."""
    title: str = ""
    uptime_s: int = 0
    """For so long of the agent's own uptime: true even where the clock is not."""
    consequences: list[Consequence] = field(default_factory=list)
    """What else is wrong because of it, and is therefore no fault of its own."""


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
    enrolled: bool = True
    fleet: str = ""
    """Fingerprint of the fleet CA's certificate (SHA-256, first 16 hex digits); empty: none."""
    running: bool = True
    """False: told by the command on the box, in place of an agent that does not run."""
    contact: Contact | None = None
    recorders: list[Recorder] = field(default_factory=list)
    own: Own | None = None
    temperature_c: float | None = None
    temperature_limit_c: float | None = None
    memory_bytes: int = 0
    memory_free_bytes: int = 0


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
