"""Recordings with known chunks, and an archive on a real folder."""

import hashlib
import random
from pathlib import Path

import pytest

from layover_agent.wire.types import Digests
from layover_central.archive.files import Archive

CHUNK_BYTES = 1000
PLACE = ("bus-1", "front", "2026-11-21", "110000.000Z--110100.000Z-0123abcd.mp4")


def content(size_bytes: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size_bytes)


def digests_of(data: bytes, chunk_bytes: int = CHUNK_BYTES) -> Digests:
    chunks = [data[at : at + chunk_bytes] for at in range(0, len(data), chunk_bytes)]
    return Digests(
        recording_id="r1",
        identity="ab" * 32,
        size_bytes=len(data),
        sha256=hashlib.sha256(data).digest(),
        chunk_bytes=chunk_bytes,
        chunks=[hashlib.sha256(chunk).digest() for chunk in chunks],
        hashed_ms=0,
        boot_id="boot-1",
    )


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive")


def part_file(archive: Archive, transfer_id: int = 1) -> Path:
    """Where a part lies, as the archive's layout promises."""
    return archive.folder / ".incoming" / f"{transfer_id}.part"
