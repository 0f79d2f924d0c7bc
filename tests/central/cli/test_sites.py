import stat
from pathlib import Path

import pytest
from central.cli.conftest import MINUTE_MS, NOW_MS, Fleet, Run, signing_request

LAST_MS = 253_402_300_799_000
"""The end of the year 9999."""


@pytest.fixture
def csr(tmp_path: Path) -> Path:
    path = tmp_path / "box.csr"
    path.write_bytes(signing_request())
    return path


def test_a_site_is_added_as_it_was_said(good: Run) -> None:
    good("depot", "add", "north")
    site = good(
        *("site", "add", "bus-217", "--depot", "north", "--address", "10.1.4.17", "--json")
    ).document
    assert (site["label"], site["depot"]) == ("bus-217", "north")
    assert (site["address"], site["state"]) == ("10.1.4.17:8441", "pending")


def test_without_json_the_next_step_is_told(good: Run) -> None:
    out = good("site", "add", "bus-217").out
    assert "bus-217" in out
    assert "layover site enrol" in out


def test_what_is_left_away_stays_and_an_empty_value_clears(good: Run) -> None:
    good("depot", "add", "north")
    good("site", "add", "bus-217", "--depot", "north", "--address", "10.1.4.17:9000")
    changed = good("site", "set", "bus-217", "--address", "", "--json").document
    assert (changed["depot"], changed["address"]) == ("north", None)
    changed = good("site", "set", "bus-217", "--depot", "", "--json").document
    assert (changed["depot"], changed["address"]) == (None, None)


def test_an_expected_time_is_the_depots_and_is_shown_with_a_zone(good: Run, bus: str) -> None:
    site = good("site", "expect", bus, "22:10", "--json").document
    assert site["expected"] == "2026-11-21T21:10:00Z"
    assert "2026-11-21 22:10:00+01:00" in good("site", "expect", bus, "22:10").out


def test_an_expectation_is_taken_back(good: Run, bus: str) -> None:
    good("site", "expect", bus, "22:10")
    assert good("site", "expect", bus, "never", "--json").document["expected"] is None


@pytest.mark.parametrize("command", [("sites",), ("site", "list")])
def test_both_spellings_list_the_same(good: Run, bus: str, command: tuple[str, ...]) -> None:
    assert [s["label"] for s in good(*command, "--json").document] == [bus]
    out = good(*command).out
    assert bus in out
    assert "front" in out


def test_an_empty_listing_says_how_to_go_on(good: Run) -> None:
    assert good("sites", "--json").document == []
    assert "layover site add" in good("sites").out


def test_a_site_is_shown_with_what_it_has(good: Run, bus: str) -> None:
    site = good("site", "show", bus, "--json").document
    assert {c["name"]: c["recordings"] for c in site["cameras"]} == {"Rear": 5, "front": 5}
    out = good("site", "show", bus).out
    assert "front" in out
    assert "Rear" in out


def test_recordings_are_listed_with_the_age_of_that_knowledge(good: Run, bus: str) -> None:
    found = good("site", "recordings", bus, "--json").document
    assert found["as_of"] == "2026-11-21T10:59:55Z"
    assert len(found["recordings"]) == 10
    assert "2026-11-21 11:59:55+01:00" in good("site", "recordings", bus).out


def test_recordings_are_filtered_by_camera_and_span(good: Run, bus: str) -> None:
    found = good(
        *("site", "recordings", bus, "--camera", "front"),
        *("--from", "11:01", "--to", "11:03", "--json"),
    ).document["recordings"]
    assert [(r["camera"], r["start"]) for r in found] == [
        ("front", "2026-11-21T10:01:00Z"),
        ("front", "2026-11-21T10:02:00Z"),
    ]


def test_a_listing_that_was_cut_says_so(good: Run, bus: str, fleet: Fleet) -> None:
    fleet.records(bus, "roof", NOW_MS - 600 * MINUTE_MS, 501)
    assert (
        good("site", "recordings", bus, "--camera", "roof", "--json").document["complete"] is False
    )
    assert "more" in good("site", "recordings", bus, "--camera", "roof").out


def test_a_site_that_claims_the_end_of_time_is_still_shown(
    good: Run, bus: str, fleet: Fleet
) -> None:
    """Its time has no reading in a zone east of UTC."""
    fleet.records(bus, "roof", LAST_MS - MINUTE_MS, 1)
    assert "roof" in good("site", "recordings", bus, "--camera", "roof").out
    assert "roof" in good("site", "show", bus).out


def test_a_hostile_name_is_shown_as_text(good: Run, bus: str, fleet: Fleet) -> None:
    fleet.records(bus, "[red]x[/]", NOW_MS - 60 * MINUTE_MS, 1)
    fleet.records(bus, "\x1b[2J\u202eevil", NOW_MS - 60 * MINUTE_MS, 1)
    for command in (("sites",), ("site", "show", bus), ("site", "recordings", bus)):
        out = good(*command).out
        assert "[red]x[/]" in out
        assert "�[2J�evil" in out
        assert "\x1b" not in out
        assert "\u202e" not in out


def test_enrolling_writes_the_bundle_for_its_owner_alone(
    good: Run, bus: str, csr: Path, tmp_path: Path
) -> None:
    out = tmp_path / "box.pem"
    told = good("site", "enrol", bus, "--csr", csr, "--out", out).out
    assert out.read_text().count("BEGIN CERTIFICATE") == 2
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    site = good("site", "show", bus, "--json").document
    assert site["state"] == "enrolled"
    assert site["identity_spoken"] in told
    assert "layover-agent enrol" in told


def test_a_bundle_is_not_overwritten_unless_told(
    layover: Run, bus: str, csr: Path, tmp_path: Path
) -> None:
    out = tmp_path / "box.pem"
    out.write_text("precious")
    result = layover("site", "enrol", bus, "--csr", csr, "--out", out)
    assert result.code == 4
    assert "--force" in result.err
    assert out.read_text() == "precious"
    assert layover("site", "show", bus, "--json").document["state"] == "pending"


def test_an_overwritten_bundle_is_for_its_owner_alone_too(
    good: Run, bus: str, csr: Path, tmp_path: Path
) -> None:
    out = tmp_path / "box.pem"
    out.write_text("old")
    out.chmod(0o644)
    good("site", "enrol", bus, "--csr", csr, "--out", out, "--force")
    assert "BEGIN CERTIFICATE" in out.read_text()
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_a_failed_enrolment_leaves_an_old_bundle_alone(
    layover: Run, bus: str, csr: Path, tmp_path: Path
) -> None:
    out = tmp_path / "box.pem"
    out.write_text("old")
    assert layover("site", "enrol", "bus-1", "--csr", csr, "--out", out, "--force").code == 3
    assert out.read_text() == "old"


def test_another_key_needs_replace(layover: Run, bus: str, csr: Path, tmp_path: Path) -> None:
    assert layover("site", "enrol", bus, "--csr", csr, "--out", tmp_path / "1.pem").code == 0
    again = layover("site", "enrol", bus, "--csr", csr, "--out", tmp_path / "2.pem")
    assert again.code == 0
    csr.write_bytes(signing_request())
    third = tmp_path / "3.pem"
    refused = layover("site", "enrol", bus, "--csr", csr, "--out", third)
    assert refused.code == 4
    assert "replace" in refused.err
    assert not third.exists()
    assert layover("site", "enrol", bus, "--csr", csr, "--out", third, "--replace").code == 0


@pytest.mark.parametrize(
    ("csr_name", "out_name", "code"),
    [
        pytest.param("absent.csr", "box.pem", 2, id="no certificate request"),
        pytest.param(".", "box.pem", 2, id="a folder as certificate request"),
        pytest.param("garbage.csr", "box.pem", 2, id="garbage as certificate request"),
        pytest.param("huge.csr", "box.pem", 2, id="a certificate request of 2 MB"),
        pytest.param("box.csr", "absent/box.pem", 2, id="no folder for the bundle"),
    ],
)
def test_files_that_do_not_do(
    layover: Run, bus: str, csr: Path, tmp_path: Path, csr_name: str, out_name: str, code: int
) -> None:
    (tmp_path / "garbage.csr").write_text("garbage")
    (tmp_path / "huge.csr").write_bytes(bytes(2_000_000))
    csr_path, out = tmp_path / csr_name, tmp_path / out_name
    result = layover("site", "enrol", bus, "--csr", csr_path, "--out", out)
    assert (result.code, result.out) == (code, "")
    assert result.err.startswith("layover: ")
    assert not out.exists()
