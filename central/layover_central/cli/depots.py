"""``layover depot``: places whose link is shared."""

from typing import Annotated, Any

import typer

from layover_central.cli import show
from layover_central.cli.client import client, place
from layover_central.cli.options import Json, Key, Url

app = typer.Typer(help="Depots: named places whose link is shared.", no_args_is_help=True)

Networks = Annotated[
    str | None, typer.Option(help="CIDR networks, with commas: 10.1.0.0/16,10.2.0.0/16.")
]
Cap = Annotated[str | None, typer.Option(help='Timetable: "22:00 20Mbit/s, 05:00 2Mbit/s".')]
Zone = Annotated[str | None, typer.Option(help="Time zone, as Europe/Berlin.")]
Slots = Annotated[int | None, typer.Option(help="Recordings retrieved at a time.")]


@app.command("add")
def add(
    name: str,
    networks: Networks = None,
    cap: Cap = None,
    zone: Zone = None,
    slots: Slots = None,
    url: Url = "",
    key: Key = "",
    json: Json = False,
) -> None:
    """Add a depot. Example: layover depot add north --networks 10.1.0.0/16 --cap "22:00 20Mbit/s,
    05:00 2Mbit/s" """
    body = {"name": name, **_body(networks, cap, zone, slots)}
    with client(url, key) as central:
        _shown(central.post("/depots", body), json)


@app.command("set")
def change(
    name: str,
    networks: Networks = None,
    cap: Cap = None,
    zone: Zone = None,
    slots: Slots = None,
    url: Url = "",
    key: Key = "",
    json: Json = False,
) -> None:
    """Change a depot; what is left away stays. Example: layover depot set north --cap unlimited"""
    with client(url, key) as central:
        _shown(central.patch(place("depots", name), _body(networks, cap, zone, slots)), json)


@app.command("list")
def listing(url: Url = "", key: Key = "", json: Json = False) -> None:
    """List the depots with their caps now. Example: layover depot list"""
    with client(url, key) as central:
        found = central.get("/depots")
    if json:
        show.as_json(found)
        return
    show.table(
        ("depot", "zone", "cap now", "until", "cap", "networks", "slots"),
        (
            (
                d["name"],
                d["zone"],
                show.rate(d["rate_now_bps"]),
                show.moment(d["next_change"]) if d["next_change"] else "",
                d["cap"] or "unlimited",
                " ".join(d["networks"]),
                d["slots"],
            )
            for d in found
        ),
        "There is no depot yet: layover depot add NAME",
    )


def _body(
    networks: str | None, cap: str | None, zone: str | None, slots: int | None
) -> dict[str, Any]:
    given = {
        "networks": None if networks is None else [n for n in networks.split(",") if n],
        "cap": cap,
        "zone": zone,
        "slots": slots,
    }
    return {name: value for name, value in given.items() if value is not None}


def _shown(depot: Any, json: bool) -> None:
    if json:
        show.as_json(depot)
        return
    show.say(
        f"{depot['name']}: cap now {show.rate(depot['rate_now_bps'])}, "
        f"timetable {depot['cap'] or 'unlimited'} ({depot['zone']})"
    )
