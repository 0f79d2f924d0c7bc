"""A site's clock against the truth: true time = site time + offset, each known only so well."""

NOISE_MS = 500
"""An offset below this is what the network does, not what the clock is off by."""


def correction_ms(offset_ms: int | None, uncertainty_ms: int | None) -> int:
    """What to add to a site's times. An offset within its own uncertainty, or in the noise, is
    none: correcting by it would only make the same recording's time differ between contacts."""
    if offset_ms is None or abs(offset_ms) <= max(uncertainty_ms or 0, NOISE_MS):
        return 0
    return offset_ms


def slack_ms(offset_ms: int | None, uncertainty_ms: int | None) -> int:
    """How far a corrected time may still be off."""
    if offset_ms is None:
        return 0
    left_ms = abs(offset_ms - correction_ms(offset_ms, uncertainty_ms))
    return left_ms + (uncertainty_ms or 0)
