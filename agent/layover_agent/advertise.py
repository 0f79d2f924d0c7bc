"""Announces the box by mDNS, so that a depot notices it at once: an opaque id, no names.

A site that left silently and comes back unchanged causes no event in a browser, so every
announcement carries a fresh token, also after a restart (a count would begin with 1 again), and
a change of the box's addresses announces it anew.
"""

import asyncio
import contextlib
import logging
import secrets
import socket
from collections.abc import AsyncIterator, Callable

import psutil
from zeroconf import IPVersion, NonUniqueNameException
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from layover_agent.settings import Advertise
from layover_agent.wire.identity import announced_id
from layover_agent.wire.version import API_VERSIONS, SERVICE_TYPE

log = logging.getLogger(__name__)

LOOK_EVERY_S = 3.0
"""How often the box's addresses are looked at."""


@contextlib.asynccontextmanager
async def advertising(
    settings: Advertise, identity: str, port: int, failed: Callable[[str], None]
) -> AsyncIterator[None]:
    """Announces while the block runs. Whatever fails here is told and harms nothing else."""
    if not settings.enabled:
        yield
        return
    task = asyncio.create_task(_keep(settings, identity, settings.port or port, failed))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _keep(
    settings: Advertise, identity: str, port: int, failed: Callable[[str], None]
) -> None:
    """One announcement per set of addresses, for ever."""
    while True:
        addresses = _addresses(settings)
        if not addresses:
            await asyncio.sleep(LOOK_EVERY_S)
            continue
        try:
            async with _announced(settings, identity, port, addresses):
                failed("")
                log.info("announced on %s", ", ".join(addresses))
                while _addresses(settings) == addresses:  # noqa: ASYNC110
                    await asyncio.sleep(LOOK_EVERY_S)
        except (OSError, NonUniqueNameException) as error:
            failed(str(error) or type(error).__name__)
            await asyncio.sleep(LOOK_EVERY_S)


@contextlib.asynccontextmanager
async def _announced(
    settings: Advertise, identity: str, port: int, addresses: list[str]
) -> AsyncIterator[None]:
    name = announced_id(identity)
    info = AsyncServiceInfo(
        SERVICE_TYPE,
        f"{name}.{SERVICE_TYPE}",
        port=port,
        parsed_addresses=addresses,
        properties={
            "txtvers": "1",
            "id": name,
            "api": ",".join(map(str, API_VERSIONS)),
            "n": secrets.token_hex(4),
        },
        server=f"layover-{name}.local.",
    )
    zeroconf = AsyncZeroconf(interfaces=addresses, ip_version=IPVersion.V4Only)
    try:
        await zeroconf.async_register_service(info, allow_name_change=False)
        yield
    finally:
        with contextlib.suppress(OSError):
            await asyncio.shield(zeroconf.async_unregister_all_services())
        await asyncio.shield(zeroconf.async_close())


def _addresses(settings: Advertise) -> list[str]:
    """The IPv4 addresses to announce on, in order; loopback only where it is asked for."""
    if settings.interfaces:
        return sorted(settings.interfaces)
    up = {name for name, facts in psutil.net_if_stats().items() if facts.isup}
    return sorted(
        address.address
        for name, addresses in psutil.net_if_addrs().items()
        for address in addresses
        if name in up
        and address.family == socket.AF_INET
        and not address.address.startswith("127.")
    )
