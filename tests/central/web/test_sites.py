from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from layover_agent.wire.identity import identity_of_certificate, spoken
from layover_agent.wire.types import Fault

SITES = "/api/v1/sites"
HOSTILE = "<img src=x onerror=alert(1)>‮\x07"


async def test_a_new_site_says_that_nothing_is_known(client: httpx.AsyncClient) -> None:
    answer = await client.post(SITES, json={"label": "bus-217", "address": "10.0.0.7"})
    assert answer.status_code == 201
    assert answer.json() == {
        "label": "bus-217",
        "depot": None,
        "state": "pending",
        "identity": None,
        "identity_spoken": None,
        "address": "10.0.0.7:8441",
        "presence": "absent",
        "presence_since": None,
        "last_seen": None,
        "expected": None,
        "offset_ms": None,
        "offset_uncertainty_ms": None,
        "manifest": {"as_of": None, "epoch": None, "seq": 0},
        "cameras": [],
        "agent": None,
        "faults": [],
        "queue": {"transfers": 0, "bytes": 0},
        "link_bps": None,
    }
    assert (await client.get(f"{SITES}/BUS-217")).json() == answer.json()


async def test_a_site_as_it_was_last_seen(client: httpx.AsyncClient, stage: Any) -> None:
    site_id = await stage.site("bus-217")
    fault = Fault(code="disk", severity="critical", since_ms=stage.clock.ms, text="t", remedy="r")
    await stage.records(site_id, "front", stage.clock.ms - 600_000, count=3)
    await stage.seen(site_id, stage.status(("front",), (fault,)), offset_ms=2_500)
    stage.in_reach(site_id, link_bps=40_000_000)
    site = (await client.get(f"{SITES}/bus-217")).json()
    assert site["presence"] == "reachable"
    assert site["link_bps"] == 40_000_000
    assert site["last_seen"] == "2026-11-21T11:00:00Z"
    assert site["offset_ms"] == 2_500
    assert site["manifest"] == {"as_of": "2026-11-21T10:59:57.500Z", "epoch": "e1", "seq": 3}
    assert site["cameras"] == [
        {
            "name": "front",
            "recordings": 3,
            "size_bytes": 3_000_000,
            "first_start": "2026-11-21T10:50:02.500Z",
            "last_end": "2026-11-21T10:53:02.500Z",
        }
    ]
    assert site["faults"][0]["since"] == "2026-11-21T11:00:02.500Z"
    assert site["agent"]["holds"]["method"] == "link"
    assert (await client.get(SITES)).json() == [site]


async def test_the_listing_follows_the_mirror(client: httpx.AsyncClient, stage: Any) -> None:
    site_id = await stage.site("bus-217")
    await stage.records(site_id, "front", stage.clock.ms - 600_000)
    assert (await client.get(SITES)).json()[0]["cameras"][0]["recordings"] == 1
    await stage.records(site_id, "front", stage.clock.ms - 300_000)
    assert (await client.get(SITES)).json()[0]["cameras"][0]["recordings"] == 2


async def test_what_a_site_says_is_made_harmless(client: httpx.AsyncClient, stage: Any) -> None:
    site_id = await stage.site("bus-217")
    fault = Fault(
        code=HOSTILE, severity=HOSTILE, since_ms=1 << 62, text=HOSTILE * 100, remedy=HOSTILE
    )
    await stage.records(site_id, HOSTILE, -(1 << 61), length_ms=1 << 61)
    await stage.seen(site_id, stage.status((HOSTILE,), (fault,) * 500, HOSTILE))
    answer = await client.get(SITES)
    assert answer.status_code == 200
    assert "\\u202e" not in ascii(answer.text) and "\\x07" not in ascii(answer.text)
    site = answer.json()[0]
    assert len(site["faults"]) == 50
    assert site["faults"][0]["since"].startswith("9999-")
    assert len(site["faults"][0]["text"]) <= 400
    assert site["cameras"][0]["first_start"] == "1970-01-01T00:00:00Z"
    listed = await client.get(f"{SITES}/bus-217/recordings")
    assert listed.status_code == 200


async def test_a_status_that_cannot_be_read_hides_only_itself(
    client: httpx.AsyncClient, stage: Any
) -> None:
    from layover_central.store import sites

    site_id = await stage.site("bus-217")
    async with stage.central.store.begin() as connection:
        await sites.change(connection, site_id, {"status": '{"identity": 7'})
    site = (await client.get(f"{SITES}/bus-217")).json()
    assert (site["agent"], site["faults"]) == (None, [])


async def test_changes_are_made_and_cleared(client: httpx.AsyncClient) -> None:
    await client.post("/api/v1/depots", json={"name": "Nordhof", "zone": "Europe/Berlin"})
    await client.post(SITES, json={"label": "bus-217"})
    change = {"depot": "NORDHOF", "address": "[fd00::1]:9", "expected": "22:10"}
    site = (await client.patch(f"{SITES}/bus-217", json=change)).json()
    assert site["depot"] == "Nordhof"
    assert site["address"] == "[fd00::1]:9"
    assert site["expected"] == "2026-11-21T21:10:00Z"
    same = (await client.patch(f"{SITES}/bus-217", json={})).json()
    assert same == site
    cleared = {"depot": None, "address": None, "expected": None}
    site = (await client.patch(f"{SITES}/bus-217", json=cleared)).json()
    assert {name: site[name] for name in cleared} == cleared


@pytest.mark.parametrize(
    "expected",
    [
        "2026-11-21T23:10:00+02:00",
        "2026-11-21 21:10Z",
        "2026-11-21 21:10",
        "21:10",
    ],
)
async def test_expected_as_people_type_it(client: httpx.AsyncClient, expected: str) -> None:
    await client.post(SITES, json={"label": "bus-217"})
    site = (await client.patch(f"{SITES}/bus-217", json={"expected": expected})).json()
    assert site["expected"] == "2026-11-21T21:10:00Z"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"expected": "soon"}, "expected: "),
        ({"expected": "25:00"}, "expected: "),
        ({"expected": "2026-02-30 10:00"}, "expected: "),
        ({"expected": "2020-01-01T00:00:00Z"}, "expected: "),
        ({"expected": "x" * 300}, "expected: "),
        ({"address": "bus:99999"}, "address: "),
        ({"address": "a b"}, "address: "),
        ({"label": "other"}, "label: "),
        ({"state": "enrolled"}, "state: "),
    ],
)
async def test_a_change_that_is_refused(
    client: httpx.AsyncClient, change: dict[str, Any], word: str
) -> None:
    before = (await client.post(SITES, json={"label": "bus-217"})).json()
    answer = await client.patch(f"{SITES}/bus-217", json=change)
    assert answer.status_code == 400
    assert word in answer.json()["detail"]
    assert (await client.get(f"{SITES}/bus-217")).json() == before


@pytest.mark.parametrize(
    "label",
    ["../bus", "a/b", "a\\b", "a\0b", "x" * 300, "a‮b", "a‏b", "", " bus", "bus.", "a\ud800b", "📹"],
)
async def test_a_label_that_is_refused(client: httpx.AsyncClient, label: str) -> None:
    import json

    body = json.dumps({"label": label})
    answer = await client.post(SITES, content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-input")
    assert "label" in answer.json()["detail"]
    assert (await client.get(SITES)).json() == []


async def test_labels_are_taken_in_whatever_case(client: httpx.AsyncClient) -> None:
    await client.post(SITES, json={"label": "bus-217"})
    answer = await client.post(SITES, json={"label": "BUS-217"})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


async def test_an_unknown_site_has_neighbours(client: httpx.AsyncClient) -> None:
    await client.post(SITES, json={"label": "bus-217"})
    answer = await client.get(f"{SITES}/bus-271")
    assert answer.status_code == 404
    assert "bus-217" in answer.json()["hint"]


async def test_an_unknown_depot_adds_no_site(client: httpx.AsyncClient) -> None:
    answer = await client.post(SITES, json={"label": "bus-217", "depot": "Nowhere"})
    assert answer.status_code == 404
    assert (await client.get(SITES)).json() == []


class TestCertificate:
    URL = f"{SITES}/bus-217/certificate"

    @pytest.fixture(autouse=True)
    async def _a_site(self, client: httpx.AsyncClient) -> None:
        await client.post(SITES, json={"label": "bus-217"})

    async def test_the_bundle_carries_the_boxs_key(
        self, client: httpx.AsyncClient, stage: Any
    ) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        answer = await client.post(self.URL, content=stage.signing_request(key))
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/x-pem-file"
        certificate, authority = x509.load_pem_x509_certificates(answer.content)
        identity = identity_of_certificate(certificate.public_bytes(Encoding.DER))
        assert authority.subject == certificate.issuer
        site = (await client.get(f"{SITES}/bus-217")).json()
        assert (site["state"], site["identity"]) == ("enrolled", identity)
        assert site["identity_spoken"] == spoken(identity)

    async def test_the_same_key_again_is_fine(self, client: httpx.AsyncClient, stage: Any) -> None:
        request = stage.signing_request()
        await client.post(self.URL, content=request)
        before = (await client.get(f"{SITES}/bus-217")).json()
        assert (await client.post(self.URL, content=request)).status_code == 200
        assert (await client.get(f"{SITES}/bus-217")).json() == before

    async def test_another_key_replaces_only_when_told(
        self, client: httpx.AsyncClient, stage: Any
    ) -> None:
        await client.post(self.URL, content=stage.signing_request())
        before = (await client.get(f"{SITES}/bus-217")).json()["identity"]
        other = stage.signing_request()
        answer = await client.post(self.URL, content=other)
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
        assert (await client.get(f"{SITES}/bus-217")).json()["identity"] == before
        assert (await client.post(f"{self.URL}?replace=true", content=other)).status_code == 200
        assert (await client.get(f"{SITES}/bus-217")).json()["identity"] != before

    async def test_a_revoked_site_comes_back_only_when_told(
        self, client: httpx.AsyncClient, stage: Any
    ) -> None:
        from layover_central.store import sites

        request = stage.signing_request()
        await client.post(self.URL, content=request)
        async with stage.central.store.begin() as connection:
            site = await sites.labelled(connection, "bus-217")
            await sites.change(connection, site.id, {"state": "revoked"})
        assert (await client.post(self.URL, content=request)).status_code == 409
        assert (await client.post(f"{self.URL}?replace=true", content=request)).status_code == 200

    async def test_one_key_is_one_site(self, client: httpx.AsyncClient, stage: Any) -> None:
        request = stage.signing_request()
        await client.post(self.URL, content=request)
        await client.post(SITES, json={"label": "bus-218"})
        answer = await client.post(f"{SITES}/bus-218/certificate", content=request)
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")

    @pytest.mark.parametrize("body", [b"", b"\0" * 100, b"hello", b"-----BEGIN CERTIFICATE"])
    async def test_garbage(self, client: httpx.AsyncClient, body: bytes) -> None:
        answer = await client.post(self.URL, content=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "bad-input")
        assert "layover-agent identity" in answer.json()["hint"]
        assert (await client.get(f"{SITES}/bus-217")).json()["state"] == "pending"

    async def test_a_request_that_is_cut(self, client: httpx.AsyncClient, stage: Any) -> None:
        assert (await client.post(self.URL, content=stage.signing_request()[:-60])).is_client_error

    async def test_another_kind_of_key(self, client: httpx.AsyncClient) -> None:
        key = rsa.generate_private_key(65537, 2048)
        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        pem = request.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
        assert (await client.post(self.URL, content=pem)).status_code == 400

    async def test_more_than_a_request_can_be(self, client: httpx.AsyncClient) -> None:
        assert (await client.post(self.URL, content=b"x" * 20_000)).status_code == 400

    async def test_a_site_nobody_knows(self, client: httpx.AsyncClient, stage: Any) -> None:
        answer = await client.post(f"{SITES}/bus-9/certificate", content=stage.signing_request())
        assert answer.status_code == 404
