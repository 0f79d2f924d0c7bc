"""Tells the service manager how the agent fares: ready, stopping, alive (sd_notify(3)).

A message is lines of ``NAME=value`` in one datagram to the socket that ``NOTIFY_SOCKET`` names: a
path, or an abstract name behind ``@``. Without that variable nobody listens and nothing is sent.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)

_SEND_S = 1.0
"""How long a full queue of the service manager may keep us: it empties within milliseconds."""
_STATUS_CHARS = 200


def notify(*lines: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Sends lines such as ``READY=1`` and ``STOPPING=1``. Whether they were sent; never raises:
    a service manager that cannot hear us is no reason to stop serving."""
    name = environment.get("NOTIFY_SOCKET", "")
    if not name:
        return False
    address = "\0" + name[1:] if name.startswith("@") else name
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(_SEND_S)
            sender.sendto("\n".join(lines).encode(errors="replace"), address)
    except (OSError, ValueError) as error:
        log.warning("the service manager cannot be told %s: %s", lines[0], error)
        return False
    return True


def status(text: str) -> str:
    """The line that ``systemctl status`` shows; a name with line breaks in it adds no others."""
    return "STATUS=" + " ".join(text.split())[:_STATUS_CHARS]


def watchdog_s(environment: Mapping[str, str] = os.environ) -> float | None:
    """How often the watchdog wants to be fed, half of its limit. None: there is none for us."""
    try:
        limit_us = int(environment.get("WATCHDOG_USEC", ""))
        ours = int(environment.get("WATCHDOG_PID", os.getpid())) == os.getpid()
    except ValueError:
        return None
    return limit_us / 2_000_000 if ours and limit_us > 0 else None


async def watchdog(alive: Callable[[], bool], environment: Mapping[str, str] = os.environ) -> None:
    """Feeds the watchdog while the event loop turns and ``alive`` says that the work goes on.

    Ends at once where there is no watchdog, else runs until it is cancelled. A loop that hangs
    and an ``alive`` that says no have the same outcome: the service manager restarts the agent.
    """
    every_s = watchdog_s(environment)
    if every_s is None:
        return
    starving = False
    while True:
        if alive():
            notify("WATCHDOG=1", environment=environment)
            starving = False
        elif not starving:
            starving = True
            log.error("the agent makes no progress; the watchdog will restart it")
            notify(status("makes no progress"), environment=environment)
        await asyncio.sleep(every_s)
