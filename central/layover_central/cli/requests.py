"""``layover request`` and what belongs to it: asking, listing, showing, stopping, warnings."""

import shlex
import time
import uuid
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from layover_central.cli import show
from layover_central.cli.client import Client, Lost, client
from layover_central.cli.options import Json, Key, Url
from layover_central.cli.request_view import pieces, summary, transfers
from layover_central.core.requests import TERMINAL
from layover_central.errors import LayoverError

POLL_S = 0.5


def request(
    sites: Annotated[list[str], typer.Argument(help="One or more sites.")],
    begin: Annotated[str, typer.Option("--from", help="Begin; without a zone: the depot's.")],
    end: Annotated[str, typer.Option("--to", help="End, or +15m after the begin.")],
    camera: Annotated[list[str] | None, typer.Option(help="Camera; may be repeated.")] = None,
    priority: Annotated[str, typer.Option(help="low, normal, high or urgent.")] = "normal",
    needed_by: Annotated[str | None, typer.Option(help="When it is needed.")] = None,
    reason: Annotated[str, typer.Option(help="Why it is asked for.")] = "",
    case: Annotated[str, typer.Option(help="Case number.")] = "",
    idempotency_key: Annotated[
        str | None, typer.Option(help="The same key never makes a second request.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Show progress until it has ended.")] = False,
    url: Url = "",
    key: Key = "",
    json: Json = False,
) -> None:
    """Ask for footage. Example: layover request bus-217 --camera front --from "2026-11-21 17:02"
    --to +10m"""
    body: dict[str, Any] = {
        "sites": sites,
        "from": begin,
        "to": end,
        "priority": priority,
        "reason": reason,
        "case": case,
    }
    if camera:
        body["cameras"] = camera
    if needed_by:
        body["needed_by"] = needed_by
    with client(url, key) as central:
        made = _asked(central, body, idempotency_key or str(uuid.uuid4()))
        if wait:
            made = {**_wait(central, made["id"]), "notes": made["notes"]}
    if json:
        show.as_json(made)
        return
    summary(made)


def listing(
    state: Annotated[str | None, typer.Option(help="Only requests in this state.")] = None,
    site: Annotated[str | None, typer.Option(help="Only requests of this site.")] = None,
    url: Url = "",
    key: Key = "",
    json: Json = False,
) -> None:
    """List the requests, youngest first. Example: layover requests --state queued"""
    with client(url, key) as central:
        found = central.get("/requests", state=state, site=site)
    if json:
        show.as_json(found)
        return
    show.table(
        ("id", "state", "sites", "cameras", "from", "to", "saved", "bytes", "why"),
        (
            (
                r["id"],
                r["state"],
                ", ".join(dict.fromkeys(c["site"] for c in r["cameras"])),
                ", ".join(dict.fromkeys(c["camera"] for c in r["cameras"])),
                show.moment(r["from"]),
                show.moment(r["to"]),
                f"{_percent(r['tally_ms'])} %",
                f"{show.size(r['bytes']['verified'])} of {show.size(r['bytes']['wanted'])}",
                r["why"] or _outlook(r),
            )
            for r in found
        ),
        "There is no request yet: layover request SITE --from … --to …",
    )


def one(request_id: int, url: Url = "", key: Key = "", json: Json = False) -> None:
    """Show a request: what became of every stretch of it, and where its files are. Example:
    layover show 12"""
    with client(url, key) as central:
        found = central.get(f"/requests/{request_id}")
    if json:
        show.as_json(found)
        return
    summary(found)
    pieces(found)
    transfers(found)


def stop(request_id: int, url: Url = "", key: Key = "", json: Json = False) -> None:
    """Stop a request; what it has retrieved stays. Example: layover stop 12"""
    with client(url, key) as central:
        found = central.post(f"/requests/{request_id}/stop", {})
    if json:
        show.as_json(found)
        return
    summary(found)


def warnings(
    everything: Annotated[bool, typer.Option("--all", help="Ended ones as well.")] = False,
    url: Url = "",
    key: Key = "",
    json: Json = False,
) -> None:
    """List what may be overwritten before it is saved. Example: layover warnings --all"""
    with client(url, key) as central:
        found = central.get("/warnings", open=str(not everything).lower())
    if json:
        show.as_json(found)
        return
    show.table(
        ("level", "request", "site", "since", "expires", "expected", "outcome", "why", "remedy"),
        (
            (
                w["level"],
                w["request"],
                w["site"],
                show.moment(w["raised_at"]),
                f"{show.moment(w['expires_early'])} to {show.moment(w['expires_likely'])}"
                if w["expires_early"]
                else "unknown",
                show.moment(w["expected"]) if w["expected"] else "unknown",
                w["outcome"] or "open",
                w["why"],
                w["remedy"],
            )
            for w in found
        ),
        "No warnings.",
    )


def _asked(central: Client, body: dict[str, Any], idempotency_key: str) -> Any:
    """Asks, and once more where the answer is lost: by its key it stays one request."""
    headers = {"Idempotency-Key": idempotency_key}
    try:
        return central.post("/requests", body, headers)
    except Lost as lost:
        try:
            return central.post("/requests", body, headers)
        except LayoverError as error:
            again = f"--idempotency-key {shlex.quote(idempotency_key)}"
            raise LayoverError(
                error.kind, error.detail, f"Repeat it with {again}: it is not asked twice."
            ) from lost


def _wait(central: Client, request_id: int) -> Any:
    terminal = {str(state) for state in TERMINAL}
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    screen = Console(stderr=True)
    with Progress(*columns, console=screen, disable=not screen.is_terminal) as progress:
        task = progress.add_task(f"request {request_id}", total=None)
        while True:
            found = central.get(f"/requests/{request_id}")
            progress.update(
                task,
                description=f"request {request_id}: {found['state']}",
                completed=found["bytes"]["verified"],
                total=found["bytes"]["wanted"] or None,
            )
            if found["state"] in terminal:
                return found
            time.sleep(POLL_S)


def _outlook(found: Any) -> str:
    return "; ".join(f"{o['chance']}: {o['why']}" for o in found["outlook"])


def _percent(tally_ms: dict[str, int]) -> int:
    """Rounded down: nothing that is missing is rounded away."""
    return 100 * tally_ms["saved"] // max(sum(tally_ms.values()), 1)
