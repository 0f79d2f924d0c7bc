"""What may be seen over the API. Times are RFC 3339, sizes bytes, rates bit/s."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from layover_central.core.presence import State as PresenceState
from layover_central.core.requests import Fate, RequestState
from layover_central.core.warnings import Chance, Level

Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Priority = Literal["low", "normal", "high", "urgent"]


class ProblemOut(BaseModel):
    """Why something was refused or failed (RFC 9457), and what to do."""

    type: str
    title: str
    status: int
    detail: str
    hint: str
    code: str


class DepotOut(BaseModel):
    name: str
    zone: str
    cap: str
    """Empty: unlimited."""
    networks: list[str]
    slots: int
    rate_now_bps: int | None
    """Null: unlimited; 0: closed."""
    next_change: Moment | None


class FaultOut(BaseModel):
    code: str
    severity: str
    since: Moment
    text: str
    remedy: str


class CameraOut(BaseModel):
    name: str
    recordings: int
    size_bytes: int
    first_start: Moment
    last_end: Moment


class HoldsOut(BaseModel):
    possible: bool
    method: str
    reason: str
    count: int
    size_bytes: int


class AgentOut(BaseModel):
    """What the agent said of itself at the last contact."""

    version: str
    link: str
    clock_synced: bool | None
    holds: HoldsOut


class ManifestOut(BaseModel):
    as_of: Moment | None
    epoch: str | None
    seq: int


class QueueOut(BaseModel):
    transfers: int
    bytes: int


class SiteOut(BaseModel):
    label: str
    depot: str | None
    state: Literal["pending", "enrolled", "revoked"]
    identity: str | None
    identity_spoken: str | None
    address: str | None
    presence: PresenceState
    presence_since: Moment | None
    last_seen: Moment | None
    expected: Moment | None
    offset_ms: int | None
    offset_uncertainty_ms: int | None
    manifest: ManifestOut
    cameras: list[CameraOut]
    agent: AgentOut | None
    faults: list[FaultOut]
    queue: QueueOut
    link_bps: int | None


class RecordingOut(BaseModel):
    id: str
    camera: str
    start: Moment
    end: Moment
    size_bytes: int
    state: Literal["present", "gone"]
    held: bool
    damaged: bool
    confidence: str


class RecordingsOut(BaseModel):
    as_of: Moment | None
    """How old this knowledge is: when the site last looked."""
    complete: bool
    """False: there are more than ``limit``."""
    recordings: list[RecordingOut]


class SiteCamera(BaseModel):
    site: str
    camera: str


class BytesOut(BaseModel):
    wanted: int
    verified: int
    received: int


class OutlookOut(BaseModel):
    site: str
    chance: Chance
    level: Level
    why: str
    remedy: str


class RequestOut(BaseModel):
    id: int
    state: RequestState
    state_since: Moment
    why: str
    asked_at: Moment
    from_: Moment = Field(alias="from")
    to: Moment
    priority: Priority
    needed_by: Moment | None
    reason: str
    case: str
    cameras: list[SiteCamera]
    tally_ms: dict[Fate, int]
    bytes: BytesOut
    outlook: list[OutlookOut]
    transfers_total: int
    transfers_done: int
    notes: list[str]


class PieceOut(BaseModel):
    site: str
    camera: str
    from_: Moment = Field(alias="from")
    to: Moment
    fate: Fate
    recording_id: str | None


class TransferOut(BaseModel):
    id: int
    site: str
    recording_id: str
    camera: str
    start: Moment | None
    end: Moment | None
    state: Literal["wanted", "complete", "lost", "damaged", "stopped"]
    size_bytes: int
    verified_bytes: int
    received_bytes: int
    sha256: str | None
    path: str | None
    file_url: str | None
    rate_bps: int
    waits: str
    held: bool
    error: str


class RequestDetail(RequestOut):
    pieces: list[PieceOut]
    transfers: list[TransferOut]


class WarningOut(BaseModel):
    id: int
    request: int
    site: str
    level: Level
    raised_at: Moment
    updated_at: Moment
    ended_at: Moment | None
    outcome: str | None
    why: str
    remedy: str
    expires_early: Moment | None
    expires_likely: Moment | None
    expected: Moment | None


class SiteCounts(BaseModel):
    total: int
    in_contact: int
    enrolled: int
    pending: int


class ArchiveOut(BaseModel):
    recordings: int
    size_bytes: int
    received_bytes: int
    resent_bytes: int
    """Payload that crossed a link beyond what it had to."""
    free_bytes: int | None


class CentralFault(BaseModel):
    code: str
    since: Moment
    text: str
    remedy: str


class StatusOut(BaseModel):
    version: str
    now: Moment
    started_at: Moment
    sites: SiteCounts
    requests: dict[RequestState, int]
    warnings_open: int
    archive: ArchiveOut
    faults: list[CentralFault]
