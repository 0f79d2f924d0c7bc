"""Warnings: footage that may be overwritten before it can be saved."""

from typing import Annotated

from fastapi import APIRouter, Query

from layover_central.core.warnings import Level
from layover_central.store import sites, warnings
from layover_central.store.warnings import Warning_
from layover_central.web.models import WarningOut
from layover_central.web.parts import Here
from layover_central.web.problems import documented
from layover_central.web.wording import moment

router = APIRouter(prefix="/warnings", tags=["warnings"])


@router.get(
    "",
    summary="Warnings, open ones first",
    description="`open=false` shows the ended ones too, with how they ended.",
    responses=documented(),
)
async def listing(
    central: Here,
    only_open: Annotated[bool, Query(alias="open")] = True,
    limit: Annotated[int, Query(ge=1, le=5000)] = 500,
) -> list[WarningOut]:
    async with central.store.begin() as connection:
        labels = {site.id: site.label for site in await sites.listing(connection)}
        found = await warnings.listing(connection, ended=not only_open)
    return [_out(warning, labels[warning.site_id]) for warning in found[:limit]]


def _out(warning: Warning_, site: str) -> WarningOut:
    return WarningOut(
        id=warning.id,
        request=warning.request_id,
        site=site,
        level=Level(warning.level),
        raised_at=moment(warning.raised_ms),
        updated_at=moment(warning.updated_ms),
        ended_at=moment(warning.ended_ms),
        outcome=warning.outcome,
        why=warning.why,
        remedy=warning.remedy,
        expires_early=moment(warning.early_ms),
        expires_likely=moment(warning.likely_ms),
        expected=moment(warning.expected_ms),
    )
