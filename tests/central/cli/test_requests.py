import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from central.cli.conftest import MINUTE_MS, NOW_MS, Fleet, Run

from layover_central.store import requests, transfers
from layover_central.store.transfers import TransferState

SPAN = ("--from", "11:00", "--to", "+3m")


@contextmanager
def ending(fleet: Fleet, state: TransferState) -> Iterator[None]:
    """While the block runs, the first request is waited for and its transfers then end."""
    failed: list[BaseException] = []

    async def asked() -> bool:
        async with fleet.central.store.begin() as connection:
            known = await requests.listing(connection)
            return bool(known) and bool(await transfers.of_request(connection, known[0].id))

    def play() -> None:
        try:
            deadline_s = time.monotonic() + 20
            while not fleet.do(asked()):
                assert time.monotonic() < deadline_s
                time.sleep(0.02)
            fleet.becomes(1, state)
        except BaseException as error:
            failed.append(error)

    player = threading.Thread(target=play)
    player.start()
    try:
        yield
    finally:
        player.join(30)
    assert not failed


def test_a_request_is_stored_as_it_was_said(good: Run, bus: str) -> None:
    request = good(
        *("request", bus, "--camera", "front", "--camera", "Rear", *SPAN, "--json"),
        *("--priority", "urgent", "--needed-by", "18:00", "--reason", "a fall", "--case", "A-17"),
    ).document
    assert (request["from"], request["to"]) == ("2026-11-21T10:00:00Z", "2026-11-21T10:03:00Z")
    assert {c["camera"] for c in request["cameras"]} == {"front", "Rear"}
    assert (request["priority"], request["needed_by"]) == ("urgent", "2026-11-21T17:00:00Z")
    assert (request["reason"], request["case"]) == ("a fall", "A-17")
    assert good("requests", "--json").document == [request]


def test_without_json_it_is_told_what_was_understood(good: Run, bus: str) -> None:
    out = good("request", bus, *SPAN).out
    assert "request 1" in out
    assert "2026-11-21 11:00:00+01:00" in out
    assert "2026-11-21 11:03:00+01:00" in out
    assert "pending 6.0 min" in out


def test_without_json_it_is_told_what_matches(good: Run, bus: str) -> None:
    """Cameras were left away: which ones were taken, and how much it is, is worth knowing."""
    out = good("request", bus, *SPAN).out
    assert "front" in out
    assert "Rear" in out
    assert "6 recordings" in out
    assert "6.0 MB" in out


def test_a_request_over_sites_names_them_all(good: Run, bus: str, fleet: Fleet) -> None:
    good("site", "add", "bus-218", "--depot", "north")
    fleet.records("bus-218", "front", NOW_MS - 60 * MINUTE_MS, 5)
    request = good("request", bus, "bus-218", "--camera", "front", *SPAN, "--json").document
    assert {c["site"] for c in request["cameras"]} == {bus, "bus-218"}


def test_notes_are_told(good: Run, bus: str) -> None:
    asked = good("request", bus, "--camera", "FRONT", *SPAN)
    assert "note: bus-217: 'FRONT' was taken as 'front'" in asked.out


def test_an_unchecked_camera_is_told(good: Run, bus: str) -> None:
    good("site", "add", "bus-300", "--depot", "north")
    asked = good("request", "bus-300", "--camera", "front", *SPAN)
    assert "could not be checked" in asked.out


def test_the_same_idempotency_key_is_the_same_request(good: Run, bus: str) -> None:
    asked = ("request", bus, *SPAN, "--idempotency-key", "ticket 5", "--json")
    assert good(*asked).document["id"] == good(*asked).document["id"] == 1


def test_without_a_key_asking_twice_is_two_requests(good: Run, bus: str) -> None:
    asked = ("request", bus, *SPAN, "--json")
    assert [good(*asked).document["id"], good(*asked).document["id"]] == [1, 2]


def test_waiting_ends_when_the_request_ends(good: Run, bus: str, fleet: Fleet) -> None:
    with ending(fleet, TransferState.COMPLETE):
        out = good("request", bus, "--camera", "front", *SPAN, "--wait").out
    assert "request 1: complete" in out


def test_waiting_with_json_still_prints_one_document(good: Run, bus: str, fleet: Fleet) -> None:
    with ending(fleet, TransferState.LOST):
        request = good("request", bus, "--camera", "front", *SPAN, "--wait", "--json").document
    assert request["state"] == "lost"


def test_waiting_keeps_the_notes(good: Run, bus: str, fleet: Fleet) -> None:
    with ending(fleet, TransferState.COMPLETE):
        out = good("request", bus, "--camera", "FRONT", *SPAN, "--wait").out
    assert "was taken as 'front'" in out


def test_requests_are_listed_and_filtered(good: Run, bus: str) -> None:
    good("request", bus, *SPAN)
    good("request", bus, "--camera", "front", *SPAN)
    good("stop", 1)
    assert [r["id"] for r in good("requests", "--json").document] == [2, 1]
    assert [r["id"] for r in good("requests", "--state", "stopped", "--json").document] == [1]
    assert [r["id"] for r in good("requests", "--site", bus, "--json").document] == [2, 1]
    out = good("requests", "--state", "queued").out
    assert "queued" in out
    assert "stopped" not in out


def test_an_empty_listing_says_how_to_go_on(good: Run) -> None:
    assert good("requests", "--json").document == []
    assert "layover request" in good("requests").out


def test_a_listing_that_is_piped_has_one_line_for_each_request(good: Run, bus: str) -> None:
    for _ in range(2):
        good("request", bus, *SPAN)
    lines = good("requests").out.splitlines()
    assert len(lines) == 3
    assert all("bus-217" in line and "queued" in line for line in lines[1:])


def test_a_request_is_shown_with_pieces_and_files(good: Run, bus: str, fleet: Fleet) -> None:
    """An hour was recorded from 09:00 on, then nothing until 11:00."""
    fleet.records(bus, "front", NOW_MS - 180 * MINUTE_MS, 60)
    good("request", bus, "--camera", "front", "--from", "10:58", "--to", "11:02")
    fleet.becomes(1, TransferState.COMPLETE, count=1)
    detail = good("show", 1, "--json").document
    fates = [(p["from"][11:16], p["to"][11:16], p["fate"]) for p in detail["pieces"]]
    assert fates == [
        ("09:58", "10:00", "not-recorded"),
        ("10:00", "10:01", "saved"),
        ("10:01", "10:02", "pending"),
    ]
    out = good("show", 1).out
    for fate in ("not-recorded", "saved", "pending"):
        assert fate in out
    assert next(t["path"] for t in detail["transfers"] if t["path"]) in out


def test_every_stretch_that_is_not_saved_says_why(good: Run, bus: str, fleet: Fleet) -> None:
    good("request", bus, "--camera", "front", "--from", "10:58", "--to", "11:02")
    fleet.becomes(1, TransferState.LOST, count=1)
    pieces = [line for line in good("show", 1).out.splitlines() if line.startswith("bus-217")]
    fates = [piece["fate"] for piece in good("show", 1, "--json").document["pieces"]]
    assert fates == ["untold", "lost", "pending"]
    for line, words in zip(
        pieces, ("older than anything", "the recorder wrote over it", "not in reach"), strict=True
    ):
        assert words in line


def test_a_long_path_is_one_line_when_piped(good: Run, bus: str, fleet: Fleet) -> None:
    label = "north depot bus " + "x" * 40
    good("site", "add", label, "--depot", "north")
    fleet.records(label, "front", NOW_MS - 60 * MINUTE_MS, 1)
    good("request", label, "--camera", "front", "--from", "11:00", "--to", "+1m")
    said = good("show", 1).out
    assert f"{label} not in reach" in said


def test_hostile_camera_names_are_shown_as_text(good: Run, bus: str, fleet: Fleet) -> None:
    fleet.records(bus, "[red]x[/]", NOW_MS - 60 * MINUTE_MS, 1)
    fleet.records(bus, "\x1b[2J\u202eevil", NOW_MS - 60 * MINUTE_MS, 1)
    good("request", bus, *SPAN)
    for command in (("requests",), ("show", 1)):
        out = good(*command).out
        assert "[red]x[/]" in out
        assert "�[2J�evil" in out
        assert "\x1b" not in out
        assert "\u202e" not in out


def test_stopping_keeps_what_is_there(good: Run, bus: str, fleet: Fleet) -> None:
    good("request", bus, "--camera", "front", *SPAN)
    fleet.becomes(1, TransferState.COMPLETE, count=1)
    request = good("stop", 1, "--json").document
    assert request["state"] == "stopped"
    assert request["tally_ms"]["saved"] == MINUTE_MS
    assert "stopped" in good("show", 1).out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(
            ("request", "bus-217", "--from", "11:03", "--to", "11:00"), 2, "span", id="reversed"
        ),
        pytest.param(
            ("request", "bus-217", "--from", "23:00Z", "--to", "+1m"), 2, "span", id="unreadable"
        ),
        pytest.param(
            ("request", "bus-217", "--from", "2026-11-22 10:00", "--to", "+1m"),
            2,
            "does not exist yet",
            id="future",
        ),
        pytest.param(("request", "bus-271", *SPAN), 3, "bus-217", id="site that is not there"),
        pytest.param(
            ("request", "bus-217", "--camera", "frnt", *SPAN), 2, "front", id="camera mistyped"
        ),
        pytest.param(
            ("request", "bus-217", *SPAN, "--priority", "huge"), 2, "priority", id="priority"
        ),
        pytest.param(("request", "bus-217", "--from", "11:00"), 2, "--to", id="no end"),
        pytest.param(("request", *SPAN), 2, "sites", id="no site"),
        pytest.param(("show", 99), 3, "99", id="show what is not there"),
        pytest.param(("show", "x"), 2, "request_id", id="show what is no number"),
        pytest.param(("show", 1 << 70), 2, "request_id", id="show a huge number"),
        pytest.param(("stop", 99), 3, "99", id="stop what is not there"),
        pytest.param(("requests", "--state", "lovely"), 2, "state", id="unknown state"),
        pytest.param(("requests", "--site", "bus-271"), 3, "bus-217", id="requests of no site"),
    ],
)
def test_what_is_refused_says_what_and_how(
    layover: Run, bus: str, arguments: tuple[object, ...], code: int, said: str
) -> None:
    result = layover(*arguments)
    assert (result.code, result.out) == (code, "")
    assert said in result.err
    assert layover("requests", "--json").document == []


def test_stopping_twice_is_a_conflict(layover: Run, bus: str) -> None:
    layover("request", bus, *SPAN)
    assert layover("stop", 1).code == 0
    assert layover("stop", 1).code == 4
