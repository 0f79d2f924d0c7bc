"""Depots: named places whose link is shared."""

from dataclasses import dataclass

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from layover_central.core.labels import fold, nearest
from layover_central.errors import Kind, LayoverError
from layover_central.store.rows import new_id
from layover_central.store.schema import depots


@dataclass(frozen=True, slots=True)
class Depot:
    id: int
    name: str
    zone: str
    cap: str
    networks: tuple[str, ...]
    slots: int


_COLUMNS = (
    depots.c.id,
    depots.c.name,
    depots.c.zone,
    depots.c.cap,
    depots.c.networks,
    depots.c.slots,
)


def _depot(row: tuple[int, str, str, str, str, int]) -> Depot:
    return Depot(row[0], row[1], row[2], row[3], tuple(row[4].split()), row[5])


async def add(
    connection: AsyncConnection,
    name: str,
    zone: str,
    cap: str,
    networks: tuple[str, ...],
    slots: int,
) -> Depot:
    """A new depot. CONFLICT where the name is taken, in whatever case."""
    values = {
        "name": name,
        "folded": fold(name),
        "zone": zone,
        "cap": cap,
        "networks": "\n".join(networks),
        "slots": slots,
    }
    try:
        result = await connection.execute(insert(depots).values(values))
    except IntegrityError as error:
        raise LayoverError(Kind.CONFLICT, f"there is a depot {name!r} already") from error
    return Depot(new_id(result), name, zone, cap, networks, slots)


async def change(connection: AsyncConnection, depot: Depot) -> None:
    """Writes zone, cap, networks and slots of an existing depot."""
    await connection.execute(
        update(depots)
        .where(depots.c.id == depot.id)
        .values(
            zone=depot.zone, cap=depot.cap, networks="\n".join(depot.networks), slots=depot.slots
        )
    )


async def listing(connection: AsyncConnection) -> list[Depot]:
    rows = await connection.execute(select(*_COLUMNS).order_by(depots.c.folded))
    return [_depot(tuple(row)) for row in rows]


async def named(connection: AsyncConnection, name: str) -> Depot:
    """NOT_FOUND with the nearest names where there is no such depot."""
    row = (await connection.execute(select(*_COLUMNS).where(depots.c.folded == fold(name)))).first()
    if row is None:
        near = nearest(name, [d.name for d in await listing(connection)])
        hint = f"Did you mean {', '.join(near)}?" if near else "layover depot list shows them."
        raise LayoverError(Kind.NOT_FOUND, f"there is no depot {name!r}", hint)
    return _depot(tuple(row))
