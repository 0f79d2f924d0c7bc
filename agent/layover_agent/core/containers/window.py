"""A file seen through one small block: few reads, bounded in number, whatever the file holds."""

from layover_agent.core.containers.container import Read

BLOCK_BYTES = 4096
"""What is read at least, so that neighbouring headers cost one read."""

PIECE_BYTES = 65_536
"""What is asked for at most: tables are taken in pieces."""

MAX_READS = 4000
MAX_BYTES = 16 << 20
MAX_LOOKS = 20_000


class Exhausted(Exception):
    """The file asks for more work than any real recording does."""


class Window:
    """Reads with a memory of the last block. Raises Exhausted once the budget is spent."""

    def __init__(self, read: Read, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self._read = read
        self._begin = 0
        self._block = b""
        self._reads_left = MAX_READS
        self._bytes_left = MAX_BYTES
        self._looks_left = MAX_LOOKS

    def at(self, offset: int, length: int) -> bytes:
        """Up to ``length`` bytes (at most PIECE_BYTES) from ``offset``; fewer at the end."""
        self._looks_left -= 1
        if self._looks_left < 0:
            raise Exhausted
        end = min(offset + length, self.size_bytes)
        if offset < 0 or offset >= end:
            return b""
        begin = self._begin
        if offset < begin or end > begin + len(self._block):
            want = min(max(length, BLOCK_BYTES), PIECE_BYTES, self.size_bytes - offset)
            self._reads_left -= 1
            self._bytes_left -= want
            if self._reads_left < 0 or self._bytes_left < 0:
                raise Exhausted
            self._block = self._read(offset, want)[:want]
            self._begin = begin = offset
        return self._block[offset - begin : end - begin]
