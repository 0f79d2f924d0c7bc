"""Digest statements: signed by the site that was asked, about the recording that was asked."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from central.links.hostile import NOW_MS, Box, Hostile, always, reply, told

from layover_agent.wire.codec import encode
from layover_agent.wire.statement import sign
from layover_agent.wire.types import Digests, SignedStatement
from layover_central.errors import Kind
from layover_central.links.agent_client import AgentClient


def signed(box: Box, **changed: Any) -> SignedStatement:
    honest = Digests(
        recording_id="r1",
        identity=box.identity,
        size_bytes=3,
        sha256=b"w" * 32,
        chunk_bytes=2,
        chunks=[b"a" * 32, b"b" * 32],
        hashed_ms=NOW_MS,
        boot_id="boot-1",
    )
    return sign(replace(honest, **changed), box.key)


FORGERIES: dict[str, dict[str, Any]] = {
    "of another recording": {"recording_id": "r2"},
    "of another site": {"identity": "cd" * 32},
    "of a negative size": {"size_bytes": -1, "chunks": []},
    "of chunks of nothing": {"chunk_bytes": 0},
    "of too few chunks": {"chunks": [b"a" * 32]},
    "of short digests": {"chunks": [b"a" * 32, b"b"]},
    "of a short whole digest": {"sha256": b"w"},
}


async def test_an_honest_statement(hostile: Hostile, client: AgentClient) -> None:
    statement = signed(hostile.box)
    hostile.answer = always(reply(body=encode(statement)))
    digests, kept = await client.digests("r1")
    assert (digests.size_bytes, kept) == (3, statement)


@pytest.mark.parametrize("changed", FORGERIES.values(), ids=FORGERIES.keys())
async def test_a_statement_that_cannot_be(
    hostile: Hostile, client: AgentClient, changed: dict[str, Any]
) -> None:
    hostile.answer = always(reply(body=encode(signed(hostile.box, **changed))))
    with told(Kind.MALFORMED):
        await client.digests("r1")


async def test_a_statement_that_somebody_else_signed(
    hostile: Hostile, client: AgentClient, tmp_path: Path
) -> None:
    other = Box(hostile.box.authority, tmp_path / "other-box")
    stolen = signed(other, identity=hostile.box.identity)
    hostile.answer = always(reply(body=encode(stolen)))
    with told(Kind.MALFORMED):
        await client.digests("r1")


SIGNATURES = {"none": b"", "noise": b"\xff" * 70}


@pytest.mark.parametrize("signature", SIGNATURES.values(), ids=SIGNATURES.keys())
async def test_a_signature_that_is_none(
    hostile: Hostile, client: AgentClient, signature: bytes
) -> None:
    forged = replace(signed(hostile.box), signature=signature)
    hostile.answer = always(reply(body=encode(forged)))
    with told(Kind.MALFORMED):
        await client.digests("r1")


async def test_a_signed_payload_that_is_no_statement(hostile: Hostile, client: AgentClient) -> None:
    honest = signed(hostile.box)
    hostile.answer = always(reply(body=encode(replace(honest, payload=honest.payload[:-1]))))
    with told(Kind.MALFORMED):
        await client.digests("r1")
