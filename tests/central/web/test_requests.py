from typing import Any

import httpx
import pytest

from layover_central.core.warnings import Chance, Level, Outlook
from layover_central.live import TransferLive

REQUESTS = "/api/v1/requests"
SPAN = {"from": "2026-11-21T10:00:00Z", "to": "+3m"}
MINUTE = 60_000
FATES = [
    *("saved", "pending", "unknown", "lost"),
    *("damaged", "stopped", "not-recorded", "untold"),
]


@pytest.fixture
async def bus(stage: Any) -> int:
    """bus-217 was seen; front and Rear recorded from 10:00 for five minutes."""
    site_id = int(await stage.site("bus-217"))
    for camera in ("front", "Rear"):
        await stage.records(site_id, camera, stage.clock.ms - 60 * MINUTE, count=5)
    await stage.seen(site_id, stage.status(("front", "Rear")))
    return site_id


def wish(**changes: Any) -> dict[str, Any]:
    return {"sites": ["bus-217"], "cameras": ["front"]} | SPAN | changes


async def test_what_was_asked_is_answered_as_it_was_read(
    client: httpx.AsyncClient, bus: int
) -> None:
    asked = wish(priority="urgent", needed_by="18:00", reason="fall in the bus", case="A-17")
    answer = await client.post(REQUESTS, json=asked)
    assert answer.status_code == 201
    request = answer.json()
    assert request == {
        "id": 1,
        "state": "queued",
        "state_since": "2026-11-21T11:00:00Z",
        "why": "bus-217 not in reach",
        "asked_at": "2026-11-21T11:00:00Z",
        "from": "2026-11-21T10:00:00Z",
        "to": "2026-11-21T10:03:00Z",
        "priority": "urgent",
        "needed_by": "2026-11-21T18:00:00Z",
        "reason": "fall in the bus",
        "case": "A-17",
        "cameras": [{"site": "bus-217", "camera": "front"}],
        "tally_ms": dict.fromkeys(FATES, 0) | {"pending": 3 * MINUTE},
        "bytes": {"wanted": 3_000_000, "verified": 0, "received": 0},
        "outlook": [],
        "transfers_total": 3,
        "transfers_done": 0,
        "notes": [],
    }
    assert (await client.get(REQUESTS)).json() == [request]


async def test_times_without_an_offset_are_the_depots(
    client: httpx.AsyncClient, stage: Any, bus: int
) -> None:
    await client.post("/api/v1/depots", json={"name": "Hof", "zone": "Europe/Berlin"})
    await client.patch("/api/v1/sites/bus-217", json={"depot": "Hof"})
    asked = wish(**{"from": "11:00", "to": "2026-11-21 11:03", "needed_by": "18:00"})
    request = (await client.post(REQUESTS, json=asked)).json()
    assert (request["from"], request["to"]) == ("2026-11-21T10:00:00Z", "2026-11-21T10:03:00Z")
    assert request["needed_by"] == "2026-11-21T17:00:00Z"


async def test_sites_of_two_zones_need_an_offset(
    client: httpx.AsyncClient, stage: Any, bus: int
) -> None:
    await stage.records(await stage.site("bus-3"), "front", stage.clock.ms - MINUTE)
    await client.post("/api/v1/depots", json={"name": "Hof", "zone": "Europe/Berlin"})
    await client.patch("/api/v1/sites/bus-217", json={"depot": "Hof"})
    both = {"sites": ["bus-217", "bus-3"], "from": "2026-11-21 10:00"}
    answer = await client.post(REQUESTS, json=wish(**both))
    assert answer.status_code == 400
    assert "different zones" in answer.json()["detail"]
    assert (await client.post(REQUESTS, json=wish(sites=both["sites"]))).status_code == 201


async def test_without_cameras_all_that_are_known(client: httpx.AsyncClient, bus: int) -> None:
    asked = wish()
    del asked["cameras"]
    request = (await client.post(REQUESTS, json=asked)).json()
    assert [c["camera"] for c in request["cameras"]] == ["Rear", "front"]
    assert request["transfers_total"] == 6


async def test_a_camera_that_closed_nothing_yet_is_known(
    client: httpx.AsyncClient, stage: Any, bus: int
) -> None:
    await stage.seen(bus, stage.status(("front", "Rear", "door")))
    request = (await client.post(REQUESTS, json=wish(cameras=["door"]))).json()
    assert request["notes"] == []
    assert request["tally_ms"]["unknown"] + request["tally_ms"]["not-recorded"] == 3 * MINUTE


async def test_another_case_is_said(client: httpx.AsyncClient, bus: int) -> None:
    request = (await client.post(REQUESTS, json=wish(cameras=["REAR", "Rear"]))).json()
    assert request["cameras"] == [{"site": "bus-217", "camera": "Rear"}]
    assert request["notes"] == ["bus-217: 'REAR' was taken as 'Rear'"]


async def test_a_case_that_fits_two_is_no_guess(
    client: httpx.AsyncClient, stage: Any, bus: int
) -> None:
    await stage.records(bus, "FRONT", stage.clock.ms - 60 * MINUTE)
    answer = await client.post(REQUESTS, json=wish(cameras=["Front"]))
    assert answer.status_code == 400
    assert "'FRONT'" in answer.json()["detail"] and "'front'" in answer.json()["detail"]
    assert (await client.post(REQUESTS, json=wish(cameras=["front"]))).status_code == 201


async def test_a_hostile_camera_is_asked_for_as_it_is_shown(
    client: httpx.AsyncClient, stage: Any, bus: int
) -> None:
    await stage.records(bus, "door‮\x07", stage.clock.ms - 60 * MINUTE)
    shown = (await client.get("/api/v1/sites/bus-217")).json()["cameras"]
    name = next(c["name"] for c in shown if c["name"].startswith("door"))
    request = (await client.post(REQUESTS, json=wish(cameras=[name]))).json()
    assert request["transfers_total"] == 1


async def test_a_site_that_was_never_seen_takes_names_on_trust(
    client: httpx.AsyncClient, stage: Any
) -> None:
    await stage.site("bus-9")
    asked = wish(sites=["bus-9"])
    request = (await client.post(REQUESTS, json=asked)).json()
    assert request["cameras"] == [{"site": "bus-9", "camera": "front"}]
    assert request["notes"] == ["bus-9 was never in reach: its cameras could not be checked"]
    assert request["tally_ms"]["unknown"] == 3 * MINUTE
    del asked["cameras"]
    answer = await client.post(REQUESTS, json=asked)
    assert answer.status_code == 400
    assert "no camera of bus-9 is known yet" in answer.json()["detail"]


async def test_a_span_that_is_still_being_recorded(client: httpx.AsyncClient, bus: int) -> None:
    asked = wish(**{"from": "2026-11-21T10:59:00Z", "to": "+30m"})
    request = (await client.post(REQUESTS, json=asked)).json()
    assert "ends in the future" in request["notes"][0]


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("no site", {"sites": []}, "sites: "),
    ("a site with NUL", {"sites": ["bus\0"]}, "U+0000"),
    ("no camera", {"cameras": []}, "cameras: "),
    ("an unknown camera", {"cameras": ["frnt"]}, "no camera 'frnt'"),
    ("a camera with NUL", {"cameras": ["a\0"]}, "U+0000"),
    ("a camera with a direction mark", {"cameras": ["a‮"]}, "U+202E"),
    ("a camera of 300 characters", {"cameras": ["a" * 300]}, "cameras.0: "),
    ("a reversed span", {"to": "2026-11-21T09:00:00Z"}, "span: "),
    ("an empty span", {"to": "2026-11-21T10:00:00Z"}, "span: "),
    ("a span of two years", {"from": "2024-11-21T10:00:00Z", "to": "2026-11-21 10:00"}, "366"),
    ("the future", {"from": "2026-11-21T11:00:01Z"}, "footage that does not exist yet"),
    ("an end in the future", {"to": "2026-11-21T12:00:01Z"}, "more than an hour from now"),
    ("30 February", {"from": "2026-02-30 10:00"}, "span: "),
    ("25 o'clock", {"from": "25:00"}, "span: "),
    ("the year 1", {"from": "0001-01-01T00:00:00Z"}, "span: "),
    ("the year 9999", {"from": "9999-12-31T23:59:59Z"}, "span: "),
    ("words", {"from": "yesterday"}, "span: "),
    ("a number for a time", {"from": 1795258800}, "from: "),
    ("no time", {"from": ""}, "from: "),
    ("an endless duration", {"to": "+999999999d"}, "366"),
    ("a bad needed-by", {"needed_by": "later"}, "needed_by: "),
    ("a priority nobody knows", {"priority": "asap"}, "priority: "),
    ("a reason with a control character", {"reason": "a\x1b[31m"}, "U+001B"),
    ("a case without end", {"case": "x" * 3000}, "case: "),
    ("a field nobody knows", {"camera": "front"}, "camera: "),
]


@pytest.mark.parametrize(("change", "word"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
async def test_a_request_that_is_refused(
    client: httpx.AsyncClient, bus: int, change: dict[str, Any], word: str
) -> None:
    answer = await client.post(REQUESTS, json=wish(**change))
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == "bad-input"
    assert word in problem["detail"]
    assert problem["hint"]
    assert (await client.get(REQUESTS)).json() == []


@pytest.mark.parametrize("label", ["bus-271", "../bus-217", "x" * 300, "‮712-sub"])
async def test_an_unknown_site_is_no_request(
    client: httpx.AsyncClient, bus: int, label: str
) -> None:
    answer = await client.post(REQUESTS, json=wish(sites=["bus-217", label]))
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
    assert (await client.get(REQUESTS)).json() == []


async def test_nearest_names(client: httpx.AsyncClient, bus: int) -> None:
    answer = await client.post(REQUESTS, json=wish(sites=["bus-271"]))
    assert "bus-217" in answer.json()["hint"]
    answer = await client.post(REQUESTS, json=wish(cameras=["fronk"]))
    assert "front" in answer.json()["hint"]


class TestIdempotency:
    async def test_a_repeated_request_is_the_same(
        self, client: httpx.AsyncClient, stage: Any, bus: int
    ) -> None:
        headers = {"Idempotency-Key": "k-1"}
        first = await client.post(REQUESTS, json=wish(), headers=headers)
        stage.clock.ms += 1000
        again = await client.post(REQUESTS, json=wish(), headers=headers)
        assert (first.status_code, again.status_code) == (201, 200)
        assert again.json() == first.json()
        assert len((await client.get(REQUESTS)).json()) == 1

    async def test_without_a_key_it_is_another(self, client: httpx.AsyncClient, bus: int) -> None:
        ids = [(await client.post(REQUESTS, json=wish())).json()["id"] for _ in range(2)]
        assert ids == [1, 2]

    async def test_a_key_is_for_one_request(self, client: httpx.AsyncClient, bus: int) -> None:
        headers = {"Idempotency-Key": "k-1"}
        await client.post(REQUESTS, json=wish(), headers=headers)
        answer = await client.post(REQUESTS, json=wish(to="+2m"), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")

    @pytest.mark.parametrize("key", ["", "x" * 129, "a\tb", "é".encode("latin-1")])
    async def test_a_key_that_is_none(
        self, client: httpx.AsyncClient, bus: int, key: str | bytes
    ) -> None:
        raw = key.encode() if isinstance(key, str) else key
        headers = [(b"Idempotency-Key", raw)]
        answer = await client.post(REQUESTS, json=wish(), headers=headers)
        assert answer.status_code == 400
        assert "Idempotency-Key" in answer.json()["detail"]


async def test_the_outlook_of_an_open_request(
    client: httpx.AsyncClient, stage: Any, bus: int
) -> None:
    await client.post(REQUESTS, json=wish())
    stage.central.live.outlooks[(1, bus)] = Outlook(Chance.AT_RISK, Level.WARN, "why", "remedy")
    assert (await client.get(REQUESTS)).json()[0]["outlook"] == [
        {"site": "bus-217", "chance": "at-risk", "level": "warn", "why": "why", "remedy": "remedy"}
    ]


async def test_one_request_with_pieces_and_transfers(
    client: httpx.AsyncClient, stage: Any, bus: int
) -> None:
    await client.post(REQUESTS, json=wish())
    data = b"\0" * 500
    await stage.saved(1, data, "bus-217/front/2026-11-21/x.mp4")
    stage.central.live.transfers[2] = TransferLive(rate_bps=0, waits="the window is closed")
    detail = (await client.get(f"{REQUESTS}/1")).json()
    assert [(p["from"][11:16], p["to"][11:16], p["fate"]) for p in detail["pieces"]] == [
        ("10:00", "10:01", "saved"),
        ("10:01", "10:02", "pending"),
        ("10:02", "10:03", "pending"),
    ]
    saved, waiting, third = detail["transfers"]
    assert saved["state"] == "complete"
    assert saved["path"] == "bus-217/front/2026-11-21/x.mp4"
    assert saved["file_url"] == "/api/v1/recordings/1/file"
    assert (saved["verified_bytes"], saved["received_bytes"]) == (500, 600)
    assert (saved["start"], saved["end"]) == ("2026-11-21T10:00:00Z", "2026-11-21T10:01:00Z")
    assert saved["recording_id"] == detail["pieces"][0]["recording_id"]
    assert (waiting["waits"], waiting["file_url"]) == ("the window is closed", None)
    assert (third["waits"], third["sha256"]) == ("", None)
    assert detail["bytes"] == {"wanted": 2_000_500, "verified": 500, "received": 600}
    assert (detail["transfers_total"], detail["transfers_done"]) == (3, 1)
    listed = (await client.get(REQUESTS)).json()[0]
    assert listed == {name: detail[name] for name in listed}


async def test_spans_are_in_true_time_whatever_the_sites_clock(
    client: httpx.AsyncClient, stage: Any
) -> None:
    site_id = await stage.site("bus-5")
    await stage.records(site_id, "front", stage.clock.ms - 120 * MINUTE, count=3)
    await stage.seen(site_id, stage.status(("front",)), offset_ms=60 * MINUTE)
    detail_id = (await client.post(REQUESTS, json=wish(sites=["bus-5"]))).json()["id"]
    detail = (await client.get(f"{REQUESTS}/{detail_id}")).json()
    assert [t["start"][11:16] for t in detail["transfers"]] == ["10:00", "10:01", "10:02"]


class TestStop:
    async def test_what_is_there_stays(
        self, client: httpx.AsyncClient, stage: Any, bus: int
    ) -> None:
        await client.post(REQUESTS, json=wish())
        await stage.saved(1, b"x", "bus-217/front/x.mp4")
        request = (await client.post(f"{REQUESTS}/1/stop")).json()
        assert request["state"] == "stopped"
        assert request["tally_ms"]["saved"] == MINUTE
        assert request["tally_ms"]["stopped"] == 2 * MINUTE
        states = [t["state"] for t in (await client.get(f"{REQUESTS}/1")).json()["transfers"]]
        assert states == ["complete", "stopped", "stopped"]

    async def test_what_another_request_needs_goes_on(
        self, client: httpx.AsyncClient, bus: int
    ) -> None:
        await client.post(REQUESTS, json=wish())
        await client.post(REQUESTS, json=wish(to="+1m"))
        await client.post(f"{REQUESTS}/1/stop")
        states = [t["state"] for t in (await client.get(f"{REQUESTS}/2")).json()["transfers"]]
        assert states == ["wanted"]

    async def test_only_once(self, client: httpx.AsyncClient, bus: int) -> None:
        await client.post(REQUESTS, json=wish())
        await client.post(f"{REQUESTS}/1/stop")
        answer = await client.post(f"{REQUESTS}/1/stop")
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


async def test_the_listing_is_filtered(client: httpx.AsyncClient, stage: Any, bus: int) -> None:
    await stage.site("bus-9")
    for asked in (wish(), wish(sites=["bus-9"]), wish(sites=["bus-9", "bus-217"])):
        await client.post(REQUESTS, json=asked)
    await client.post(f"{REQUESTS}/1/stop")

    async def ids(query: str) -> list[int]:
        return [r["id"] for r in (await client.get(f"{REQUESTS}?{query}")).json()]

    assert await ids("") == [3, 2, 1]
    assert await ids("site=BUS-9") == [3, 2]
    assert await ids("state=stopped") == [1]
    assert await ids("state=queued&site=bus-217") == [3]
    assert await ids("limit=1") == [3]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("?state=lively", 400),
        ("?limit=0", 400),
        ("?limit=501", 400),
        ("?site=bus-0", 404),
        ("/9", 404),
        ("/0", 400),
        ("/-1", 400),
        ("/x", 400),
        (f"/{1 << 70}", 400),
    ],
)
async def test_a_listing_that_is_none(client: httpx.AsyncClient, path: str, status: int) -> None:
    answer = await client.get(REQUESTS + path)
    assert answer.status_code == status
    assert answer.json()["status"] == status
