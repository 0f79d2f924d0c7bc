"""One byte range of a request (RFC 9110, 14.2): a range, the whole, or nothing that exists."""

import re
from dataclasses import dataclass

_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes ``first`` to ``last``, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1


class Unsatisfiable(ValueError):
    """The range lies outside the recording (416)."""


def wanted(header: str | None, size_bytes: int) -> ByteRange | None:
    """The range asked for; None: send the whole. Unsatisfiable where it does not exist.

    Several ranges and headers that make no sense are ignored, as the RFC allows and asks.
    """
    match = _RANGE.fullmatch(header) if header else None
    if match is None or (not match[1] and not match[2]):
        return None
    if not match[1]:
        suffix = min(int(match[2]), size_bytes)
        if suffix == 0:
            raise Unsatisfiable(header)
        return ByteRange(size_bytes - suffix, size_bytes - 1)
    first = int(match[1])
    last = min(int(match[2]), size_bytes - 1) if match[2] else size_bytes - 1
    if match[2] and int(match[2]) < first:
        return None
    if first >= size_bytes:
        raise Unsatisfiable(header)
    return ByteRange(first, last)


def etags(header: str) -> list[str]:
    """The strong entity tags of an If-Match or If-Range header; weak ones never match."""
    return [tag for weak, tag in re.findall(r'(W/)?("[^"]*")', header) if not weak]
