"""Which announced addresses may be dialled: mDNS is a hint from anybody on the network."""

import ipaddress

import pytest

from layover_central.links.discover import Network, joined, may_dial

NONE: list[Network] = []
DEPOT: list[Network] = [
    ipaddress.ip_network("10.20.0.0/16"),
    ipaddress.ip_network("2001:db8:1::/48"),
]

MAY_DIAL = {
    # Nothing allowed by name: what is private.
    "private, 10": ("10.1.2.3", NONE, True),
    "private, 172.16": ("172.16.0.1", NONE, True),
    "private, 192.168": ("192.168.1.1", NONE, True),
    "loopback": ("127.0.0.1", NONE, True),
    "loopback, IPv6": ("::1", NONE, True),
    "link-local": ("169.254.1.1", NONE, True),
    "link-local with a scope": ("fe80::1%eth0", NONE, True),
    "unique local": ("fd00::1", NONE, True),
    "public": ("8.8.8.8", NONE, False),
    "public, IPv6": ("2606:4700::1111", NONE, False),
    "just outside 172.16/12": ("172.32.0.1", NONE, False),
    "multicast": ("224.0.0.251", NONE, False),
    "multicast, IPv6": ("ff02::fb", NONE, False),
    "everybody": ("255.255.255.255", NONE, False),
    "reserved for some future": ("240.0.0.1", NONE, False),
    "nowhere": ("0.0.0.0", NONE, False),
    "nowhere, IPv6": ("::", NONE, False),
    "a private address in IPv6 clothes": ("::ffff:10.1.2.3", NONE, True),
    "a public address in IPv6 clothes": ("::ffff:8.8.8.8", NONE, False),
    "multicast in IPv6 clothes": ("::ffff:224.0.0.1", NONE, False),
    "nowhere in IPv6 clothes": ("::ffff:0.0.0.0", NONE, False),
    # Networks allowed by name: these and no others.
    "inside": ("10.20.3.4", DEPOT, True),
    "inside, IPv6": ("2001:db8:1::7", DEPOT, True),
    "inside, in IPv6 clothes": ("::ffff:10.20.3.4", DEPOT, True),
    "beside": ("10.21.0.1", DEPOT, False),
    "beside, IPv6": ("2001:db8:2::7", DEPOT, False),
    "private elsewhere": ("192.168.1.1", DEPOT, False),
    "loopback is not inside": ("127.0.0.1", DEPOT, False),
    "public allowed by name": ("8.8.8.8", [ipaddress.ip_network("8.8.8.0/24")], True),
    "multicast allowed by name": ("224.0.0.251", [ipaddress.ip_network("0.0.0.0/0")], False),
    "nowhere allowed by name": ("0.0.0.0", [ipaddress.ip_network("0.0.0.0/0")], False),
    "IPv4 in all of IPv6": ("10.20.3.4", [ipaddress.ip_network("::/0")], False),
    # No addresses.
    "a name": ("localhost", NONE, False),
    "nothing": ("", NONE, False),
    "with a port": ("10.20.3.4:80", NONE, False),
    "octal": ("010.020.3.4", NONE, False),
    "short": ("127.1", NONE, False),
    "a number": ("2130706433", NONE, False),
    "with a path": ("10.20.3.4/../", NONE, False),
    "with a user": ("x@10.20.3.4", NONE, False),
    "only a scope": ("%eth0", NONE, False),
}


@pytest.mark.parametrize(("address", "allowed", "may"), MAY_DIAL.values(), ids=[*MAY_DIAL])
def test_may_dial(address: str, allowed: list[Network], may: bool) -> None:
    assert may_dial(address, allowed) is may


JOINED = {
    "IPv4": ("10.0.0.1", "10.0.0.1:8441"),
    "IPv6": ("fd00::1", "[fd00::1]:8441"),
    "with a scope": ("fe80::1%eth0", "[fe80::1%eth0]:8441"),
}


@pytest.mark.parametrize(("host", "address"), JOINED.values(), ids=JOINED.keys())
def test_joined(host: str, address: str) -> None:
    assert joined(host, 8441) == address
