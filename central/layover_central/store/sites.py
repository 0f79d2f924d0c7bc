"""Sites: who they are, and what was last known of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from layover_central.core.clocks import correction_ms, slack_ms
from layover_central.core.labels import fold, nearest
from layover_central.errors import Kind, LayoverError
from layover_central.store.schema import sites


@dataclass(frozen=True, slots=True)
class Site:
    """A row of ``sites``; see the schema for what each column means."""

    id: int
    label: str
    depot_id: int | None
    state: str
    identity: str | None
    address: str | None
    expected_ms: int | None
    created_ms: int
    seen_ms: int | None
    offset_ms: int | None
    uncertainty_ms: int | None
    status: str | None
    epoch: str | None
    seq: int
    as_of_ms: int | None

    @property
    def correction_ms(self) -> int:
        """What to add to this site's times to get true time."""
        return correction_ms(self.offset_ms, self.uncertainty_ms)

    @property
    def slack_ms(self) -> int:
        """How far its times may still be off after that."""
        return slack_ms(self.offset_ms, self.uncertainty_ms)


_COLUMNS = tuple(sites.c[name] for name in Site.__dataclass_fields__)


def _site(row: Row[Any]) -> Site:
    return Site(**row._asdict())


async def add(
    connection: AsyncConnection,
    label: str,
    now_ms: int,
    depot_id: int | None = None,
    address: str | None = None,
) -> Site:
    """A new site, pending until it has a certificate. CONFLICT where the label is taken."""
    values = {
        "label": label,
        "folded": fold(label),
        "depot_id": depot_id,
        "address": address,
        "state": "pending",
        "created_ms": now_ms,
        "seq": 0,
    }
    try:
        await connection.execute(insert(sites).values(values))
    except IntegrityError as error:
        raise LayoverError(
            Kind.CONFLICT,
            f"there is a site {label!r} already",
            "Labels are compared without case. layover site set changes an existing site.",
        ) from error
    return await labelled(connection, label)


async def change(connection: AsyncConnection, site_id: int, values: Mapping[str, Any]) -> None:
    """Writes the given columns. CONFLICT where an identity belongs to another site."""
    try:
        await connection.execute(update(sites).where(sites.c.id == site_id).values(dict(values)))
    except IntegrityError as error:
        raise LayoverError(
            Kind.CONFLICT,
            "this key already belongs to another site",
            "Each box makes its own key; copying a box's data folder copies its identity.",
        ) from error


async def listing(connection: AsyncConnection) -> list[Site]:
    rows = await connection.execute(select(*_COLUMNS).order_by(sites.c.folded))
    return [_site(row) for row in rows]


async def by_id(connection: AsyncConnection, site_id: int) -> Site:
    row = (await connection.execute(select(*_COLUMNS).where(sites.c.id == site_id))).one()
    return _site(row)


async def labelled(connection: AsyncConnection, label: str) -> Site:
    """NOT_FOUND with the nearest labels where there is no such site: never a guess."""
    row = (await connection.execute(select(*_COLUMNS).where(sites.c.folded == fold(label)))).first()
    if row is None:
        near = nearest(label, [s.label for s in await listing(connection)])
        hint = f"Did you mean {', '.join(near)}?" if near else "layover site list shows them."
        raise LayoverError(Kind.NOT_FOUND, f"there is no site {label!r}", hint)
    return _site(row)
