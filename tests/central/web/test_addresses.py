import pytest
from hypothesis import given
from hypothesis import strategies as st

from layover_central.errors import LayoverError
from layover_central.web.addresses import parse_address, parse_networks


@pytest.mark.parametrize(
    ("typed", "canonical"),
    [
        ("10.0.0.7", "10.0.0.7:8441"),
        ("10.0.0.7:9000", "10.0.0.7:9000"),
        ("Bus-217.Depot.LAN", "bus-217.depot.lan:8441"),
        ("[fd00::17]", "[fd00::17]:8441"),
        ("[FD00:0:0::17]:0443", "[fd00::17]:443"),
        ("  localhost:1 ", "localhost:1"),
    ],
)
def test_an_address_in_its_canonical_form(typed: str, canonical: str) -> None:
    assert parse_address(typed) == canonical


@pytest.mark.parametrize(
    "typed",
    [
        "",
        ":8441",
        "bus:",
        "bus:0",
        "bus:65536",
        "bus:-1",
        "bus:٣٤",
        "bus:8441:1",
        "fd00::17",
        "[fd00::17",
        "[fd00::17]x:1",
        "[fd00::17]:",
        "[10.0.0.1]:1",
        "0.0.0.0:8441",
        "[::]:8441",
        "224.0.0.251:5353",
        "[ff02::fb]:5353",
        "256.0.0.1",
        "1.2.3",
        "http://bus:8441",
        "user@bus:8441",
        "bus/../x:8441",
        "a b:8441",
        "bus\0:8441",
        "bus‮:8441",
        "-bus:1",
        "bus..lan:1",
        f"{'a' * 64}.lan",
        ".".join(["a" * 60] * 5),
    ],
)
def test_an_address_that_is_none(typed: str) -> None:
    with pytest.raises(LayoverError, match="address: ") as refused:
        parse_address(typed)
    assert refused.value.hint


@given(st.text(max_size=60))
def test_whatever_is_accepted_is_stable_and_plain(typed: str) -> None:
    try:
        canonical = parse_address(typed)
    except LayoverError:
        return
    assert parse_address(canonical) == canonical
    assert canonical.isascii() and " " not in canonical and "/" not in canonical


def test_networks_are_canonical_and_named_once() -> None:
    assert parse_networks(["10.1.0.0/16", "FD00:0::/64", "10.1.0.0/255.255.0.0"]) == (
        "10.1.0.0/16",
        "fd00::/64",
    )


def test_a_network_with_host_bits_is_asked_back() -> None:
    with pytest.raises(LayoverError) as refused:
        parse_networks(["10.1.2.3/16"])
    assert refused.value.hint == "Did you mean 10.1.0.0/16?"


@pytest.mark.parametrize("typed", ["", "10.0.0.0/33", "yard", "10.0.0/8", "::/129"])
def test_a_network_that_is_none(typed: str) -> None:
    with pytest.raises(LayoverError, match="networks: "):
        parse_networks([typed])
