"""Span holds: "keep these cameras from then to then", for what is there and for what closes later.

A span is written down before anything of it is held, so that a restart goes on with it. Times
are the site's own; a lease counts uptime.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from layover_agent.clock import Clock
from layover_agent.errors import AgentError
from layover_agent.holds.keeper import bounded
from layover_agent.holds.span_book import Span, SpanBook
from layover_agent.holds.uptime import Uptime
from layover_agent.manifest import Manifest
from layover_agent.rows import Row
from layover_agent.wire.problem import Reason
from layover_agent.wire.types import HoldUsage, SpanHold, SpanHolds, SpanWish

log = logging.getLogger(__name__)

CENTRAL, TRIGGER = "central", "trigger"
AT_ONCE = 20
"""Recordings held together: so long others wait."""
MAX_SPANS = 500
MAX_SPAN_MS = 31 * 86_400_000
_LATEST_MS = 1 << 52
_MAX_CHARS = 500
AWAITED_MS = 3_600_000
"""So long after its end a span may still get recordings: those that were open then."""


class Keeps(Protocol):
    """What spans need of holds."""

    async def keep(self, rows: Sequence[Row]) -> list[tuple[str, str]]: ...

    async def release(self, recording_id: str) -> None: ...

    async def usage(self) -> HoldUsage: ...


class Spans:
    def __init__(self, holds: Keeps, manifest: Manifest, clock: Clock, uptime: Uptime) -> None:
        self._holds = holds
        self._manifest = manifest
        self._book = SpanBook(manifest)
        self._clock = clock
        self._uptime = uptime
        self._changing = asyncio.Lock()
        self._live: dict[str, Span] = {}
        self.trigger_percent = 100
        """What of the room for holds a trigger at the site may take."""

    async def begin(self) -> None:
        """Goes on with the spans of the last run, with what closed meanwhile too."""
        self._live = {span.id: span for span in await self._book.all()}
        await self._book.reopen()
        await self.closed()

    async def put(self, span_id: str, wish: SpanWish, origin: str = CENTRAL) -> SpanHold:
        """A span hold, or new terms for a known one. It is true, and survives a power cut, once
        answered. AgentError BAD_REQUEST for one that is impossible, REFUSED for one too many."""
        bounded(wish.lease_s)
        _checked(wish)
        async with self._changing:
            known = self._live.get(span_id)
            if known is None and len(self._live) >= MAX_SPANS:
                raise AgentError(
                    Reason.REFUSED, f"there are {MAX_SPANS} span holds: take some back first"
                )
            now_s = self._uptime.now_s()
            span = Span(
                id=span_id,
                origin=known.origin if known else origin,
                cameras=tuple(wish.cameras),
                start_ms=wish.start_ms,
                end_ms=wish.end_ms,
                until_uptime_s=now_s + wish.lease_s,
                asked_ms=known.asked_ms if known else self._clock.wall_ms(),
                asked_uptime_s=known.asked_uptime_s if known else now_s,
                reason=wish.reason,
            )
            await self._book.put(span)
            self._live[span_id] = span
            await self._hold(span)
        return await self._told(span)

    async def drop(self, span_id: str) -> None:
        """Takes a span hold back, and releases what nobody else wants; nothing happens where
        there is none."""
        async with self._changing:
            self._live.pop(span_id, None)
            await self._book.drop(span_id)
        for recording_id in await self._manifest.ended_holds(self._uptime.now_s()):
            await self._holds.release(recording_id)

    async def get(self, span_id: str) -> SpanHold | None:
        span = self._live.get(span_id)
        return None if span is None else await self._told(span)

    async def all(self) -> SpanHolds:
        spans = sorted(self._live.values(), key=lambda s: (-s.asked_uptime_s, s.id))
        return SpanHolds(span_holds=[await self._told(span) for span in spans])

    async def closed(self, rows: Sequence[Row] = ()) -> None:
        """Holds what spans want of newly listed recordings; without any, of all that are there.

        Never fails: what cannot be held is written down as refused.
        """
        async with self._changing:
            for span in list(self._live.values()):
                if not rows or any(_near(span, row) for row in rows):
                    await self._hold(span, [row.id for row in rows])

    async def end(self) -> None:
        """Forgets spans whose lease is over. Their recordings are released with the other
        leases that are over."""
        now_s = self._uptime.now_s()
        async with self._changing:
            for span in [s for s in self._live.values() if s.until_uptime_s <= now_s]:
                log.info("the lease of span hold %s is over", span.id)
                del self._live[span.id]
                await self._book.drop(span.id)

    async def room_made(self) -> None:
        """Tries again what was refused."""
        await self._book.reopen()
        await self.closed()

    async def pressed_today(self) -> int:
        """How many holds triggers began within 24 h of uptime."""
        return await self._book.pressed(self._uptime.now_s() - 86_400)

    async def _hold(self, span: Span, among: Sequence[str] = ()) -> None:
        while ids := await self._book.open_for(span, AT_ONCE, among):
            rows = [row for i in ids if (row := await self._manifest.get(i)) is not None]
            why = await self._too_much(span, rows)
            outcomes = [(row.id, why) for row in rows] if why else await self._holds.keep(rows)
            await self._book.settle(span.id, outcomes)

    async def _too_much(self, span: Span, rows: Sequence[Row]) -> str:
        if span.origin != TRIGGER or self.trigger_percent >= 100:
            return ""
        limit_bytes = (await self._holds.usage()).limit_bytes * self.trigger_percent // 100
        more_bytes = sum(row.size_bytes for row in rows)
        if await self._book.pressed_bytes() + more_bytes <= limit_bytes:
            return ""
        return (
            f"triggers at the site may keep {limit_bytes} bytes (trigger.max_percent), and it "
            "would be more: fetch and release some, or raise it"
        )

    async def _told(self, span: Span) -> SpanHold:
        outcome = await self._book.outcome(span.id)
        return SpanHold(
            id=span.id,
            origin=span.origin,
            cameras=list(span.cameras),
            start_ms=span.start_ms,
            end_ms=span.end_ms,
            lease_s=max(span.until_uptime_s - self._uptime.now_s(), 0),
            asked_ms=span.asked_ms,
            reason=span.reason,
            held=outcome.held,
            held_bytes=outcome.held_bytes,
            refused=outcome.refused,
            refusals=outcome.reasons,
            awaited=self._clock.wall_ms() < span.end_ms + AWAITED_MS,
        )


def _near(span: Span, row: Row) -> bool:
    """Whether a recording may belong to a span; the book decides."""
    camera = not span.cameras or row.camera in span.cameras
    recorded = row.start_ms < span.end_ms and row.end_ms > span.start_ms
    return camera and (recorded or span.origin == TRIGGER)


def _checked(wish: SpanWish) -> None:
    ordered = 0 <= wish.start_ms < wish.end_ms < _LATEST_MS
    if not ordered or wish.end_ms - wish.start_ms > MAX_SPAN_MS:
        raise AgentError(
            Reason.BAD_REQUEST,
            f"a span begins before it ends and lasts {MAX_SPAN_MS // 86_400_000} days at most",
        )
    if len(wish.cameras) > _MAX_CHARS or len(wish.reason) > _MAX_CHARS:
        raise AgentError(Reason.BAD_REQUEST, f"a reason has {_MAX_CHARS} characters at most")
