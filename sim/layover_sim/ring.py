"""The recorder's ring: above its size, the oldest recordings are unlinked, whoever filmed them."""

from collections import deque
from pathlib import Path


class Ring:
    """The closed recordings below a folder laid out as ``camera/date/time.mp4``.

    What is being written is not counted: it joins the ring when it is closed. What an earlier
    run left unfinished is counted like any other.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        """``max_bytes`` = 0 keeps everything."""
        self.max_bytes = max_bytes
        self.size_bytes = 0
        self._files: deque[tuple[Path, int]] = deque()
        for file in sorted(folder.glob("*/*/*.mp4"), key=lambda file: file.parts[-2:]):
            self._remember(file)
        self._trim()

    def close(self, file: Path) -> None:
        """A recording was closed: it is the youngest now."""
        self._remember(file)
        self._trim()

    def _remember(self, file: Path) -> None:
        size_bytes = file.stat().st_size
        self._files.append((file, size_bytes))
        self.size_bytes += size_bytes

    def _trim(self) -> None:
        while self.max_bytes and self.size_bytes > self.max_bytes:
            file, size_bytes = self._files.popleft()
            file.unlink(missing_ok=True)
            self.size_bytes -= size_bytes
