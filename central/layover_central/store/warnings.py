"""Warnings, each about one request at one site, with how it ended."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from layover_central.core.expiry import Expiry
from layover_central.core.warnings import Outlook
from layover_central.store.schema import warnings


@dataclass(frozen=True, slots=True)
class Warning_:
    """A row of ``warnings``."""

    id: int
    request_id: int
    site_id: int
    level: str
    raised_ms: int
    updated_ms: int
    ended_ms: int | None
    outcome: str | None
    why: str
    remedy: str
    early_ms: int | None
    likely_ms: int | None
    expected_ms: int | None


_COLUMNS = tuple(warnings.c[name] for name in Warning_.__dataclass_fields__)


def _warning(row: Row[Any]) -> Warning_:
    return Warning_(**row._asdict())


async def raise_or_update(
    connection: AsyncConnection,
    request_id: int,
    site_id: int,
    outlook: Outlook,
    expiry: Expiry | None,
    expected_ms: int | None,
    now_ms: int,
) -> bool:
    """Raises a warning or changes the open one; whether anything changed in kind."""
    values = {
        "level": str(outlook.level),
        "why": outlook.why,
        "remedy": outlook.remedy,
        "early_ms": expiry.early_ms if expiry else None,
        "likely_ms": expiry.likely_ms if expiry else None,
        "expected_ms": expected_ms,
    }
    known = await current(connection, request_id, site_id)
    if known is None:
        await connection.execute(
            insert(warnings).values(
                request_id=request_id,
                site_id=site_id,
                raised_ms=now_ms,
                updated_ms=now_ms,
                **values,
            )
        )
        return True
    if all(getattr(known, name) == value for name, value in values.items()):
        return False
    await connection.execute(
        update(warnings).where(warnings.c.id == known.id).values(updated_ms=now_ms, **values)
    )
    return (known.level, known.why) != (values["level"], values["why"])


async def current(connection: AsyncConnection, request_id: int, site_id: int) -> Warning_ | None:
    """The open warning about a request at a site."""
    row = (
        await connection.execute(
            select(*_COLUMNS).where(
                warnings.c.request_id == request_id,
                warnings.c.site_id == site_id,
                warnings.c.ended_ms.is_(None),
            )
        )
    ).first()
    return None if row is None else _warning(row)


async def end(
    connection: AsyncConnection, request_id: int, site_id: int, outcome: str, now_ms: int
) -> bool:
    """Ends the open warning with its outcome; whether there was one."""
    result = await connection.execute(
        update(warnings)
        .where(
            warnings.c.request_id == request_id,
            warnings.c.site_id == site_id,
            warnings.c.ended_ms.is_(None),
        )
        .values(ended_ms=now_ms, updated_ms=now_ms, outcome=outcome)
    )
    return bool(result.rowcount)


async def listing(connection: AsyncConnection, *, ended: bool = True) -> list[Warning_]:
    """Open ones first, then by age; with ``ended`` false only the open ones."""
    query = select(*_COLUMNS).order_by(warnings.c.ended_ms.is_not(None), warnings.c.id.desc())
    if not ended:
        query = query.where(warnings.c.ended_ms.is_(None))
    return [_warning(row) for row in await connection.execute(query)]
