"""Digests of recordings: hashed once, signed by the box's key, kept as long as the file is."""

import asyncio
import contextlib
import hashlib
import logging
import os
import sqlite3
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec

from layover_agent.clock import Clock
from layover_agent.core.kindness import LEAST_WAITED_SHARE
from layover_agent.errors import AgentError
from layover_agent.files import Files, unchanged
from layover_agent.manifest import Manifest
from layover_agent.rows import Row
from layover_agent.wire.problem import Reason
from layover_agent.wire.statement import sign
from layover_agent.wire.types import CHUNK_BYTES, Digests, SignedStatement

log = logging.getLogger(__name__)

IDLE_S = 30.0
"""How often the background looks for work when nobody tells it."""
REST_S = 0.25
"""How often it asks whether it may go on."""
BACKGROUND_SHARE = 0.5
"""Of the time, at most: the recorder gets as much as is taken."""

UNWRITTEN = 32
"""So many digests are remembered that could not be written down."""

Share = Callable[[], float]
"""How much of the time work that can wait may take now, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Told:
    """Digests of one state of a file."""

    ctime_ns: int
    shape: tuple[int, int, int]
    sha256: bytes
    statement: SignedStatement


class Hasher:
    """Gives the digests of any recording; hashes new ones in the background."""

    def __init__(
        self,
        manifest: Manifest,
        files: Files,
        clock: Clock,
        key: ec.EllipticCurvePrivateKey,
        identity: str,
        share: Share = lambda: 1.0,
    ) -> None:
        self._share = share
        self._manifest = manifest
        self._files = files
        self._clock = clock
        self._key = key
        self._identity = identity
        self._one_at_a_time = asyncio.Lock()
        self._asked = 0
        self._resting = 0
        self._stopped = False
        self._unwritten: OrderedDict[str, Told] = OrderedDict()
        self._news = asyncio.Event()

    @contextlib.contextmanager
    def resting(self) -> Iterator[None]:
        """While the block runs, nothing is hashed that nobody asked for."""
        self._resting += 1
        try:
            yield
        finally:
            self._resting -= 1

    def news(self) -> None:
        """There may be recordings without digests."""
        self._news.set()

    async def run(self) -> None:
        """Hashes what has no digests yet, youngest first, one at a time.

        Its end is the end of all hashing: no thread outlives the agent for long.
        """
        self._stopped = False
        try:
            await self._hash_new_ones()
        except asyncio.CancelledError:
            self._stopped = True
            raise

    async def _hash_new_ones(self) -> None:
        skipped: set[str] = set()
        while True:
            while not await asyncio.to_thread(self._background_share):  # noqa: ASYNC110
                await asyncio.sleep(REST_S)
            self._news.clear()
            recording_id = await self._manifest.without_statement(skipped)
            row = None if recording_id is None else await self._manifest.get(recording_id)
            if row is None:
                skipped.clear()
                try:
                    async with asyncio.timeout(IDLE_S):
                        await self._news.wait()
                except TimeoutError:
                    pass
                continue
            try:
                await self._of(row, kind=True)
            except AgentError as error:
                log.debug("not hashed: %s", error.detail)
                skipped.add(row.id)

    async def of(self, row: Row) -> tuple[bytes, SignedStatement]:
        """SHA-256 and signed statement of a recording. AgentError GONE or CHANGED."""
        known = await self._known(row)
        if known is not None:
            return known
        self._asked += 1
        try:
            return await self._of(row, kind=False)
        finally:
            self._asked -= 1

    async def _of(self, row: Row, *, kind: bool) -> tuple[bytes, SignedStatement]:
        async with self._one_at_a_time:
            known = await self._known(row)
            if known is not None:
                return known
            ctime_ns = await asyncio.to_thread(self._files.ctime_ns, row)
            told = self._told(row, ctime_ns) or await self._hashed(row, ctime_ns, kind)
            try:
                await self._manifest.set_statement(row, told.sha256, told.statement, ctime_ns)
            except sqlite3.OperationalError as error:
                self._remember(row, told)
                if kind:
                    raise
                log.warning("digests cannot be written down: %s", error)
            else:
                self._unwritten.pop(row.id, None)
            return told.sha256, told.statement

    async def _hashed(self, row: Row, ctime_ns: int, kind: bool) -> Told:
        digests = await asyncio.to_thread(self._hash, row, kind)
        before = await self._manifest.statement(row)
        if before is not None and before[0] == digests.sha256:
            return Told(ctime_ns, row.shape, digests.sha256, before[1])
        return Told(ctime_ns, row.shape, digests.sha256, sign(digests, self._key))

    async def _known(self, row: Row) -> tuple[bytes, SignedStatement] | None:
        ctime_ns = await asyncio.to_thread(self._files.ctime_ns, row)
        return await self._manifest.statement(row, ctime_ns)

    def _told(self, row: Row, ctime_ns: int) -> Told | None:
        told = self._unwritten.get(row.id)
        fits = told is not None and (told.ctime_ns, told.shape) == (ctime_ns, row.shape)
        return told if fits else None

    def _remember(self, row: Row, told: Told) -> None:
        """On a full disk central fetches on, span by span: it shall not hash each time anew."""
        self._unwritten[row.id] = told
        if len(self._unwritten) > UNWRITTEN:
            self._unwritten.popitem(last=False)

    def _background_share(self) -> float:
        return 0.0 if self._resting else min(self._share(), BACKGROUND_SHARE)

    def _leave_time(self, took_s: float, can_wait: bool) -> None:
        """Leaves the box time for others after work that took so long; in a thread."""
        if not can_wait:
            time.sleep(took_s * (1 / max(self._share(), LEAST_WAITED_SHARE) - 1))
            return
        while not (share := self._background_share()):
            if self._stopped or self._asked:
                return
            time.sleep(REST_S)
        time.sleep(took_s * (1 / share - 1))

    def _hash(self, row: Row, kind: bool) -> Digests:
        """``kind``: nobody waits for it, as far as is known now."""
        handle = self._files.open(row)
        try:
            whole = hashlib.sha256()
            chunks = []
            offset = 0
            buffer = memoryview(bytearray(min(CHUNK_BYTES, row.size_bytes)))
            while offset < row.size_bytes:
                if self._stopped:
                    raise AgentError(Reason.TOO_BUSY, "the agent is ending")
                began_s = time.monotonic()
                data = buffer[: min(CHUNK_BYTES, row.size_bytes - offset)]
                _fill(data, handle, offset)
                whole.update(data)
                chunks.append(hashlib.sha256(data).digest())
                offset += len(data)
                if offset < row.size_bytes:
                    self._leave_time(time.monotonic() - began_s, kind and not self._asked)
            if not unchanged(handle, row):
                raise AgentError(Reason.CHANGED, "the file changed while it was hashed")
        except OSError as error:
            raise AgentError(Reason.STORAGE, f"cannot read the file: {error.strerror}") from error
        finally:
            os.close(handle)
        return Digests(
            recording_id=row.id,
            identity=self._identity,
            size_bytes=row.size_bytes,
            sha256=whole.digest(),
            chunk_bytes=CHUNK_BYTES,
            chunks=chunks,
            hashed_ms=self._clock.wall_ms(),
            boot_id=self._clock.boot_id,
            clock_synced=self._clock.synced(),
        )


def _fill(buffer: memoryview, handle: int, offset: int) -> None:
    """All of the buffer from a place in a file. AgentError CHANGED where the file ends before."""
    filled = 0
    while filled < len(buffer):
        count = os.preadv(handle, [buffer[filled:]], offset + filled)
        if not count:
            raise AgentError(Reason.CHANGED, "the file became shorter")
        filled += count
