"""How the list of recordings reaches central over a thin line."""

import time
from dataclasses import dataclass

from layover_sim.bench.box import NEVER_SEQ, Box, read_list
from layover_sim.bench.shaped import Shape, shaped

THIN = Shape(rate_bps=20_000_000)
FAR = Shape(rate_bps=20_000_000, delay_ms=40)
"""A cellular line or a depot's wireless; and the same from far away."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """One reading of a list over a link. ``size_bytes``: both ways together, TLS included."""

    entries: int
    size_bytes: int
    took_s: float

    def round_trips(self, shape: Shape) -> int:
        """The time it took, in whole round trips: what is left over is transmission and work."""
        return int(self.took_s / shape.round_trip_s)


async def fetched(
    box: Box, shape: Shape, epoch: str, after: int, *, in_contact: bool = False
) -> Fetched:
    """The changes after a position by central's client: on a connection made for it, or on one
    that is there (``in_contact``), as it is while a site is in reach."""
    async with shaped(box.site.port, shape) as link, box.client(link.port) as client:
        if in_contact:
            await read_list(client, epoch, NEVER_SEQ)
        before_bytes = await link.passed_bytes()
        began_s = time.monotonic()
        listed = await read_list(client, epoch, after)
        took_s = time.monotonic() - began_s
        return Fetched(listed.rows, await link.passed_bytes() - before_bytes, took_s)
