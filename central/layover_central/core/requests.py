"""What has become of the time a request asks for: a verdict for every camera-second.

One camera at a time: the asked span is cut into pieces, each with one fate. A recording's fate
is given; where no recording is known, time before the camera's horizon was *not recorded*, and
time after it is *unknown*: the site has not told us yet.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Fate(StrEnum):
    """Best first: where recordings overlap, the best fate counts."""

    SAVED = "saved"
    PENDING = "pending"
    UNKNOWN = "unknown"
    LOST = "lost"
    DAMAGED = "damaged"
    STOPPED = "stopped"
    NOT_RECORDED = "not-recorded"
    UNTOLD = "untold"
    """Older than anything the site ever told of: overwritten before, or never recorded."""


OPEN = frozenset({Fate.PENDING, Fate.UNKNOWN})
"""Fates that can still change."""

_RANK = {fate: rank for rank, fate in enumerate(Fate)}


@dataclass(frozen=True, slots=True)
class KnownRecording:
    """A recording of the camera, in the span's own time, and what has become of it."""

    id: str
    start_ms: int
    end_ms: int
    fate: Fate


@dataclass(frozen=True, slots=True)
class Piece:
    from_ms: int
    to_ms: int
    fate: Fate
    recording_id: str | None = None

    @property
    def length_ms(self) -> int:
        return self.to_ms - self.from_ms


def touches(start_ms: int, end_ms: int, from_ms: int, to_ms: int, slack_ms: int = 0) -> bool:
    """Whether a recording may hold footage of a span, widened by the clock's uncertainty."""
    return start_ms < to_ms + slack_ms and max(end_ms, start_ms + 1) > from_ms - slack_ms


def horizon_ms(last_end_ms: int | None, as_of_ms: int | None, longest_ms: int) -> int:
    """Until when the manifest is the whole truth for one camera.

    A recording that is still being written is in no manifest, so the truth ends with the last
    closed recording, unless the manifest is so much younger that one must have closed since.
    """
    if as_of_ms is None:
        return 0
    still_open_ms = as_of_ms - max(2 * longest_ms, 60_000)
    # An end after the scan is a clock that jumped: it says nothing of the time before it.
    return max(min(last_end_ms or 0, as_of_ms), still_open_ms)


def verdict(
    from_ms: int,
    to_ms: int,
    recordings: Iterable[KnownRecording],
    horizon: int,
    told_from_ms: int = 0,
    seam_ms: int = 1500,
    edge_ms: int = 0,
) -> list[Piece]:
    """The span in pieces, in order, without holes or overlaps.

    A hole of at most ``seam_ms`` between two recordings is where one file ends and the next
    begins (or what the clock's uncertainty hides): it takes the worse fate of its neighbours.
    At an edge of the span, or of what is known, the neighbour outside is out of sight, and the
    one inside decides; time that is unknown needs both. ``edge_ms``: how far a clock's
    uncertainty may move the span's own edges, and so how much may be missing there.

    ``told_from_ms``: the oldest start that the site ever told of for this camera.
    """
    covering = [r for r in recordings if touches(r.start_ms, r.end_ms, from_ms, to_ms)]
    edges = {from_ms, to_ms}
    edges |= {min(max(at, from_ms), to_ms) for at in (horizon, told_from_ms)}
    for r in covering:
        edges |= {min(max(r.start_ms, from_ms), to_ms), min(max(r.end_ms, from_ms), to_ms)}
    marks = sorted(edges)
    pieces: list[Piece] = []
    for a, b in itertools.pairwise(marks):
        inside = [r for r in covering if r.start_ms <= a and r.end_ms >= b]
        best = min(inside, key=lambda r: (_RANK[r.fate], r.id), default=None)
        if best is not None:
            pieces.append(Piece(a, b, best.fate, best.id))
        else:
            pieces.append(Piece(a, b, _nothing_at(a, horizon, told_from_ms)))
    return _merged(_sewn(_merged(pieces), seam_ms, edge_ms))


def _nothing_at(at_ms: int, horizon: int, told_from_ms: int) -> Fate:
    if at_ms >= horizon:
        return Fate.UNKNOWN
    return Fate.UNTOLD if at_ms < told_from_ms else Fate.NOT_RECORDED


def _sewn(pieces: Sequence[Piece], seam_ms: int, edge_ms: int) -> list[Piece]:
    sewn = list(pieces)
    for i, piece in enumerate(pieces):
        longest_ms = max(seam_ms, edge_ms) if i in (0, len(pieces) - 1) else seam_ms
        if piece.recording_id is not None or piece.length_ms > longest_ms:
            continue
        beside = [p for p in pieces[max(0, i - 1) : i + 2] if p.recording_id is not None]
        if len(beside) >= (2 if piece.fate is Fate.UNKNOWN else 1):
            worse = max(beside, key=lambda p: _RANK[p.fate])
            sewn[i] = Piece(piece.from_ms, piece.to_ms, worse.fate, worse.recording_id)
    return sewn


def _merged(pieces: Sequence[Piece]) -> list[Piece]:
    merged: list[Piece] = []
    for piece in pieces:
        if merged and (merged[-1].fate, merged[-1].recording_id) == (
            piece.fate,
            piece.recording_id,
        ):
            merged[-1] = Piece(merged[-1].from_ms, piece.to_ms, piece.fate, piece.recording_id)
        else:
            merged.append(piece)
    return merged


def tally(pieces: Iterable[Piece]) -> dict[Fate, int]:
    """Milliseconds per fate, every fate named."""
    sums = dict.fromkeys(Fate, 0)
    for piece in pieces:
        sums[piece.fate] += piece.length_ms
    return sums


class RequestState(StrEnum):
    """Where a request stands. The last five are terminal."""

    QUEUED = "queued"
    WAITING = "waiting"
    RETRIEVING = "retrieving"
    PAUSED = "paused"
    COMPLETE = "complete"
    PARTIAL = "partial"
    LOST = "lost"
    NOT_RECORDED = "not-recorded"
    STOPPED = "stopped"


TERMINAL = frozenset(
    {
        RequestState.COMPLETE,
        RequestState.PARTIAL,
        RequestState.LOST,
        RequestState.NOT_RECORDED,
        RequestState.STOPPED,
    }
)


class Activity(StrEnum):
    """What is being done about a request at this moment."""

    NONE = "none"
    """Its sites are absent."""
    WAITING = "waiting"
    """A site is in reach, and something else comes first: a slot, the cap, a recording that
    has not closed."""
    RETRIEVING = "retrieving"
    PAUSED = "paused"
    """A closed window or a full archive stands in the way."""


_ACTIVE = {
    Activity.NONE: RequestState.QUEUED,
    Activity.WAITING: RequestState.WAITING,
    Activity.RETRIEVING: RequestState.RETRIEVING,
    Activity.PAUSED: RequestState.PAUSED,
}


def request_state(sums: dict[Fate, int], activity: Activity) -> RequestState:
    """The state that the sums over all its cameras give a request.

    Complete only if every asked millisecond is saved; nothing that is missing is rounded away.
    Sums of nothing settle nothing: the request stays open.
    """
    total = sum(sums.values())
    if total == 0 or any(sums[fate] for fate in OPEN):
        return _ACTIVE[activity]
    if sums[Fate.SAVED] == total:
        return RequestState.COMPLETE
    if sums[Fate.STOPPED]:
        return RequestState.STOPPED
    if sums[Fate.SAVED]:
        return RequestState.PARTIAL
    if sums[Fate.LOST] or sums[Fate.DAMAGED] or sums[Fate.UNTOLD]:
        return RequestState.LOST
    return RequestState.NOT_RECORDED
