"""Whether the archive has room: a full disk pauses retrieval with one clear fault."""

import logging

from layover_central.archive.files import Archive
from layover_central.context import Central
from layover_central.errors import LayoverError
from layover_central.live import FaultLive

log = logging.getLogger(__name__)

RETRY_MS = 5_000
"""How often a full disk is looked at again."""
CODE = "archive-full"


class Space:
    """The room left on the archive's disk, and the fault that says it is gone."""

    def __init__(self, central: Central, archive: Archive) -> None:
        self._central = central
        self._archive = archive
        self._refused_until_ms = 0

    def refused(self) -> None:
        """A write failed for want of space, whatever the disk says it has."""
        self._refused_until_ms = self._central.clock.now_ms() + RETRY_MS

    def full(self, now_ms: int) -> bool:
        """Whether nothing may be fetched now; raises and clears the fault."""
        floor_bytes = self._central.settings.free_floor_bytes
        free_bytes, why = self._free()
        full = free_bytes < floor_bytes or self._refused_until_ms > now_ms
        faults = self._central.live.faults
        if full and CODE not in faults:
            faults[CODE] = FaultLive(
                CODE,
                now_ms,
                why
                or f"the archive's disk has {free_bytes >> 20} MiB left, "
                f"{floor_bytes >> 20} MiB are kept free",
                "Bring it back, or free space on it; retrieval goes on by itself, and nothing "
                "that arrived is lost.",
            )
            log.error("retrieval is paused: %s", faults[CODE].text)
        elif not full and faults.pop(CODE, None) is not None:
            log.info("retrieval goes on: the archive has space again")
        return full

    def _free(self) -> tuple[int, str]:
        """Bytes free on the archive's disk, and why none can be had where it is away."""
        try:
            return self._archive.free_bytes(), ""
        except LayoverError as error:
            return -1, error.detail

    def look_again_ms(self, now_ms: int) -> int | None:
        """When to look again at the latest; None: there is space."""
        return now_ms + RETRY_MS if CODE in self._central.live.faults else None
