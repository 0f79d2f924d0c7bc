"""Contacts: when which site was in reach, over what, and what it brought."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from layover_central.store.rows import new_id
from layover_central.store.schema import contacts


@dataclass(frozen=True, slots=True)
class Contact:
    id: int
    site_id: int
    depot_id: int | None
    link: str
    address: str
    start_ms: int
    end_ms: int | None
    received_bytes: int
    offset_ms: int
    uncertainty_ms: int


_COLUMNS = tuple(contacts.c[name] for name in Contact.__dataclass_fields__)


def _contact(row: Row[Any]) -> Contact:
    return Contact(**row._asdict())


async def begin(
    connection: AsyncConnection,
    site_id: int,
    depot_id: int | None,
    link: str,
    address: str,
    now_ms: int,
    offset_ms: int,
    uncertainty_ms: int,
) -> int:
    """Opens a contact; any that a dead central left open ends where it began to be unknown."""
    await connection.execute(
        update(contacts)
        .where(contacts.c.site_id == site_id, contacts.c.end_ms.is_(None))
        .values(end_ms=contacts.c.start_ms)
    )
    result = await connection.execute(
        insert(contacts).values(
            site_id=site_id,
            depot_id=depot_id,
            link=link,
            address=address,
            start_ms=now_ms,
            received_bytes=0,
            offset_ms=offset_ms,
            uncertainty_ms=uncertainty_ms,
        )
    )
    return new_id(result)


async def end(
    connection: AsyncConnection, contact_id: int, now_ms: int, received_bytes: int
) -> None:
    await connection.execute(
        update(contacts)
        .where(contacts.c.id == contact_id)
        .values(end_ms=now_ms, received_bytes=received_bytes)
    )


async def of_site(connection: AsyncConnection, site_id: int, limit: int = 50) -> list[Contact]:
    """Youngest first."""
    rows = await connection.execute(
        select(*_COLUMNS)
        .where(contacts.c.site_id == site_id)
        .order_by(contacts.c.start_ms.desc())
        .limit(limit)
    )
    return [_contact(row) for row in rows]
