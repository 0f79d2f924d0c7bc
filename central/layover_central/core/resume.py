"""A transfer as a pure state machine: which bytes next, and what an answer means.

Bytes arrive in order. ``have_bytes`` lie in the part file; whole chunks of them have been
checked against the site's digests, the tail of at most one chunk has not. A cut costs nothing:
the next span begins at ``have_bytes``. A bad chunk costs that chunk.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from layover_central.errors import Kind

MAX_BAD_CHUNKS = 3
"""How often one chunk may arrive wrong before the recording counts as damaged."""


class Verdict(StrEnum):
    """What became of an attempt."""

    GO_ON = "go-on"
    COMPLETE = "complete"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Resume:
    """What of one recording is here."""

    size_bytes: int
    chunk_bytes: int
    have_bytes: int = 0
    bad_chunk: int = -1
    bad_count: int = 0

    @property
    def verified_bytes(self) -> int:
        """Bytes that a chunk digest vouches for."""
        if self.have_bytes == self.size_bytes:
            return self.size_bytes
        return self.have_bytes - self.have_bytes % self.chunk_bytes

    @property
    def verdict(self) -> Verdict:
        if self.bad_count >= MAX_BAD_CHUNKS:
            return Verdict.DAMAGED
        return Verdict.COMPLETE if self.have_bytes == self.size_bytes else Verdict.GO_ON


@dataclass(frozen=True, slots=True)
class ByteSpan:
    """Bytes ``first`` to ``last``, both included, as HTTP counts them."""

    first: int
    last: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1


def next_span(resume: Resume, max_bytes: int) -> ByteSpan | None:
    """The next bytes to ask for, at most ``max_bytes`` and at least one; None: all are here."""
    if resume.have_bytes >= resume.size_bytes:
        return None
    last = min(resume.have_bytes + max(max_bytes, 1), resume.size_bytes) - 1
    return ByteSpan(resume.have_bytes, last)


def to_chunk_end(resume: Resume) -> int:
    """Bytes missing to the end of the chunk that the next byte belongs to."""
    chunk_end = (resume.have_bytes // resume.chunk_bytes + 1) * resume.chunk_bytes
    return min(chunk_end, resume.size_bytes) - resume.have_bytes


def received(resume: Resume, length: int) -> Resume:
    """``length`` more bytes are in the part file, and if they end a chunk, it is good."""
    return replace(resume, have_bytes=resume.have_bytes + length)


def chunk_failed(resume: Resume, index: int) -> Resume:
    """Chunk ``index`` does not match its digest: back to its first byte."""
    count = resume.bad_count + 1 if resume.bad_chunk == index else 1
    return replace(resume, have_bytes=index * resume.chunk_bytes, bad_chunk=index, bad_count=count)


def judge_head(
    asked: ByteSpan, size_bytes: int, etag: str, status: int, headers: Mapping[str, str]
) -> tuple[Kind, str] | None:
    """Whether the head of an answer promises exactly the bytes asked for; None: it does.

    ``headers`` with lower-case names. Anything but one length, the exact range and the same
    representation is refused before a byte is kept (RFC 9110, 14.4 and 13.1.5).
    """
    if status == 200 and asked.first == 0 and asked.length == size_bytes:
        content_range = f"bytes 0-{size_bytes - 1}/{size_bytes}"
    elif status == 206:
        content_range = headers.get("content-range", "")
    else:
        return Kind.MALFORMED, f"status {status} where bytes {asked.first}-{asked.last} were asked"
    if content_range != f"bytes {asked.first}-{asked.last}/{size_bytes}":
        return Kind.MALFORMED, f"asked bytes {asked.first}-{asked.last}, got {content_range!r}"
    if headers.get("content-length") != str(asked.length):
        return Kind.MALFORMED, f"content length {headers.get('content-length')!r}"
    if "content-encoding" in headers or "transfer-encoding" in headers:
        return Kind.MALFORMED, "the site encodes recordings"
    if headers.get("etag") != etag:
        return Kind.CHANGED, "the recording is not the one whose digests the site signed"
    return None
