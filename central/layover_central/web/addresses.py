"""Addresses and networks as people type them."""

import ipaddress
import re

from layover_central.errors import Kind, LayoverError

DEFAULT_PORT = 8441
_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*", re.IGNORECASE)
_HINT = "Write host:port, like 10.20.0.17:8441, bus-217.lan:8441 or [fd00::17]:8441."


def parse_address(text: str) -> str:
    """Canonical ``host:port`` with IPv6 in brackets; without a port 8441. BAD_INPUT otherwise."""
    host, port_text = _split(text.strip())
    if not port_text.isascii() or not port_text.isdecimal() or not 1 <= int(port_text[:6]) <= 65535:
        raise _bad(text, f"{port_text[:20]!r} is no port from 1 to 65535")
    if text.strip().startswith("["):
        try:
            address = ipaddress.IPv6Address(host)
        except ValueError as error:
            raise _bad(text, f"{host[:60]!r} is no IPv6 address") from error
        _refuse_nowhere(text, address)
        return f"[{address}]:{int(port_text)}"
    try:
        _refuse_nowhere(text, ipaddress.IPv4Address(host))
    except ipaddress.AddressValueError as error:
        if len(host) > 253 or not _NAME.fullmatch(host) or host.rsplit(".", 1)[-1].isdecimal():
            raise _bad(text, f"{host[:60]!r} is neither a host name nor an IP address") from error
    return f"{host.lower()}:{int(port_text)}"


def _split(text: str) -> tuple[str, str]:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise _bad(text, "the bracket of the IPv6 address is not closed before the port")
        return host, rest[1:] if rest else str(DEFAULT_PORT)
    if text.count(":") > 1:
        raise _bad(text, "an IPv6 address goes in brackets")
    host, colon, port = text.partition(":")
    return host, port if colon else str(DEFAULT_PORT)


def _refuse_nowhere(text: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if address.is_unspecified or address.is_multicast:
        raise _bad(text, f"{address} is not the address of one machine")


def _bad(text: str, why: str) -> LayoverError:
    return LayoverError(Kind.BAD_INPUT, f"address: {text[:80]!r}: {why}", _HINT)


def parse_networks(texts: list[str]) -> tuple[str, ...]:
    """Canonical CIDR forms, each once. BAD_INPUT names the entry and what it may have meant."""
    return tuple(dict.fromkeys(_network(text) for text in texts))


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text.strip()))
    except ValueError as error:
        try:
            meant = f"Did you mean {ipaddress.ip_network(text.strip(), strict=False)}?"
        except ValueError:
            meant = "Write networks in CIDR form, like 10.20.0.0/16 or fd00::/64."
        raise LayoverError(
            Kind.BAD_INPUT, f"networks: {text[:80]!r} is not a network", meant
        ) from error
