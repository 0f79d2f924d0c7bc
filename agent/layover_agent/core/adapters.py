"""Recorders that need an adapter, told by what lies in their folder: Frigate and openpilot."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from layover_agent.core import frigate, openpilot

_SAMPLE = 1000
_FRIGATE_NAMES = (4, 5)
"""Of how many names a recording's path is: newer and older versions."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter that fits, and for which folder."""

    recorder: str
    title: str
    below: str
    """Its folder, relative to the one that was looked at; empty: that one."""


def adapter(paths: Sequence[str]) -> Adapter | None:
    """The adapter that explains most of a folder's files; None: none explains half of a sample."""
    sample = paths[:: max(1, len(paths) // _SAMPLE)]
    found = Counter(one for path in sample if (one := _of(path)) is not None)
    for one, count in found.most_common(1):
        if count * 2 >= len(sample):
            return one
    return None


def _of(path: str) -> Adapter | None:
    names = path.split("/")
    for count in _FRIGATE_NAMES:
        if len(names) >= count and frigate.read("/".join(names[-count:])) is not None:
            return Adapter("frigate", "Frigate", "/".join(names[:-count]))
    if len(names) >= 2 and openpilot.segment(names[-2]) is not None:
        return Adapter("openpilot", "openpilot", "/".join(names[:-2]))
    return None
