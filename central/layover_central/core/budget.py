"""Caps as a tree of token buckets: global, depot, site.

Two guards, both needed. *Grants*: the rates promised to the spans under way never add up to
more than a cap. *Tokens*: what really arrived is paid for, so that bursts and overheads do not
creep past it. Rates are on the wire, in bits per second; None is unlimited, 0 is closed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

WIRE_BYTES_PER_PAYLOAD_BYTE = 1.05
"""Ethernet, IP, TCP and TLS around the payload: 1.047 measured on full frames, plus HTTP."""

BURST_S = 0.25
"""How much unused allowance a bucket keeps."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Allowance of one cap, in wire bits; negative: a debt to wait off."""

    level_bits: float = 0.0
    at_ms: int = 0

    def refilled(self, rate_bps: int | None, now_ms: int) -> "Bucket":
        """The bucket at ``now_ms``, having filled at ``rate_bps`` since it was last looked at."""
        if rate_bps is None:
            return Bucket(0.0, now_ms)
        gained = rate_bps * max(now_ms - self.at_ms, 0) / 1000
        return Bucket(min(self.level_bits + gained, rate_bps * BURST_S), now_ms)

    def spent(self, payload_bytes: int) -> "Bucket":
        bits = payload_bytes * 8 * WIRE_BYTES_PER_PAYLOAD_BYTE
        return replace(self, level_bits=self.level_bits - bits)

    def ready_in_ms(self, rate_bps: int | None) -> int:
        """How long until the debt is paid; 0: none."""
        if rate_bps is None or self.level_bits >= 0:
            return 0
        return int(-self.level_bits * 1000 / rate_bps) + 1 if rate_bps else 60_000


@dataclass(frozen=True, slots=True)
class Cap:
    """One node of the tree as it stands now."""

    rate_bps: int | None
    granted_bps: int = 0
    ready_in_ms: int = 0

    @property
    def free_bps(self) -> int | None:
        return None if self.rate_bps is None else max(self.rate_bps - self.granted_bps, 0)


def free_bps(caps: Mapping[str, Cap], path: Sequence[str]) -> int | None:
    """What a new span under all caps of ``path`` may be granted; None: as fast as it goes."""
    limits = [free for key in path if (free := caps[key].free_bps) is not None]
    return min(limits, default=None)


def payload_bps(wire_bps: int) -> int:
    """The payload rate that fills a wire rate."""
    return max(int(wire_bps / WIRE_BYTES_PER_PAYLOAD_BYTE), 1)
