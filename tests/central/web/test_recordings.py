from typing import Any

import httpx
import pytest

RECORDINGS = "/api/v1/sites/bus-217/recordings"
MINUTE = 60_000


@pytest.fixture
async def bus(stage: Any) -> int:
    site_id = int(await stage.site("bus-217"))
    await stage.records(site_id, "front", stage.clock.ms - 60 * MINUTE, count=3)
    await stage.records(site_id, "rear", stage.clock.ms - 58 * MINUTE, gone=True)
    await stage.seen(site_id, stage.status(("front", "rear")))
    return site_id


async def test_what_the_mirror_knows_with_its_age(client: httpx.AsyncClient, bus: int) -> None:
    listing = (await client.get(RECORDINGS)).json()
    assert listing["as_of"] == "2026-11-21T10:59:55Z"
    assert listing["complete"] is True
    assert len(listing["recordings"]) == 4
    first = listing["recordings"][0]
    assert {k: v for k, v in first.items() if k != "id"} == {
        "camera": "front",
        "start": "2026-11-21T10:00:00Z",
        "end": "2026-11-21T10:01:00Z",
        "size_bytes": 1_000_000,
        "state": "present",
        "held": False,
        "damaged": False,
        "confidence": "sure",
    }


@pytest.mark.parametrize(
    ("query", "starts"),
    [
        ("camera=FRONT", ["10:00", "10:01", "10:02"]),
        ("camera=rear", ["10:02"]),
        ("from=10:01", ["10:01", "10:02", "10:02"]),
        ("to=2026-11-21T10:01:00Z", ["10:00"]),
        ("from=10:01&to=10:02&camera=front", ["10:01"]),
    ],
)
async def test_filters(client: httpx.AsyncClient, bus: int, query: str, starts: list[str]) -> None:
    listing = (await client.get(f"{RECORDINGS}?{query}")).json()
    assert [r["start"][11:16] for r in listing["recordings"]] == starts


async def test_a_listing_that_was_cut_says_so(client: httpx.AsyncClient, bus: int) -> None:
    listing = (await client.get(f"{RECORDINGS}?limit=2")).json()
    assert (len(listing["recordings"]), listing["complete"]) == (2, False)


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("from=soon", "from: "),
        ("to=25:00", "to: "),
        ("limit=0", "limit: "),
        ("limit=5001", "limit: "),
        ("camera=frnt", "cameras: "),
    ],
)
async def test_a_filter_that_is_none(
    client: httpx.AsyncClient, bus: int, query: str, word: str
) -> None:
    answer = await client.get(f"{RECORDINGS}?{query}")
    assert answer.status_code == 400
    assert word in answer.json()["detail"]


class TestFile:
    URL = "/api/v1/recordings/1/file"
    PATH = "bus-217/front/2026-11-21/100000.000Z--100100.000Z-aabbccdd.mp4"
    DATA = bytes(range(256)) * 100

    @pytest.fixture(autouse=True)
    async def _asked(self, client: httpx.AsyncClient, bus: int) -> None:
        span = {"from": "2026-11-21T10:00:00Z", "to": "+1m"}
        asked = {"sites": ["bus-217"], "cameras": ["front"], **span}
        assert (await client.post("/api/v1/requests", json=asked)).status_code == 201

    async def test_it_is_there_once_it_is_complete(
        self, client: httpx.AsyncClient, stage: Any
    ) -> None:
        answer = await client.get(self.URL)
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
        await stage.saved(1, self.DATA, self.PATH)
        answer = await client.get(self.URL)
        assert answer.status_code == 200
        assert answer.content == self.DATA
        assert answer.headers["content-type"] == "video/mp4"
        disposition = answer.headers["content-disposition"]
        assert disposition.startswith("inline; ")
        assert "bus-217%20front%202026-11-21%20100000" in disposition

    async def test_a_player_may_seek(self, client: httpx.AsyncClient, stage: Any) -> None:
        await stage.saved(1, self.DATA, self.PATH)
        answer = await client.get(self.URL, headers={"range": "bytes=100-199"})
        assert answer.status_code == 206
        assert answer.content == self.DATA[100:200]
        assert answer.headers["content-range"] == f"bytes 100-199/{len(self.DATA)}"

    async def test_a_file_that_was_moved_away(self, client: httpx.AsyncClient, stage: Any) -> None:
        await stage.saved(1, self.DATA, self.PATH)
        (stage.central.settings.archive_folder / self.PATH).unlink()
        answer = await client.get(self.URL)
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found")

    async def test_no_path_leads_out_of_the_archive(
        self, client: httpx.AsyncClient, stage: Any
    ) -> None:
        await stage.saved(1, self.DATA, "../secret.mp4")
        assert (await client.get(self.URL)).status_code == 404

    async def test_no_name_makes_a_page_of_a_file(
        self, client: httpx.AsyncClient, stage: Any
    ) -> None:
        await stage.saved(1, b"<script>alert(1)</script>", "bus-217/front/x.html")
        answer = await client.get(self.URL)
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["x-content-type-options"] == "nosniff"

    @pytest.mark.parametrize("transfer_id", ["0", "2", "x", str(1 << 70), "../1"])
    async def test_a_transfer_that_is_none(
        self, client: httpx.AsyncClient, transfer_id: str
    ) -> None:
        answer = await client.get(f"/api/v1/recordings/{transfer_id}/file")
        assert answer.status_code in {400, 404}
        assert answer.headers["content-type"] == "application/problem+json"
