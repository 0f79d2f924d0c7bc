"""The boxes of an ISO base media file (ISO/IEC 14496-12, 4.2): length, kind, body."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from layover_agent.core.containers.window import Window


class Box(NamedTuple):
    """``begin``, ``body`` and ``end`` are offsets in the file; ``end`` as the box itself says."""

    kind: bytes
    begin: int
    body: int
    end: int

    @property
    def name(self) -> str:
        return f"a {self.kind.decode()} box" if self.kind.isalnum() else "a box"


def boxes(window: Window, begin: int, end: int) -> Iterator[Box]:
    """The boxes one after another. One that does not fit ends beyond ``end``, and is the last.

    So does a header that is cut or nonsense, and a box without a length, which reaches to the
    end of the file: a recorder that never came to close the file leaves that.
    """
    while (left := end - begin) > 0:
        head = window.at(begin, min(16, left))
        header = 8
        if len(head) < 8:
            yield Box(b"", begin, begin, end + 1)
            return
        length, kind = struct.unpack_from(">I4s", head)
        if length == 1 and len(head) == 16:
            header, length = 16, struct.unpack_from(">Q", head, 8)[0]
        if length < header or length > left:
            yield Box(kind, begin, begin + header, max(begin + length, end + 1))
            return
        yield Box(kind, begin, begin + header, begin + length)
        begin += length
