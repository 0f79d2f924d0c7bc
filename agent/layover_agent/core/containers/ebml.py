"""The elements of an EBML document (RFC 8794): id, length, body."""

from collections.abc import Iterator
from typing import NamedTuple

from layover_agent.core.containers.window import Window


class Element(NamedTuple):
    """``body`` and ``end`` are offsets in the file; ``end`` as the element itself says."""

    id: int
    body: int
    end: int
    sized: bool = True
    """False: its length is unknown, it ends where its parent does."""


def elements(window: Window, begin: int, end: int) -> Iterator[Element]:
    """The elements one after another. One that does not fit ends beyond ``end``, and is the last.

    One of unknown length is the last too: what is in it cannot be told from what follows.
    """
    while begin < end:
        head = window.at(begin, min(12, end - begin))
        id_width = _width(head[0]) if head else 0
        size_at = head[id_width : id_width + 1]
        size_width = _width(size_at[0]) if size_at else 0
        body = begin + id_width + size_width
        if not 1 <= id_width <= 4 or not size_width or len(head) < id_width + size_width:
            yield Element(0, begin, end + 1)
            return
        id = int.from_bytes(head[:id_width], "big")
        size = int.from_bytes(head[id_width : id_width + size_width], "big")
        unknown = (1 << 7 * size_width) - 1
        size &= unknown
        if size == unknown:
            yield Element(id, body, end, sized=False)
            return
        yield Element(id, body, body + size)
        begin = body + size


def number(window: Window, element: Element) -> int:
    """An unsigned integer, at most eight bytes of it."""
    return int.from_bytes(window.at(element.body, min(element.end - element.body, 8)), "big")


def _width(first: int) -> int:
    """How many bytes a number of variable width takes; 0: it is none."""
    return 9 - first.bit_length() if first else 0
