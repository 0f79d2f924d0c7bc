"""A request in words: what was understood, how it looks, what became of every stretch."""

from collections import defaultdict
from typing import Any

from layover_central.cli import show
from layover_central.core.requests import Fate

MOST_SITES = 5
"""Sites that are named one by one; ``--json`` has them all."""

_CAUSES = {
    Fate.UNKNOWN: "the site has not told of it yet",
    Fate.LOST: "overwritten before it was saved",
    Fate.DAMAGED: "its bytes do not match their digests",
    Fate.STOPPED: "the request was stopped",
    Fate.NOT_RECORDED: "the site has no recording of it",
    Fate.UNTOLD: "older than anything the site told of: overwritten, or never recorded",
}


def summary(found: Any) -> None:
    """What was understood and how it looks."""
    why = f" ({found['why']})" if found["why"] else ""
    show.say(f"request {found['id']}: {found['state']}{why}")
    show.say(f"  {show.moment(found['from'])} to {show.moment(found['to'])}")
    for line in _cameras(found["cameras"]):
        show.say(f"  {line}")
    wanted = show.size(found["bytes"]["wanted"])
    show.say(f"  matches {show.many(found['transfers_total'], 'recording')}, {wanted}")
    sums = (f"{fate} {show.span_ms(ms)}" for fate, ms in found["tally_ms"].items() if ms)
    show.say(f"  {', '.join(sums)}")
    for note in found["notes"]:
        show.say(f"  note: {note}")
    for outlook in found["outlook"]:
        helps = f" (what helps: {outlook['remedy']})" if outlook["remedy"] else ""
        show.say(f"  {outlook['site']}: {outlook['chance']}: {outlook['why']}{helps}")


def pieces(found: Any) -> None:
    """Every stretch of every camera with its fate, and why it is not saved."""
    by_recording = {(t["site"], t["recording_id"]): t for t in found["transfers"]}
    show.table(
        ("site", "camera", "from", "to", "fate", "why"),
        (
            (
                p["site"],
                p["camera"],
                show.moment(p["from"]),
                show.moment(p["to"]),
                p["fate"],
                cause(p, by_recording.get((p["site"], p["recording_id"])), found["why"]),
            )
            for p in found["pieces"]
        ),
        "",
    )


def transfers(found: Any) -> None:
    """Every recording that is fetched for it, and the file where it is in the archive."""
    show.table(
        ("transfer", "site", "camera", "state", "verified", "rate", "held", "file in the archive"),
        (
            (
                t["id"],
                t["site"],
                t["camera"],
                t["state"],
                f"{show.size(t['verified_bytes'])} of {show.size(t['size_bytes'])}",
                show.rate(t["rate_bps"]) if t["rate_bps"] else "",
                "held" if t["held"] else "",
                t["path"],
            )
            for t in found["transfers"]
        ),
        "no recording is known yet",
    )


def _cameras(cameras: Any) -> list[str]:
    of_site: dict[str, list[str]] = defaultdict(list)
    for camera in cameras:
        of_site[camera["site"]].append(camera["camera"])
    lines = [f"{site}: {', '.join(names)}" for site, names in of_site.items()]
    rest = len(lines) - MOST_SITES
    return lines if rest <= 0 else [*lines[:MOST_SITES], f"and {show.many(rest, 'more site')}"]


def cause(piece: Any, transfer: Any, why: str) -> str:
    """Why a stretch is not saved: by its transfer, if there is one, else by its fate; ``why``
    is what the request as a whole waits for. Empty: it is saved."""
    if piece["fate"] == Fate.SAVED:
        return ""
    if transfer is not None:
        if transfer["error"] or transfer["waits"]:
            return str(transfer["error"] or transfer["waits"])
        if transfer["rate_bps"]:
            return f"coming at {show.rate(transfer['rate_bps'])}"
    if piece["fate"] == Fate.PENDING:
        held = transfer is not None and transfer["held"]
        return f"held at the site; {why}" if held else why
    return _CAUSES.get(piece["fate"], "")
