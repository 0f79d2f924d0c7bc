"""Holds: the promise to keep a recording's bytes, whatever the recorder does to its own file.

Leases count the agent's own uptime, because the box's wall clock may be wrong. A promise is
made in this order: note, bytes, their names for good, row; and ends in this: bytes renamed, row,
room freed. ``restored`` finishes whatever was cut short in between.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from layover_agent.clock import Clock
from layover_agent.core.holding import (
    Method,
    Terms,
    ceiling_bytes,
    no_room_to_copy,
    over_limit,
    told,
)
from layover_agent.errors import AgentError
from layover_agent.files import Files
from layover_agent.holds.copying import Copies
from layover_agent.holds.placing import MustCopy, Placed, Placer, Refused
from layover_agent.holds.reserve import Reserve
from layover_agent.holds.shelf import Shelf
from layover_agent.holds.uptime import Uptime
from layover_agent.manifest import Manifest
from layover_agent.manifest_holds import HoldRow
from layover_agent.rows import Row
from layover_agent.wire.problem import Reason
from layover_agent.wire.types import Hold, HoldState, HoldUsage

log = logging.getLogger(__name__)

_MAX_REASON_CHARS = 2000
_DISK = "disk of holds"
MAX_LEASE_S = 90 * 86_400
Result = Placed | MustCopy | Refused | AgentError


class Keeper:
    """Places and releases holds. One at a time, but for copies, which are made meanwhile."""

    def __init__(
        self, manifest: Manifest, files: Files, clock: Clock, terms: Terms, uptime: Uptime
    ) -> None:
        self._manifest = manifest
        self._clock = clock
        self._terms = terms
        self._uptime = uptime
        self._changing = asyncio.Lock()
        self._shelf = Shelf(files.holds_folder)
        self._placer = Placer(files, self._shelf, clock, terms.reserve_bytes > 0)
        self._reserve = Reserve(files.holds_folder, terms)
        self._copies = Copies(files, self._shelf, terms.copy_rate_bps, self._copied)
        self._leases: dict[str, int] = {}
        """Until when what is being copied shall be held."""

    def uptime_s(self) -> int:
        """Seconds that the agent has run, over all its runs."""
        return self._uptime.now_s()

    async def place(self, row: Row, lease_s: int) -> Hold:
        """Holds a recording, or prolongs its hold; the answer is true once it is on the disk.

        AgentError BAD_REQUEST for an impossible lease; GONE or CHANGED where the recorder's file
        is not the one that is meant.
        """
        bounded(lease_s)
        until_s = self.uptime_s() + lease_s
        async with self._changing:
            hold = await self._manifest.hold(row.id)
            why = "" if hold is None else await self.why_broken(hold, row)
            if hold is not None and not why:
                await self._manifest.set_holds(
                    [replace(hold, until_uptime_s=until_s, broken_ms=0, broken_why="")]
                )
                return _answer(row, HoldState.HELD, hold.method, lease_s)
            if hold is not None:
                if not await asyncio.to_thread(self._placer.original_is_whole, row):
                    hold = await self.broke(hold, why)
                    return _broken(row, hold)
                await self._give_up(row.id, hold, row)
            (result,) = await self._keep_all([row], until_s)
        match result:
            case AgentError():
                raise result
            case Refused():
                return _answer(row, HoldState.NOT_POSSIBLE, "none", 0, result.why)
            case MustCopy():
                why = "it is being copied; its row in the manifest says when it is held"
                return _answer(row, HoldState.PENDING, Method.COPY, lease_s, why)
            case Placed():
                return _answer(row, HoldState.HELD, result.method, lease_s)

    async def keep(self, rows: Sequence[Row]) -> list[tuple[str, str]]:
        """Holds recordings that a span wants, with no lease of their own: the id of each and why
        it is not held; empty: it is, or is being copied."""
        async with self._changing:
            held = set(await self._manifest.which_held([row.id for row in rows]))
            fresh = [row for row in rows if row.id not in held]
            results = await self._keep_all(fresh, 0)
        found = zip(fresh, results, strict=True)
        return [(i, "") for i in held] + [(row.id, _why(result)) for row, result in found]

    async def release(self, recording_id: str) -> None:
        """Gives a hold up, whoever asked for it; nothing happens where there is none."""
        self._copies.drop(recording_id)
        async with self._changing:
            hold = await self._manifest.hold(recording_id)
            if hold is not None:
                await self._give_up(recording_id, hold, await self._manifest.get(recording_id))
                await self.fit()

    async def usage(self) -> HoldUsage:
        """What holds keep and cost. Looks at no held file."""
        sums = await self._manifest.hold_sums()
        choices = await asyncio.to_thread(self._placer.choices)
        best = {choice.methods[0] for choice in choices.values() if choice.methods}
        none = [f"source {n}: {c.refusal}" for n, c in choices.items() if not c.methods]
        limit_bytes = ceiling_bytes(self._terms, await asyncio.to_thread(self._shelf.disk_bytes))
        return HoldUsage(
            possible=bool(best),
            method="none" if not best else "several" if len(best) > 1 else str(best.pop()),
            reason="; ".join([*none, *filter(None, [self._reserve.trouble])])[:_MAX_REASON_CHARS],
            count=sums.count,
            size_bytes=sums.size_bytes,
            cost_bytes=sums.cost_bytes,
            limit_bytes=limit_bytes,
            reserve_bytes=self._terms.reserve_bytes,
            reserve_free_bytes=self._reserve.size_bytes,
            broken=sums.broken,
        )

    async def fit(self) -> None:
        """The reserve makes room for what only holds keep, or takes it back."""
        cost_bytes = await self._manifest.count_alone() + self._copies.size_bytes
        if self._terms.reserve_bytes and not await self._same_disk():
            self._reserve.trouble = (
                f"another disk is in the place of {self._shelf.folder}, and what is held is not on "
                "it: mount the former one, or release what was held"
            )
            return
        await asyncio.to_thread(self._reserve.fit, cost_bytes)

    async def _same_disk(self) -> bool:
        """Whether the folder lies where held bytes do: a disk that is not mounted must not make
        the reserve grow on the box's own."""
        here = await asyncio.to_thread(self._shelf.disk_id)
        before = await self._manifest.note(_DISK)
        if here and here != before and (before is None or not await self._manifest.holds("", 1)):
            await self._manifest.set_note(_DISK, here)
            return True
        return here == before

    async def why_broken(self, hold: HoldRow, row: Row | None) -> str:
        """Why a hold is not what was promised; empty: it is, as far as one look can tell."""
        sha256 = await self._manifest.digest_of(hold.recording_id)
        return await asyncio.to_thread(self._placer.why_broken, hold, row, sha256)

    async def broke(self, hold: HoldRow, why: str) -> HoldRow:
        """Writes down that a hold is broken, and since when, unless that is known."""
        if hold.broken_ms and hold.broken_why == why:
            return hold
        log.error("hold %s is broken: %s", hold.recording_id, why)
        since_ms = hold.broken_ms or max(self._clock.wall_ms(), 1)
        await self._manifest.set_broken(hold.recording_id, since_ms, why)
        return replace(hold, broken_ms=since_ms, broken_why=why)

    async def _keep_all(self, rows: Sequence[Row], until_s: int) -> list[Result]:
        """Holds what is not held yet; nothing of one recording ever stops another."""
        results: list[Result] = []
        kept = []
        sums = await self._manifest.hold_sums()
        count, size_bytes = sums.count, sums.size_bytes
        for row in rows:
            if row.id in self._copies:
                self._leases[row.id] = max(until_s, self._leases[row.id])
                results.append(MustCopy({}))
                continue
            result = await self._keep_one(row, count, size_bytes)
            if isinstance(result, MustCopy):
                result = await self._copy(row, until_s, sums.cost_bytes, result)
            if isinstance(result, Placed):
                kept.append((row, result))
                count, size_bytes = count + 1, size_bytes + row.size_bytes
            results.append(result)
        if kept:
            try:
                await asyncio.to_thread(self._shelf.sync)
                await self._write(kept, until_s)
            except (sqlite3.Error, OSError):
                await self._take_back(kept)
                raise
        return results

    async def _take_back(self, kept: Sequence[tuple[Row, Placed]]) -> None:
        """What could not be written down is not promised: nothing of it may take room."""
        for row, placed in kept:
            if await self._manifest.hold(row.id) is not None:
                continue
            self._shelf.give_up(row.id)
            if placed.method is Method.PROTECT:
                self._placer.unprotect(row)
            self._shelf.clear(row.id)

    async def _keep_one(self, row: Row, count: int, size_bytes: int) -> Result:
        why = over_limit(
            self._terms,
            await asyncio.to_thread(self._shelf.disk_bytes),
            count=count + len(self._copies),
            held_bytes=size_bytes + self._copies.size_bytes,
            more_bytes=row.size_bytes,
        )
        if why:
            return Refused(why)
        try:
            return await asyncio.to_thread(self._placer.place, row)
        except AgentError as error:
            return error
        except OSError as error:
            return Refused(f"the hold cannot be placed: {error}")

    async def _write(self, kept: Sequence[tuple[Row, Placed]], until_s: int) -> None:
        holds = [
            HoldRow(
                row.id,
                placed.method,
                until_s,
                row.size_bytes,
                row.mtime_ns,
                await self._manifest.digest_of(row.id),
            )
            for row, placed in kept
        ]
        moved = [(row.id, placed.before_ns, placed.after_ns) for row, placed in kept]
        await self._manifest.set_holds(holds, moved)

    async def _copy(
        self, row: Row, until_s: int, cost_bytes: int, must: MustCopy
    ) -> MustCopy | Refused:
        why = no_room_to_copy(
            self._terms,
            await asyncio.to_thread(self._shelf.disk_bytes),
            cost_bytes=cost_bytes + self._copies.size_bytes,
            more_bytes=row.size_bytes,
        )
        if why:
            return Refused(told({**must.refusals, Method.COPY: why}))
        self._leases[row.id] = until_s
        self._copies.add(row)
        await self.fit()
        return must

    async def _copied(self, row: Row, why: str) -> bool:
        """Makes a hold of a copy, unless it failed or was released meanwhile."""
        async with self._changing:
            until_s = self._leases.pop(row.id, 0)
            kept = row.id in self._copies and not why
            if kept:
                digest = await self._manifest.digest_of(row.id)
                hold = HoldRow(
                    row.id, Method.COPY, until_s, row.size_bytes, row.mtime_ns, digest, alone=True
                )
                await self._manifest.set_hold(hold)
            else:
                log.warning("recording %s is not held: %s", row.id, why or "it was released")
                await self._manifest.refused(row.id, why or "it was released")
            self._copies.drop(row.id)
            await self.fit()
        return kept

    async def _give_up(self, recording_id: str, hold: HoldRow, row: Row | None) -> None:
        await asyncio.to_thread(self._shelf.give_up, recording_id)
        await self._manifest.drop_hold(recording_id, self._clock.wall_ms())
        if hold.method == Method.PROTECT and row is not None:
            await asyncio.to_thread(self._placer.unprotect, row)
        await asyncio.to_thread(self._shelf.clear, recording_id)


def bounded(lease_s: int) -> None:
    if not 0 < lease_s <= MAX_LEASE_S:
        raise AgentError(Reason.BAD_REQUEST, f"a lease is 1 to {MAX_LEASE_S} seconds")


def _why(result: Result) -> str:
    match result:
        case AgentError():
            return result.detail
        case Refused():
            return result.why
        case _:
            return ""


def _broken(row: Row, hold: HoldRow) -> Hold:
    return Hold(
        recording_id=row.id,
        state=HoldState.BROKEN,
        method=hold.method,
        lease_s=0,
        reason=hold.broken_why,
        broken_since_ms=hold.broken_ms,
    )


def _answer(row: Row, state: HoldState, method: str, lease_s: int, reason: str = "") -> Hold:
    return Hold(recording_id=row.id, state=state, method=method, lease_s=lease_s, reason=reason)
