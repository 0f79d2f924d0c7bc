"""The holds folder: held bytes, and beside each a small note with what they are.

``ID`` are held bytes, ``ID.json`` is the note, ``ID.part`` a copy under way and ``ID.released``
bytes that are being given up. The note is on the disk before the bytes, and the rename to
``ID.released`` is the moment at which a promise ends: whatever moment the power fails at, what
lies here says what was promised. All methods block.
"""

import contextlib
import dataclasses
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from layover_agent.core.holding import Method, Shape
from layover_agent.rows import Row

_HELD = re.compile(r"[0-9a-f]{32}")
_NOTE = re.compile(r"([0-9a-f]{32})\.json")
_LEFT = re.compile(r"([0-9a-f]{32})\.(part|released)")
_MAX_NOTE_BYTES = 64 << 10
_FIELDS = {item.name: item.type for item in dataclasses.fields(Row)}


@dataclasses.dataclass(frozen=True, slots=True)
class Note:
    """What a held recording is, and how it is held."""

    row: Row
    method: Method


class Shelf:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, recording_id: str) -> Path:
        return self.folder / recording_id

    def part(self, recording_id: str) -> Path:
        return self.folder / f"{recording_id}.part"

    def make(self) -> None:
        """The folder is there afterwards. OSError where it cannot be."""
        if not self.folder.is_dir():
            self.folder.mkdir(parents=True, exist_ok=True)
            synced(self.folder.parent)

    def sync(self) -> None:
        """Names that were made or taken away are so for good."""
        synced(self.folder)

    def shape(self, recording_id: str) -> Shape | None:
        """The held bytes as they are; None: there are none."""
        try:
            facts = self.path(recording_id).lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return Shape(facts.st_size, facts.st_mtime_ns)

    def held(self) -> Iterator[str]:
        """Ids of all held bytes."""
        return (name for name in self._names() if _HELD.fullmatch(name))

    def noted(self) -> Iterator[str]:
        """Ids of all notes."""
        return (found[1] for name in self._names() if (found := _NOTE.fullmatch(name)))

    def _names(self) -> Iterator[str]:
        try:
            with os.scandir(self.folder) as entries:
                for entry in entries:
                    if entry.is_file(follow_symlinks=False):
                        yield entry.name
        except (FileNotFoundError, NotADirectoryError):
            return

    def write_note(self, row: Row, method: Method) -> None:
        """The note is on the disk afterwards, its name once ``sync`` was called."""
        facts = {**dataclasses.asdict(row), "path": os.fsencode(row.path).hex(), "method": method}
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(self._note(row.id), flags, 0o640)
        try:
            os.write(handle, json.dumps(facts).encode())
            os.fsync(handle)
        finally:
            os.close(handle)

    def note(self, recording_id: str) -> Note | None:
        """What stands in a note; None: there is none, or one that was cut off."""
        try:
            handle = os.open(self._note(recording_id), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            return _read(recording_id, os.read(handle, _MAX_NOTE_BYTES))
        except (OSError, ValueError, TypeError, KeyError):
            return None
        finally:
            os.close(handle)

    def give_up(self, recording_id: str) -> None:
        """The promise ends; ``clear`` frees the room."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            self.path(recording_id).rename(self._released(recording_id))
            self.sync()

    def clear(self, recording_id: str) -> None:
        """Nothing of a recording that is not held lies here afterwards."""
        for path in (
            self._note(recording_id),
            self.part(recording_id),
            self._released(recording_id),
        ):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                path.unlink()

    def leftovers(self) -> Iterator[tuple[str, bool]]:
        """Ids of what a crash left half done, and whether it was being released."""
        for name in list(self._names()):
            if found := _LEFT.fullmatch(name):
                yield found[1], found[2] == "released"

    def disk_bytes(self) -> int:
        """The size of the disk; 0 where it cannot be read."""
        facts = self._disk()
        return 0 if facts is None else facts.f_blocks * facts.f_frsize

    def disk_id(self) -> str:
        """What tells the disk from another one, also after a reboot; empty: it cannot be read."""
        facts = self._disk()
        return "" if facts is None else f"{facts.f_fsid:x}"

    def _disk(self) -> os.statvfs_result | None:
        """Of the nearest folder above, where this one is not there yet."""
        for folder in (self.folder, *self.folder.parents):
            with contextlib.suppress(OSError):
                return os.statvfs(folder)
        return None

    def _note(self, recording_id: str) -> Path:
        return self.folder / f"{recording_id}.json"

    def _released(self, recording_id: str) -> Path:
        return self.folder / f"{recording_id}.released"


def _read(recording_id: str, data: bytes) -> Note | None:
    facts: dict[str, Any] = json.loads(data)
    facts["path"] = os.fsdecode(bytes.fromhex(facts["path"]))
    method = Method(facts.pop("method"))
    known = {name: value for name, value in facts.items() if name in _FIELDS}
    row = Row(**known)
    fits = all(type(getattr(row, name)) is kind for name, kind in _FIELDS.items())
    return Note(row, method) if fits and row.id == recording_id else None


def synced(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
