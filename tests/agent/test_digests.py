import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncIterator

import pytest
from agent.conftest import Box, Opened
from agent.kit import FleetCa, eventually
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from layover_agent.errors import AgentError
from layover_agent.rows import Row
from layover_agent.wire.problem import Reason
from layover_agent.wire.statement import verified
from layover_agent.wire.types import CHUNK_BYTES, Digests, SignedStatement


def believed(box: Box, statement: SignedStatement) -> Digests:
    bundle = FleetCa().bundle(box.identity.certificate_request(), box.identity.id)
    der = x509.load_pem_x509_certificates(bundle)[0].public_bytes(Encoding.DER)
    return verified(statement, der, box.identity.id)


@contextlib.asynccontextmanager
async def hashing(box: Box) -> AsyncIterator[None]:
    task = asyncio.create_task(box.hasher.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


SIZES = [1, 4095, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 17]


@pytest.mark.parametrize("size", SIZES)
async def test_digests_are_those_of_the_bytes(box: Box, size: int) -> None:
    data = os.urandom(size)
    row = await box.listed(box.record(data=data))
    sha256, statement = await box.hasher.of(row)
    digests = believed(box, statement)
    assert sha256 == digests.sha256 == hashlib.sha256(data).digest()
    assert digests.chunks == [
        hashlib.sha256(data[at : at + CHUNK_BYTES]).digest() for at in range(0, size, CHUNK_BYTES)
    ]
    assert (digests.recording_id, digests.size_bytes) == (row.id, size)
    assert (digests.hashed_ms, digests.boot_id) == (box.clock.wall, box.clock.boot_id)


async def test_the_same_statement_is_given_after_a_restart(open_box: Opened) -> None:
    async with open_box() as box:
        row = await box.listed(box.record())
        first = await box.hasher.of(row)
    async with open_box() as box:
        box.clock.pass_s(5)
        assert await box.hasher.of(row) == first


async def test_many_who_ask_at_once_get_one_hash(box: Box) -> None:
    row = await box.listed(box.record(data=os.urandom(2 << 20)))
    answers = await asyncio.gather(*(box.hasher.of(row) for _ in range(8)))
    assert len({statement.signature for _, statement in answers}) == 1


async def test_new_recordings_are_hashed_in_the_background(box: Box) -> None:
    for minute in range(4):
        box.record(start=f"10-0{minute}-00")
    async with hashing(box):
        await box.scanner.scan()
        box.hasher.news()
        await eventually(lambda: all_hashed(box), "hashing")


async def all_hashed(box: Box, but: str = "") -> bool:
    rows = [row for row in await box.rows() if row.id != but]
    return bool(rows) and all([await box.manifest.statement(row) for row in rows])


async def test_one_bad_recording_does_not_keep_the_others_from_being_hashed(box: Box) -> None:
    for minute in range(4):
        box.record(start=f"10-0{minute}-00")
    bad = await box.listed(path := box.record(start="10-50-00"))
    path.unlink()
    async with hashing(box):
        box.hasher.news()
        await eventually(lambda: all_hashed(box, but=bad.id), "hashing of the others", 3)


async def refused(box: Box, row: Row) -> Reason:
    with pytest.raises(AgentError) as refusal:
        await box.hasher.of(row)
    return refusal.value.reason


async def test_a_deleted_file_is_not_there_and_not_yet_gone(box: Box) -> None:
    row = await box.listed(path := box.record())
    path.unlink()
    assert await refused(box, row) is Reason.STORAGE


@pytest.mark.parametrize("change", ["longer", "shorter", "replaced", "touched"])
async def test_a_changed_file_is_not_hashed(box: Box, change: str) -> None:
    row = await box.listed(path := box.record(data=b"a" * 9000))
    if change == "longer":
        path.write_bytes(b"a" * 9001)
    elif change == "shorter":
        os.truncate(path, 8999)
    elif change == "replaced":
        path.unlink()
        path.write_bytes(b"a" * 9000)
    os.utime(path)
    assert await refused(box, row) is Reason.CHANGED


async def test_bytes_written_over_behind_an_unchanged_size_and_time_are_hashed_again(
    box: Box,
) -> None:
    """Only the change time tells: a digest given before does not hold for these bytes."""
    row = await box.listed(path := box.record(data=b"a" * 9000))
    before, _ = await box.hasher.of(row)
    facts = path.stat()
    with path.open("r+b") as file:
        file.seek(4500)
        file.write(b"b")
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    after, _ = await box.hasher.of(row)
    assert after == hashlib.sha256(path.read_bytes()).digest() != before


async def test_a_hold_changes_no_digest(box: Box) -> None:
    row = await box.listed(box.record())
    before = await box.hasher.of(row)
    await box.holds.place(row, 60)
    held = await box.manifest.get(row.id)
    assert held is not None
    assert await box.hasher.of(held) == before
    await box.holds.release(row.id)
    released = await box.manifest.get(row.id)
    assert released is not None
    assert await box.hasher.of(released) == before
