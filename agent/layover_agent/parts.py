"""Keeps the agent's parts running: one that fails is told and tried again, the others go on."""

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable

from layover_agent.database import is_damage

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
GOOD_AFTER_S = 120.0
"""A part that ran for so long has recovered: the next pause is a short one again."""


class Parts:
    """What fails now, and why."""

    def __init__(self) -> None:
        self.failing: dict[str, str] = {}
        """By part: what happened, for the status."""

    async def keep(self, name: str, part: Callable[[], Awaitable[None]]) -> None:
        """Runs a part until it ends by itself, or for ever.

        A damaged database is the one failure that goes on: only opening it anew heals it.
        """
        loop = asyncio.get_running_loop()
        pause_s = FIRST_PAUSE_S
        while True:
            began_s = loop.time()
            recovered = loop.call_later(GOOD_AFTER_S, self.failing.pop, name, None)
            try:
                await part()
            except Exception as error:
                if _damage(error):
                    raise
                log.error("%s failed", name, exc_info=error)
                self.failing[name] = _why(error)
            else:
                self.failing.pop(name, None)
                return
            finally:
                recovered.cancel()
            if loop.time() - began_s >= GOOD_AFTER_S:
                pause_s = FIRST_PAUSE_S
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def _damage(error: BaseException) -> bool:
    """Whether the database itself is damaged."""
    if isinstance(error, BaseExceptionGroup):
        return any(map(_damage, error.exceptions))
    return isinstance(error, sqlite3.DatabaseError) and is_damage(error)


def _why(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(map(_why, error.exceptions))
    if isinstance(error, sqlite3.Error):
        return f"{error} (the data folder's disk: full, read-only or failing?)"
    return f"{type(error).__name__}: {error}"
