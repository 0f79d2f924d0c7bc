"""Sites that announce themselves by mDNS. A hint and no more: whoever is dialled must prove
its key, and only addresses in allowed networks are dialled at all."""

import asyncio
import contextlib
import ipaddress
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from zeroconf import IPVersion, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from layover_agent.wire.version import SERVICE_TYPE

log = logging.getLogger(__name__)

MAX_ADDRESSES = 8


@dataclass(frozen=True, slots=True)
class Sighting:
    """Somebody says that a site is here."""

    announced_id: str
    addresses: tuple[str, ...]
    """``host:port``, as a fixed address is written."""


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def may_dial(address: str, allowed: Sequence[Network]) -> bool:
    """Whether an announced IP address may be dialled: unicast, and inside an allowed network.

    Without any allowed network: private and loopback addresses only.
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if ip.is_multicast or ip.is_unspecified or (ip.is_reserved and not ip.is_loopback):
        return False
    if not allowed:
        return ip.is_private
    return any(ip.version == network.version and ip in network for network in allowed)


def joined(host: str, port: int) -> str:
    """``host:port``, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@contextlib.asynccontextmanager
async def discovering(
    sighted: Callable[[Sighting], None], allowed: Callable[[], Sequence[Network]]
) -> AsyncIterator[None]:
    """Calls ``sighted`` for every announcement heard while the block runs.

    mDNS that cannot work here (no network, no multicast) is logged and changes nothing else.
    """
    try:
        zeroconf = AsyncZeroconf(ip_version=IPVersion.All)
    except OSError as error:
        log.warning("no discovery by mDNS: %s", error)
        yield
        return
    lookups: set[asyncio.Task[None]] = set()

    async def look_up(name: str) -> None:
        info = AsyncServiceInfo(SERVICE_TYPE, name)
        if not await info.async_request(zeroconf.zeroconf, 3000):
            return
        announced = (info.properties.get(b"id") or b"").decode("ascii", "replace")
        addresses = tuple(
            joined(host, info.port or 0)
            for host in info.parsed_scoped_addresses()[:MAX_ADDRESSES]
            if info.port and may_dial(host, allowed())
        )
        if announced and addresses:
            sighted(Sighting(announced, addresses))

    def heard(
        zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
    ) -> None:
        if state_change is not ServiceStateChange.Removed and len(lookups) < 64:
            task = asyncio.get_running_loop().create_task(look_up(name))
            lookups.add(task)
            task.add_done_callback(lookups.discard)

    browser = AsyncServiceBrowser(zeroconf.zeroconf, SERVICE_TYPE, handlers=[heard])
    try:
        yield
    finally:
        for task in list(lookups):
            task.cancel()
        await browser.async_cancel()
        await zeroconf.async_close()
