from typing import Any

import httpx

from layover_central.core.expiry import Expiry
from layover_central.core.warnings import Chance, Level, Outlook
from layover_central.store import warnings

WARNINGS = "/api/v1/warnings"


async def test_a_warning_until_it_ends(client: httpx.AsyncClient, stage: Any) -> None:
    site_id = await stage.site("bus-217")
    asked = {"sites": ["bus-217"], "cameras": ["front"], "from": "10:00", "to": "+1m"}
    await client.post("/api/v1/requests", json=asked)
    now_ms = stage.clock.ms
    outlook = Outlook(Chance.UNLIKELY, Level.CRITICAL, "likely overwritten", "bring it in")
    expiry = Expiry(now_ms + 1_000, now_ms + 2_000, now_ms + 3_000)
    async with stage.central.store.begin() as connection:
        await warnings.raise_or_update(
            connection, 1, site_id, outlook, expiry, now_ms + 4_000, now_ms
        )
    (warning,) = (await client.get(WARNINGS)).json()
    assert warning == {
        "id": 1,
        "request": 1,
        "site": "bus-217",
        "level": "critical",
        "raised_at": "2026-11-21T11:00:00Z",
        "updated_at": "2026-11-21T11:00:00Z",
        "ended_at": None,
        "outcome": None,
        "why": "likely overwritten",
        "remedy": "bring it in",
        "expires_early": "2026-11-21T11:00:01Z",
        "expires_likely": "2026-11-21T11:00:02Z",
        "expected": "2026-11-21T11:00:04Z",
    }
    async with stage.central.store.begin() as connection:
        await warnings.end(connection, 1, site_id, "lost", now_ms)
    assert (await client.get(f"{WARNINGS}?open=true")).json() == []
    (ended,) = (await client.get(f"{WARNINGS}?open=false")).json()
    assert (ended["outcome"], ended["ended_at"]) == ("lost", "2026-11-21T11:00:00Z")


async def test_a_question_that_is_none(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{WARNINGS}?open=perhaps")
    assert answer.status_code == 400
    assert "open: " in answer.json()["detail"]
