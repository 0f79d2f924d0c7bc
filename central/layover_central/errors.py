"""What can go wrong at central: a small closed set, each with what it means for a person.

Every failure of the outside world is mapped to one of these at the edge where it happens. One
table (``MEANINGS``) gives each kind its HTTP status, exit code, title and standard hint.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The closed set."""

    BAD_INPUT = "bad-input"
    NOT_FOUND = "not-found"
    CONFLICT = "conflict"
    UNAUTHORISED = "unauthorised"
    UNREACHABLE = "unreachable"
    STALLED = "stalled"
    REFUSED = "refused"
    MALFORMED = "malformed"
    GONE = "gone"
    CHANGED = "changed"
    DAMAGED = "damaged"
    NO_SPACE = "no-space"
    STORAGE = "storage"
    LEASE_LOST = "lease-lost"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a kind means: for HTTP, for a shell, for a person, and whether time alone heals it."""

    status: int
    exit_code: int
    title: str
    hint: str
    heals: bool = False


MEANINGS: dict[Kind, Meaning] = {
    Kind.BAD_INPUT: Meaning(400, 2, "The request cannot be understood", "Correct it and repeat."),
    Kind.NOT_FOUND: Meaning(404, 3, "No such thing", "Check the name; listings show what exists."),
    Kind.CONFLICT: Meaning(409, 4, "Already taken or not now", "Look at what is there already."),
    Kind.UNAUTHORISED: Meaning(
        401, 5, "Sign in first", "Give the access key from the data folder of central."
    ),
    Kind.UNREACHABLE: Meaning(
        502, 10, "The site cannot be reached", "It is retried by itself at the next contact.", True
    ),
    Kind.STALLED: Meaning(
        504, 11, "The site stopped answering", "It is retried from the byte that arrived.", True
    ),
    Kind.REFUSED: Meaning(
        502, 12, "The site refuses", "Look at the site's faults and at its certificate."
    ),
    Kind.MALFORMED: Meaning(
        502, 13, "The site answers what the protocol forbids", "Look at the agent's version."
    ),
    Kind.GONE: Meaning(
        410, 14, "The recording is no longer on the site", "It was overwritten before retrieval."
    ),
    Kind.CHANGED: Meaning(
        409, 15, "The recording changed at the site", "It is matched anew from the manifest."
    ),
    Kind.DAMAGED: Meaning(
        502, 16, "The bytes do not match their digests", "What is intact is kept; see the request."
    ),
    Kind.NO_SPACE: Meaning(
        507, 17, "The archive has no space left", "Free space; work goes on by itself.", True
    ),
    Kind.STORAGE: Meaning(500, 18, "Central's storage failed", "See the log; nothing was lost."),
    Kind.LEASE_LOST: Meaning(
        409, 19, "Another puller took this transfer over", "Nothing to do.", True
    ),
}


class LayoverError(Exception):
    """A failure with its kind, what happened, and what to do."""

    def __init__(self, kind: Kind, detail: str, hint: str = "") -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.hint = hint or MEANINGS[kind].hint

    @property
    def meaning(self) -> Meaning:
        return MEANINGS[self.kind]


def problem(error: LayoverError) -> dict[str, object]:
    """The error as RFC 9457 problem+json."""
    return {
        "type": f"urn:layover:problem:{error.kind}",
        "title": error.meaning.title,
        "status": error.meaning.status,
        "detail": error.detail,
        "hint": error.hint,
        "code": str(error.kind),
    }
