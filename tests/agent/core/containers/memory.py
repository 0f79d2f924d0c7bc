"""Files in memory, and what the walkers say of them."""

from dataclasses import dataclass

from layover_agent.core.containers import Container, look


@dataclass
class Bytes:
    """A file in memory that counts what is read of it."""

    data: bytes
    reads: int = 0
    bytes_read: int = 0
    asked: int = 0
    """The most that was asked for at once."""

    def read(self, offset: int, length: int) -> bytes:
        assert offset >= 0
        assert length > 0
        self.reads += 1
        self.asked = max(self.asked, length)
        self.bytes_read += length
        return self.data[offset : offset + length]


def seen(kind: str, data: bytes) -> Container:
    """What the walker of that kind says."""
    found = look(kind, Bytes(data).read, len(data))
    assert found is not None
    return found
