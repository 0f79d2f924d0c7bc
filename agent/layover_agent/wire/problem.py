"""How an agent says no: a closed set of reasons, each with its HTTP status and a hint."""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why an agent refuses. Central treats a reason it does not know as REFUSED."""

    BAD_REQUEST = "bad-request"
    NOT_FOUND = "not-found"
    GONE = "gone"
    CHANGED = "changed"
    BAD_RANGE = "bad-range"
    STILL_RECORDING = "still-recording"
    UNSUPPORTED_VERSION = "unsupported-version"
    TOO_BUSY = "too-busy"
    REFUSED = "refused"
    STORAGE = "storage"


STATUS_OF: dict[Reason, int] = {
    Reason.BAD_REQUEST: 400,
    Reason.REFUSED: 403,
    Reason.NOT_FOUND: 404,
    Reason.UNSUPPORTED_VERSION: 404,
    Reason.STILL_RECORDING: 409,
    Reason.GONE: 410,
    Reason.CHANGED: 412,
    Reason.BAD_RANGE: 416,
    Reason.TOO_BUSY: 503,
    Reason.STORAGE: 507,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """The body of every refusal (RFC 9457 members; ``code`` is a Reason)."""

    code: str
    title: str
    status: int
    detail: str = ""
    hint: str = ""
    type: str = ""
