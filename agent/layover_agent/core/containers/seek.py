"""Ways to the end of a long file of fragments that need not pass by every one of them."""

import re
import struct
from typing import NamedTuple

from layover_agent.core.containers.boxes import Box
from layover_agent.core.containers.window import PIECE_BYTES, Window

_MOOF = re.compile(rb"\0[\0-\xff]{3}moof\0\0\0\x10mfhd\0\0\0\0", re.DOTALL)
"""The beginning of a fragment, its first box included: 14 bytes that no chance brings about."""

_HEAD_BYTES = 20
_FRAGMENTS_BACK = 3
_MAX_BACK_BYTES = 8 << 20


class Index(NamedTuple):
    """What a segment index says (``sidx``, ISO/IEC 14496-12, 8.16.3)."""

    track_id: int
    scale: int
    end: int
    """Where the last fragment that it lists ends."""


def read_index(window: Window, sidx: Box) -> Index | None:
    head = window.at(sidx.body, min(32, sidx.end - sidx.body))
    if len(head) < 24 or (head[0] and len(head) < 32):
        return None
    _, track_id, scale = struct.unpack_from(">III", head)
    first, _, references = struct.unpack_from(
        ">QHH" if head[0] else ">IHH", head, 20 if head[0] else 16
    )
    at = sidx.body + (32 if head[0] else 24)
    left = min(references, (sidx.end - at) // 12)
    end = sidx.end + first
    while left > 0:
        piece = window.at(at, min(left, PIECE_BYTES // 12) * 12)
        count = len(piece) // 12
        if not count:
            return None
        end += sum(size & 0x7FFFFFFF for size in struct.unpack_from(f">{count * 3}I", piece)[::3])
        at += count * 12
        left -= count
    return Index(track_id, scale, end)


def last_fragments(window: Window, after: int, fragment_bytes: int) -> int | None:
    """Where one of the last few fragments begins, found by its first bytes; None: not found.

    ``after``: nothing before is looked at. ``fragment_bytes``: what one usually takes.
    """
    at = max(after, window.size_bytes - min(_FRAGMENTS_BACK * fragment_bytes, _MAX_BACK_BYTES))
    while at < window.size_bytes:
        piece = window.at(at, PIECE_BYTES)
        found = _MOOF.search(piece)
        if found:
            return at + found.start()
        at += max(len(piece) - _HEAD_BYTES + 1, 1) if len(piece) == PIECE_BYTES else PIECE_BYTES
    return None
