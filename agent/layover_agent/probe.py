"""What a closed file is: its recording's id, and what its container says. Blocking."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from layover_agent.core import container
from layover_agent.files import Stamp, open_beneath
from layover_agent.sources import Found

_EDGE_BYTES = 4096
_WALKED = frozenset({"mp4", "m4v", "m4a", "mov"})


@dataclass(frozen=True, slots=True)
class Probed:
    recording_id: str
    camera: str
    container: str
    complete: bool | None
    """None: this container does not tell."""
    duration_ms: int | None
    stamp: Stamp


def probe(source: str, root: Path, found: Found) -> Probed:
    """Opens and reads the edges and the box headers. OSError where that fails."""
    descriptor = open_beneath(root, found.path)
    try:
        stamp = Stamp.of(os.fstat(descriptor))
        camera = shown(found.named.camera)
        kind = container_of(found.path)
        looked = None
        if kind in _WALKED:
            looked = container.look(
                lambda offset, length: os.pread(descriptor, length, offset), stamp.size_bytes
            )
        recording_id = _id(
            source.encode(),
            camera.encode(),
            str(found.named.start_ms).encode(),
            str(stamp.size_bytes).encode(),
            os.pread(descriptor, _EDGE_BYTES, 0),
            os.pread(descriptor, _EDGE_BYTES, max(0, stamp.size_bytes - _EDGE_BYTES)),
        )
    finally:
        os.close(descriptor)
    return Probed(
        recording_id=recording_id,
        camera=camera,
        container=kind,
        complete=looked.complete if looked else None,
        duration_ms=looked.duration_ms if looked else None,
        stamp=stamp,
    )


def container_of(path: str) -> str:
    """The container by its usual extension, in lower case; ``bin`` where there is none."""
    extension = path.rpartition("/")[2].rpartition(".")[2].lower()
    return extension if extension.isascii() and extension.isalnum() and "." in path else "bin"


def shown(name: str) -> str:
    """A file name's text as it can travel: bytes that are no UTF-8 are spelt out."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _id(*parts: bytes) -> str:
    """32 hex digits over the parts, each after its length, so that no two lists look alike."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()[:32]
