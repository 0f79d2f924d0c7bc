"""Central's last contact, kept over restarts, and what it said then: its queue and its time."""

import json
from typing import Any

from layover_agent.clock import Clock
from layover_agent.database import Database
from layover_agent.wire.codec import MalformedMessage, from_plain, to_plain
from layover_agent.wire.types import Contact, Queue

NOTE = "contact"
WRITE_EVERY_MS = 60_000
"""How long the last contact may be known in memory only: each write wears the box's flash."""


class Contacts:
    """Made by ``opened``."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._written_mono_ms: int | None = None
        self.last: Contact | None = None
        self.offset_ms: int | None = None
        """How far the box's clock was ahead of central's when central last told its own."""

    @classmethod
    async def opened(cls, database: Database, clock: Clock) -> "Contacts":
        """With what was written down; a note that cannot be read is none."""
        contacts = cls(database, clock)
        try:
            noted = json.loads(await database.note(NOTE) or "{}")
            contacts.last = from_plain(Contact | None, noted.get("contact"))
            contacts.offset_ms = from_plain(int | None, noted.get("offset_ms"))
        except (ValueError, AttributeError, RecursionError, MalformedMessage):
            contacts.last = contacts.offset_ms = None
        return contacts

    def heard(self) -> None:
        """Central asked something just now."""
        queue = self.last.queue if self.last is not None else None
        self.last = Contact(as_of_ms=self._clock.wall_ms(), queue=queue)

    async def told(self, queue: Queue) -> None:
        """Central said what waits for this site, and what time it is."""
        now_ms = self._clock.wall_ms()
        self.offset_ms = now_ms - queue.as_of_ms
        self.last = Contact(as_of_ms=now_ms, queue=queue)
        await self.save()

    def stepped(self, after_ms: int) -> None:
        """The box's clock was set to ``after_ms``: what it was off by before means nothing now."""
        if self.last is None or self.last.as_of_ms != after_ms:
            self.offset_ms = None

    async def due(self) -> None:
        """Writes the last contact down if that is due."""
        mono_ms = self._clock.mono_ms()
        before_ms = self._written_mono_ms
        if before_ms is None or mono_ms - before_ms >= WRITE_EVERY_MS:
            await self.save()

    async def save(self) -> None:
        """Writes it down now; to be called at the end, too."""
        if self.last is None:
            return
        noted: dict[str, Any] = {"contact": to_plain(self.last), "offset_ms": self.offset_ms}
        said = json.dumps(noted)
        self._written_mono_ms = self._clock.mono_ms()
        if said != await self._database.note(NOTE):
            await self._database.set_note(NOTE, said)
