import pytest
from central.cli.conftest import Run

CAP = "Mon-Fri 06:00 2Mbit/s, 22:00 unlimited, Sat 00:00 500kbit/s, 12:00 8Mbit/s, Sun closed"


def test_a_depot_is_added_as_it_was_said(good: Run) -> None:
    depot = good(
        *("depot", "add", "north", "--zone", "Europe/Berlin", "--slots", "3", "--cap", "20Mbit/s"),
        *("--networks", "10.1.0.0/16, fd00::/64", "--json"),
    ).document
    assert (depot["name"], depot["zone"], depot["slots"]) == ("north", "Europe/Berlin", 3)
    assert depot["networks"] == ["10.1.0.0/16", "fd00::/64"]
    assert depot["rate_now_bps"] == 20_000_000


def test_without_json_the_depot_is_told_in_words(good: Run) -> None:
    out = good("depot", "add", "north", "--cap", "20Mbit/s").out
    assert "north" in out
    assert "20" in out
    assert "Mbit/s" in out
    assert "UTC" in out


def test_what_is_left_away_stays(good: Run) -> None:
    good("depot", "add", "north", "--cap", "20Mbit/s", "--networks", "10.1.0.0/16", "--slots", "3")
    before = good("depot", "list", "--json").document
    assert good("depot", "set", "north", "--slots", "5", "--json").document == {
        **before[0],
        "slots": 5,
    }


@pytest.mark.parametrize(
    ("option", "field", "cleared"),
    [("--networks", "networks", []), ("--cap", "rate_now_bps", None)],
)
def test_an_empty_value_clears(good: Run, option: str, field: str, cleared: object) -> None:
    good("depot", "add", "north", "--cap", "20Mbit/s", "--networks", "10.1.0.0/16")
    assert good("depot", "set", "north", option, "", "--json").document[field] == cleared


@pytest.mark.parametrize("command", [("depots",), ("depot", "list")])
def test_both_spellings_list_the_same(good: Run, command: tuple[str, ...]) -> None:
    good("depot", "add", "north")
    good("depot", "add", "south")
    assert [d["name"] for d in good(*command, "--json").document] == ["north", "south"]
    out = good(*command).out
    assert "north" in out
    assert "south" in out


def test_an_empty_listing_says_how_to_go_on(good: Run) -> None:
    assert good("depots", "--json").document == []
    assert "layover depot add" in good("depots").out


def test_a_listing_shows_the_whole_cap_and_every_network(good: Run) -> None:
    networks = [f"10.{i}.0.0/16" for i in range(12)]
    good("depot", "add", "north", "--cap", CAP, "--networks", ",".join(networks))
    shown = " ".join(good("depots").out.split())
    assert good("depots", "--json").document[0]["cap"] in shown
    assert " ".join(networks) in shown
