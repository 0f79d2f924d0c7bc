"""Reads the small files in which the kernel says how it is. What cannot be read is not known."""

import re
from collections.abc import Iterable
from pathlib import Path

MAX_BYTES = 64 << 10
MAX_LISTED = 4096


def text(path: Path, most: int = MAX_BYTES) -> str:
    """What a file says, without the white space around it; empty where it cannot be read."""
    try:
        with path.open("rb", buffering=0) as file:
            return (file.read(most) or b"").decode("utf-8", "surrogateescape").strip()
    except OSError:
        return ""


def number(path: Path) -> int | None:
    """A file's one whole number, decimal or 0x..., or None."""
    said = text(path, 64)
    if re.fullmatch(r"-?\d{1,20}", said):
        return int(said)
    return int(said, 16) if re.fullmatch(r"0x[0-9a-fA-F]{1,16}", said) else None


def listed(folder: Path, pattern: str = "*") -> Iterable[Path]:
    """What is in a folder, by name; nothing where it cannot be read."""
    try:
        return sorted(folder.glob(pattern))[:MAX_LISTED]
    except OSError:
        return ()
