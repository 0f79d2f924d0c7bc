"""What an MP4 file says of itself, read box by box: headers lie after a power cut.

A file is complete only if every box fits in it and the index (``moov``) is there. The duration
in the header counts only then, and only if it is not zero (ISO/IEC 14496-12, 8.2.2).
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

MAX_BOXES = 200_000
_MAX_MOOV_BOXES = 1000

Read = Callable[[int, int], bytes]
"""``read(offset, length)``: fewer bytes at the end of the file."""


@dataclass(frozen=True, slots=True)
class Container:
    complete: bool
    duration_ms: int | None
    """None: the header does not say, or cannot be trusted."""
    why: str = ""
    """Why it is not complete."""


def look(read: Read, size_bytes: int) -> Container:
    """Walks the top-level boxes of an MP4 file. Bounded work whatever the file holds."""
    offset = 0
    moov: tuple[int, int] | None = None
    media = fragments = 0
    for _ in range(MAX_BOXES):
        if offset == size_bytes:
            break
        kind, length, header = _box(read(offset, 16), size_bytes - offset)
        if length < header or length > size_bytes - offset:
            return Container(False, None, f"a {kind} box goes beyond the file's end")
        if kind == "moov":
            moov = (offset + header, offset + length)
        media += kind == "mdat"
        fragments += kind == "moof"
        offset += length
    else:
        return Container(False, None, "too many boxes")
    if moov is None:
        return Container(False, None, "the index (moov) is missing")
    if media < max(fragments, 1):
        return Container(False, None, "media data (mdat) is missing")
    duration_ms = _duration_ms(read, *moov)
    if duration_ms is None and not fragments:
        return Container(False, None, "the header has no duration")
    return Container(True, duration_ms)


def _box(head: bytes, left: int) -> tuple[str, int, int]:
    """Kind, length and header length of the box that begins with ``head``."""
    if len(head) < 8:
        return "cut", left + 1, 8
    length, raw = struct.unpack_from(">I4s", head)
    kind = raw.decode("latin-1") if raw.isalnum() else raw.hex()
    if length == 1:
        return kind, (struct.unpack_from(">Q", head, 8)[0] if len(head) >= 16 else 0), 16
    # Length 0 means "to the end of the file": what a recorder leaves that never closed it.
    return kind, length or left + 1, 8


def _duration_ms(read: Read, begin: int, end: int) -> int | None:
    offset = begin
    for _ in range(_MAX_MOOV_BOXES):
        if offset >= end:
            return None
        kind, length, header = _box(read(offset, 16), end - offset)
        if length < header or length > end - offset:
            return None
        if kind == "mvhd":
            return _mvhd_ms(read(offset + header, 32))
        offset += length
    return None


def _mvhd_ms(body: bytes) -> int | None:
    if len(body) < 32:
        return None
    wide = body[0] == 1
    scale, duration = struct.unpack_from(">IQ" if wide else ">II", body, 20 if wide else 12)
    unknown = 0xFFFFFFFFFFFFFFFF if wide else 0xFFFFFFFF
    if not scale or not duration or duration == unknown:
        return None
    ms = duration * 1000 // scale
    return int(ms) if ms < 1 << 40 else None
