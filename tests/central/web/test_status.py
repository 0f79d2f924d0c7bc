import shutil
from typing import Any

import httpx

from layover_central.live import FaultLive


async def test_central_at_a_glance(client: httpx.AsyncClient, stage: Any) -> None:
    site_id = await stage.site("bus-217")
    await stage.site("bus-218")
    await client.post("/api/v1/sites/bus-217/certificate", content=stage.signing_request())
    await stage.records(site_id, "front", stage.clock.ms - 600_000, count=2)
    stage.in_reach(site_id)
    asked = {"sites": ["bus-217"], "from": "2026-11-21T10:50:00Z", "to": "+2m"}
    await client.post("/api/v1/requests", json=asked)
    await stage.saved(1, b"x" * 700, "a/b/c.mp4")
    stage.central.live.faults["disk"] = FaultLive("disk", stage.clock.ms, "full", "free some")
    status = (await client.get("/api/v1/status")).json()
    assert status["archive"].pop("free_bytes") > 0
    states = ["queued", "waiting", "retrieving", "paused", "complete"]
    states += ["partial", "lost", "not-recorded", "stopped"]
    assert status == {
        "version": "0.1.0",
        "now": "2026-11-21T11:00:00Z",
        "started_at": "2026-11-21T10:00:00Z",
        "sites": {"total": 2, "in_contact": 1, "enrolled": 1, "pending": 1},
        "requests": dict.fromkeys(states, 0) | {"waiting": 1},
        "warnings_open": 0,
        "archive": {
            "recordings": 1,
            "size_bytes": 700,
            "received_bytes": 800,
            "resent_bytes": 100,
        },
        "faults": [
            {
                "code": "disk",
                "since": "2026-11-21T11:00:00Z",
                "text": "full",
                "remedy": "free some",
            }
        ],
    }


async def test_an_archive_that_is_away_hides_only_its_space(
    client: httpx.AsyncClient, stage: Any
) -> None:
    shutil.rmtree(stage.central.settings.archive_folder)
    answer = await client.get("/api/v1/status")
    assert answer.status_code == 200
    assert answer.json()["archive"]["free_bytes"] is None


async def test_healthz(client: httpx.AsyncClient) -> None:
    answer = await client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
