"""One recording on its way home: digests first, then bytes, then the commit.

The part file is the truth of what is here; the row follows it. See docs/design/custody.md.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from layover_agent.wire.codec import MalformedMessage
from layover_agent.wire.statement import ForgedStatement, verified
from layover_agent.wire.types import Digests, SignedStatement
from layover_central.archive.files import Archive
from layover_central.context import Central
from layover_central.core import resume
from layover_central.core.names import archive_path
from layover_central.core.resume import Resume, Verdict
from layover_central.errors import Kind, LayoverError
from layover_central.links.agent_client import AgentClient
from layover_central.steps import whole
from layover_central.store import mirror, transfers
from layover_central.store.transfers import OpenTransfer, TransferState

WRITE_BYTES = 256 << 10
"""How much is gathered before it is written: what a kill -9 can cost."""


class Fetch:
    """The fetching of one transfer during one contact."""

    def __init__(
        self,
        central: Central,
        archive: Archive,
        client: AgentClient,
        site_label: str,
        offset_ms: int,
        work: OpenTransfer,
    ) -> None:
        self.work = work
        self._central = central
        self._client = client
        self._archive = archive
        self._offset_ms = offset_ms
        self._place = archive_path(
            site_label,
            work.camera,
            work.start_ms + offset_ms,
            work.end_ms + offset_ms,
            work.transfer.recording_id,
            work.container,
        )
        self._there: str | None = None
        self._preparing = asyncio.Lock()
        self._part = archive.part(work.transfer.id)
        self._fence = 0
        self._digests: Digests | None = None
        self._resume: Resume | None = None
        self.received_bytes = 0
        """Payload that came during the span under way."""
        self.rate_bps = 0
        """Payload rate of the last span that came to its end."""

    @property
    def remaining_bytes(self) -> int:
        if self._resume is None:
            return max(self.work.transfer.size_bytes - self.work.transfer.verified_bytes, 1)
        return max(self._resume.size_bytes - self._resume.have_bytes, 1)

    @property
    def have_bytes(self) -> int:
        return self._resume.have_bytes if self._resume else self.work.transfer.verified_bytes

    def close(self) -> None:
        self._part.close()

    async def span(
        self, rate_bps: int | None, max_bytes: int, quiet: Callable[[float], None]
    ) -> bool:
        """Fetches the next bytes, at most ``max_bytes``, at no more than a payload rate; whether
        the recording is whole and in its place.

        ``quiet`` is told how many seconds the bytes took as soon as the last has come: what
        follows needs no link. Whatever arrives is kept, also when the span ends with an error
        or is cancelled.
        """
        self.received_bytes = 0
        try:
            digests, state = await self._prepared()
            asked = resume.next_span(state, max_bytes)
            if asked is not None:
                etag = f'"{digests.sha256.hex()}"'
                async with self._client.span(
                    digests.recording_id, asked, digests.size_bytes, etag, rate_bps
                ) as parts:
                    began_s = self._central.clock.mono_s()
                    pending = bytearray()
                    try:
                        async for part in parts:
                            pending += part
                            self.received_bytes += len(part)
                            while len(pending) >= WRITE_BYTES:
                                await whole(self._keep(digests, pending, WRITE_BYTES))
                        quiet(self._central.clock.mono_s() - began_s)
                    finally:
                        # Also after a cut: what has come is ours.
                        await whole(self._keep_all(digests, pending))
            finished = await whole(self._finish_if_whole(digests))
        except LayoverError as error:
            await whole(self._note_progress())
            if error.kind in (Kind.STORAGE, Kind.NO_SPACE, Kind.LEASE_LOST):
                # What the disk has now is looked at anew, on another descriptor.
                self._part.close()
                self._resume = None
            raise
        except BaseException:
            await whole(self._note_progress())
            raise
        if not finished:
            await whole(self._note_progress())
        return finished

    @property
    def ready(self) -> bool:
        """Whether the next span can begin with its first byte."""
        return self._resume is not None

    async def prepare(self) -> None:
        """Does ahead of time what a first span needs before its first byte."""
        await self._prepared()

    async def _prepared(self) -> tuple[Digests, Resume]:
        async with self._preparing:
            if self._digests is None or self._resume is None:
                # Asking needs the link and may be cancelled with it; what follows may not.
                digests, signed = self._remembered(), dict[str, Any]()
                if digests is None:
                    digests, signed = await self._asked()
                self._digests = digests
                self._resume = await whole(self._opened(digests, signed))
            return self._digests, self._resume

    async def _opened(self, digests: Digests, signed: dict[str, Any]) -> Resume:
        """Takes the transfer over, keeps the site's word, and sees what of it is here."""
        # The place is settled before anything lies in it, so that a crash between the rename and
        # the commit finds the file again, whatever the site's clock says by then.
        place = self.work.transfer.path or "/".join(self._place)
        self._place = tuple(place.split("/"))
        async with self._central.store.begin() as connection:
            self._fence = await transfers.take_over(
                connection, self.work.transfer.id, {**signed, "path": place}
            )
        self._there = await asyncio.to_thread(self._archive.already, self._place, digests)
        if self._there is None:
            have = await asyncio.to_thread(self._part.recover, digests)
        else:
            have = digests.size_bytes
        return Resume(digests.size_bytes, digests.chunk_bytes, have)

    def _remembered(self) -> Digests | None:
        transfer = self.work.transfer
        if transfer.statement is None or transfer.signature is None or transfer.certificate is None:
            return None
        statement = SignedStatement(payload=transfer.statement, signature=transfer.signature)
        try:
            return verified(statement, transfer.certificate, self._client.identity)
        except (ForgedStatement, MalformedMessage):
            return None

    async def _asked(self) -> tuple[Digests, dict[str, Any]]:
        """The site's digests, and the columns that keep its word for them."""
        digests, statement = await self._client.digests(self.work.transfer.recording_id)
        if digests.size_bytes != self.work.transfer.size_bytes:
            raise LayoverError(
                Kind.CHANGED,
                f"the manifest says {self.work.transfer.size_bytes} bytes, "
                f"the signed statement {digests.size_bytes}",
            )
        return digests, {
            "statement": statement.payload,
            "signature": statement.signature,
            "certificate": self._client.certificate,
            "sha256": digests.sha256.hex(),
        }

    async def _keep_all(self, digests: Digests, pending: bytearray) -> None:
        while pending:
            await self._keep(digests, pending, len(pending))

    async def _keep(self, digests: Digests, pending: bytearray, at_most: int) -> None:
        """Writes up to a chunk's end, and judges the chunk when that completes it."""
        assert self._resume is not None
        length = min(at_most, resume.to_chunk_end(self._resume))
        data = bytes(pending[:length])
        del pending[:length]
        offset = self._resume.have_bytes
        await asyncio.to_thread(self._part.write, offset, data)
        self._resume = resume.received(self._resume, length)
        if (
            self._resume.have_bytes % digests.chunk_bytes
            and self._resume.have_bytes != digests.size_bytes
        ):
            return
        index = offset // digests.chunk_bytes
        if await asyncio.to_thread(self._part.chunk_is_good, digests, index):
            return
        self._resume = resume.chunk_failed(self._resume, index)
        pending.clear()
        await asyncio.to_thread(self._part.truncate, self._resume.have_bytes)
        kind = Kind.DAMAGED if self._resume.verdict is Verdict.DAMAGED else Kind.STALLED
        raise LayoverError(kind, f"chunk {index} does not match its digest")

    async def _finish_if_whole(self, digests: Digests) -> bool:
        assert self._resume is not None
        if self._resume.verdict is not Verdict.COMPLETE:
            return False
        path = self._there
        if path is None:
            path = await asyncio.to_thread(self._part.commit, self._place, digests)
        async with self._central.store.begin() as connection:
            await transfers.progress(
                connection, self.work.transfer.id, digests.size_bytes, self.received_bytes
            )
            await transfers.finish(
                connection,
                self.work.transfer.id,
                self._fence,
                {
                    "state": TransferState.COMPLETE,
                    "finished_ms": self._central.clock.now_ms(),
                    "path": path,
                    "held": False,
                    "error": "",
                },
            )
        return True

    async def _note_progress(self) -> None:
        if not self.received_bytes or self._resume is None:
            return
        async with self._central.store.begin() as connection:
            await transfers.progress(
                connection,
                self.work.transfer.id,
                self._resume.verified_bytes,
                self.received_bytes,
            )

    async def abandon(self, state: TransferState, why: str) -> None:
        """Ends the transfer as lost or damaged, with what the site said."""
        now_ms = self._central.clock.now_ms()
        async with self._central.store.begin() as connection:
            if state is TransferState.LOST:
                await mirror.mark_gone(
                    connection,
                    self.work.transfer.site_id,
                    self.work.transfer.recording_id,
                    now_ms - self._offset_ms,
                )
            await transfers.finish(
                connection,
                self.work.transfer.id,
                await transfers.take_over(connection, self.work.transfer.id),
                {"state": state, "finished_ms": now_ms, "error": why},
            )
        self._part.close()
