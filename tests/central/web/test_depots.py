from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from layover_central.changes import Changes, Topic

DEPOTS = "/api/v1/depots"
YARD = {
    "name": "Nordhof",
    "zone": "Europe/Berlin",
    "cap": "06:00 2Mbit/s,  22:00 20000kbit/s",
    "networks": ["10.20.0.0/16"],
    "slots": 4,
}


async def test_a_depot_with_its_rate_now(client: httpx.AsyncClient) -> None:
    answer = await client.post(DEPOTS, json=YARD)
    assert answer.status_code == 201
    depot = answer.json()
    assert depot["cap"] == "06:00 2Mbit/s, 22:00 20Mbit/s"
    assert depot["rate_now_bps"] == 2_000_000
    assert depot["next_change"] == "2026-11-21T21:00:00Z"
    assert (await client.get(DEPOTS)).json() == [depot]


async def test_what_is_left_away_has_its_default(client: httpx.AsyncClient) -> None:
    depot = (await client.post(DEPOTS, json={"name": "Hof"})).json()
    assert depot == {
        "name": "Hof",
        "zone": "UTC",
        "cap": "",
        "networks": [],
        "slots": 8,
        "rate_now_bps": None,
        "next_change": None,
    }


async def test_a_change_keeps_the_rest_and_rereads_the_cap(client: httpx.AsyncClient) -> None:
    await client.post(DEPOTS, json=YARD)
    answer = await client.patch(f"{DEPOTS}/nordhof", json={"zone": "UTC", "slots": 2})
    assert answer.status_code == 200
    assert answer.json()["next_change"] == "2026-11-21T22:00:00Z"
    assert answer.json()["slots"] == 2
    assert answer.json()["networks"] == ["10.20.0.0/16"]
    cleared = await client.patch(f"{DEPOTS}/nordhof", json={"cap": "", "networks": []})
    assert (cleared.json()["rate_now_bps"], cleared.json()["networks"]) == (None, [])


async def test_depots_are_told_as_news(client: httpx.AsyncClient, app: FastAPI) -> None:
    changes: Changes = app.state.central.changes
    with changes.subscribed() as news:
        await client.post(DEPOTS, json=YARD)
        await client.patch(f"{DEPOTS}/Nordhof", json={"slots": 2})
        assert [news.get_nowait(), news.get_nowait()] == [Topic.DEPOTS] * 2


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"name": "../etc"}, "name: "),
        ({"name": "a\0b"}, "U+0000"),
        ({"name": "x" * 300}, "300"),
        ({"name": "a‮b"}, "U+202E"),
        ({"name": ""}, "name: "),
        ({"name": 7}, "name: "),
        ({"zone": "Europe/Berlun"}, "zone: "),
        ({"zone": "../../etc/passwd"}, "zone: "),
        ({"zone": "Europe"}, "zone: "),
        ({"zone": ""}, "zone: "),
        ({"zone": "a\0"}, "zone: "),
        ({"cap": "06:00 20"}, "cap: "),
        ({"cap": "off"}, "cap: "),
        ({"cap": "Mon-Fri 25:00 2Mbit/s"}, "cap: "),
        ({"cap": "x" * 3000}, "cap: "),
        ({"networks": ["10.20.0.1/16"]}, "networks: "),
        ({"networks": "10.20.0.0/16"}, "networks: "),
        ({"slots": 0}, "slots: "),
        ({"slots": "many"}, "slots: "),
        ({"slots": 2**70}, "slots: "),
        ({"slot": 3}, "slot: "),
    ],
)
async def test_a_depot_that_is_refused(
    client: httpx.AsyncClient, change: dict[str, Any], word: str
) -> None:
    answer = await client.post(DEPOTS, json=YARD | change)
    assert answer.status_code == 400
    problem = answer.json()
    assert problem["code"] == "bad-input"
    assert word in problem["detail"]
    assert problem["hint"]
    assert (await client.get(DEPOTS)).json() == []


async def test_a_zone_that_is_nearly_right(client: httpx.AsyncClient) -> None:
    problem = (await client.post(DEPOTS, json=YARD | {"zone": "Europe/Berlun"})).json()
    assert "Europe/Berlin" in problem["hint"]


async def test_names_are_taken_in_whatever_case(client: httpx.AsyncClient) -> None:
    await client.post(DEPOTS, json=YARD)
    answer = await client.post(DEPOTS, json=YARD | {"name": "NORDHOF"})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


async def test_an_unknown_depot_has_neighbours(client: httpx.AsyncClient) -> None:
    await client.post(DEPOTS, json=YARD)
    answer = await client.patch(f"{DEPOTS}/Nordhoff", json={"slots": 2})
    assert answer.status_code == 404
    assert "Nordhof" in answer.json()["hint"]
