"""``layover site``: boxes, where they are and what they have."""

import os
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from layover_central.cli import show
from layover_central.cli.client import client, place
from layover_central.cli.options import Json, Key, Url
from layover_central.errors import Kind, LayoverError

app = typer.Typer(help="Sites: the boxes on vehicles and in shops.", no_args_is_help=True)

Depot = Annotated[str | None, typer.Option(help="Home depot.")]
Address = Annotated[
    str | None, typer.Option(help="HOST:PORT, where there is no announcement (multicast).")
]


@app.command("add")
def add(
    label: str,
    depot: Depot = None,
    address: Address = None,
    url: Url = "",
    key: Key = "",
    json: Json = False,
) -> None:
    """Add a site. Example: layover site add bus-217 --depot north --address 10.1.4.17:8441"""
    body = {"label": label, **_given(depot=depot, address=address)}
    with client(url, key) as central:
        _shown(central.post("/sites", body), json)


@app.command("set")
def change(
    label: str,
    depot: Depot = None,
    address: Address = None,
    url: Url = "",
    key: Key = "",
    json: Json = False,
) -> None:
    """Change a site's home depot or address; an empty one forgets it. Example: layover site set
    bus-217 --depot north"""
    body = _given(depot=depot, address=address)
    with client(url, key) as central:
        _shown(central.patch(place("sites", label), _nulled(body)), json)


@app.command("expect")
def expect(label: str, when: str, url: Url = "", key: Key = "", json: Json = False) -> None:
    """Say when a site is expected, or `never` to take it back. Example: layover site expect
    bus-217 22:10"""
    expected = None if when == "never" else when
    with client(url, key) as central:
        site = central.patch(place("sites", label), {"expected": expected})
    if json:
        show.as_json(site)
    elif site["expected"] is None:
        show.say(f"{site['label']}: nobody knows when it comes")
    else:
        show.say(f"{site['label']}: expected {show.moment(site['expected'])}")


@app.command("show")
def one(label: str, url: Url = "", key: Key = "", json: Json = False) -> None:
    """Show what is known of a site, and since when. Example: layover site show bus-217"""
    with client(url, key) as central:
        _shown(central.get(place("sites", label)), json)


@app.command("list")
def listing(url: Url = "", key: Key = "", json: Json = False) -> None:
    """List the sites. Example: layover site list"""
    with client(url, key) as central:
        found = central.get("/sites")
    if json:
        show.as_json(found)
        return
    show.table(
        ("site", "depot", "state", "presence", "last seen", "expected", "queue", "cameras"),
        (
            (
                s["label"],
                s["depot"],
                s["state"],
                s["presence"],
                show.moment(s["last_seen"]),
                show.moment(s["expected"]) if s["expected"] else "unknown",
                f"{s['queue']['transfers']} ({show.size(s['queue']['bytes'])})",
                ", ".join(show.plain(c["name"]) for c in s["cameras"]),
            )
            for s in found
        ),
        "There is no site yet: layover site add LABEL",
    )


@app.command("enrol")
def enrol(
    label: str,
    csr: Annotated[Path, typer.Option(help="The box's certificate request.")],
    out: Annotated[Path, typer.Option(help="Where to write the bundle for the box.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Another box stands there now: forget the old key.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the bundle's file.")] = False,
    url: Url = "",
    key: Key = "",
) -> None:
    """Certify a box's key. Example: layover site enrol bus-217 --csr box.csr --out box.pem"""
    if out.exists() and not force:
        raise LayoverError(Kind.CONFLICT, f"{out} exists already", "--force overwrites it.")
    if out.is_dir() or not out.parent.is_dir():
        raise LayoverError(Kind.BAD_INPUT, f"{out} is no place for a file", "Name a file.")
    try:
        data = csr.read_bytes()
    except OSError as error:
        raise LayoverError(Kind.BAD_INPUT, f"cannot read {csr}: {error.strerror}") from error
    with client(url, key) as central:
        path = place("sites", label)
        bundle = central.send_file(f"{path}/certificate", data, replace=str(replace).lower())
        site = central.get(path)
    _write(out, bundle)
    show.say(f"{site['label']} is enrolled as {site['identity_spoken']}")
    show.say(f"Take {out} to the box: layover-agent enrol --config BOX.toml {out.name}")


@app.command("recordings")
def recordings(
    label: str,
    camera: Annotated[str | None, typer.Option(help="Only this camera.")] = None,
    begin: Annotated[str | None, typer.Option("--from", help="Begin of the span.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="End of the span.")] = None,
    url: Url = "",
    key: Key = "",
    json: Json = False,
) -> None:
    """List what the site has, as of its last manifest. Example: layover site recordings bus-217
    --camera front --from 10:00 --to +15m"""
    query = {"camera": camera, "from": begin, "to": end}
    with client(url, key) as central:
        found = central.get(place("sites", label) + "/recordings", **query)
    if json:
        show.as_json(found)
        return
    show.say(f"as of {show.moment(found['as_of'])}")
    show.table(
        ("camera", "start", "end", "size", "state"),
        (
            (
                r["camera"],
                show.moment(r["start"]),
                show.moment(r["end"]),
                show.size(r["size_bytes"]),
                " ".join([r["state"], *(mark for mark in ("held", "damaged") if r.get(mark))]),
            )
            for r in found["recordings"]
        ),
        "nothing known",
    )
    if not found["complete"]:
        show.say("there are more: narrow it with --camera, --from and --to")


def _write(path: Path, data: bytes) -> None:
    """A file for its owner alone, there whole or not at all."""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise LayoverError(
            Kind.BAD_INPUT,
            f"cannot write {path}: {error.strerror}",
            "The site is enrolled: the same command with another --out gives the bundle again.",
        ) from error


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _nulled(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value or None for name, value in body.items()}


def _shown(site: Any, json: bool) -> None:
    if json:
        show.as_json(site)
        return
    show.say(
        f"{site['label']}: {site['state']}, {site['presence']}, "
        f"last seen {show.moment(site['last_seen'])}"
    )
    if site["state"] == "pending":
        show.say("  not enrolled yet: layover site enrol takes the box's certificate request")
    for fault in site["faults"]:
        show.say(f"  {fault['severity']}: {fault['text']} ({fault['remedy']})")
    for camera in site["cameras"]:
        show.say(
            f"  {show.plain(camera['name'])}: {camera['recordings']} recordings, "
            f"{show.size(camera['size_bytes'])}, last end {show.moment(camera['last_end'])}"
        )
