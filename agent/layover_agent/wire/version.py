"""Which wire we speak, and the names under which it is found."""

from collections.abc import Iterable

API_VERSIONS = (1,)
"""Major versions this build speaks, newest first. Also the first segment of every path."""

SERVICE_TYPE = "_layover._tcp.local."
"""DNS-SD type of an agent (RFC 6763)."""

MEDIA_MSGPACK = "application/msgpack"
MEDIA_JSON = "application/json"
MEDIA_PAGES = "application/vnd.layover.pages"
"""Manifest pages one after another, each behind its length (``wire.pages``)."""

RATE_HEADER = "Layover-Rate"
"""Request header: the greatest payload rate, bits per second, at which to send this body."""


def negotiate(ours: Iterable[int], theirs: Iterable[int]) -> int | None:
    """The newest major version that both sides speak, or None where there is none."""
    return max(set(ours) & set(theirs), default=None)
