"""AVI (Microsoft's RIFF with OpenDML's extensions): sizes against the file, length by header.

A recorder writes the sizes and the counts of frames when it closes the file: one that was killed
leaves zeros in them, or more than the file has.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from layover_agent.core.containers.container import Container, milliseconds
from layover_agent.core.containers.window import Window

_MAX_STREAMS = 16
_MAX_CHUNKS = 1000


class _Chunk(NamedTuple):
    kind: bytes
    """The form type of a RIFF or LIST, else the chunk's own id."""
    body: int
    end: int
    next: int


def look(window: Window) -> Container:
    parts = list(_chunks(window, 0, window.size_bytes))
    if not parts or parts[0].kind != b"AVI ":
        return Container(False, None, "it does not begin as AVI", playable=False)
    first = parts[0]
    inside = {chunk.kind: chunk for chunk in _chunks(window, first.body, first.end)}
    header, media = inside.get(b"hdrl"), inside.get(b"movi")
    if any(part.end > window.size_bytes for part in (*parts, *inside.values())):
        why = "its data goes beyond the file's end"
    elif header is None or media is None or media.body == media.end:
        why = "the recorder did not close it (its header or media data is missing)"
    elif window.size_bytes - parts[-1].next > 0:
        why = "something else is behind its data"
    else:
        why = ""
    duration_ms = _duration_ms(window, header) if header and not why else None
    if duration_ms is None and not why:
        why = "the recorder did not close it (its header has no duration)"
    return Container(not why, duration_ms, why, playable=True if not why else None)


def _chunks(window: Window, begin: int, end: int) -> Iterator[_Chunk]:
    """The chunks one after another; one that does not fit is the last. At most a thousand."""
    for _ in range(_MAX_CHUNKS):
        if end - begin < 8:
            return
        head = window.at(begin, 12)
        if len(head) < 8:
            return
        kind, length = struct.unpack_from("<4sI", head)
        body = begin + 8
        stop = body + length
        if kind in (b"RIFF", b"LIST") and len(head) == 12:
            kind, body = head[8:], min(body + 4, stop)
        begin = stop + length % 2
        yield _Chunk(kind, body, stop, begin)
        if stop > end:
            return


def _duration_ms(window: Window, header: _Chunk) -> int | None:
    """The longest stream by its header: length × scale / rate seconds (AVISTREAMHEADER)."""
    longest = 0
    streams = [c for c in _chunks(window, header.body, header.end) if c.kind == b"strl"]
    for stream in streams[:_MAX_STREAMS]:
        for chunk in _chunks(window, stream.body, stream.end):
            head = window.at(chunk.body, 36) if chunk.kind == b"strh" else b""
            if len(head) == 36:
                scale, rate, _, length = struct.unpack_from("<IIII", head, 20)
                longest = max(longest, milliseconds(length * scale, rate) or 0)
    return longest or None
