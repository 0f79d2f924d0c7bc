"""Matroska by hand, element by element."""

import struct

EBML, SEGMENT, INFO, TRACKS, CLUSTER = 0x1A45DFA3, 0x18538067, 0x1549A966, 0x1654AE6B, 0x1F43B675
SCALE, DURATION, TIMESTAMP, SIMPLE, GROUP, BLOCK = 0x2AD7B1, 0x4489, 0xE7, 0xA3, 0xA0, 0xA1
VOID = 0xEC


def element(kind: int, *bodies: bytes, sized: bool = True) -> bytes:
    body = b"".join(bodies)
    size = (1 << 56 | len(body)).to_bytes(8, "big") if sized else b"\x01" + b"\xff" * 7
    return kind.to_bytes((kind.bit_length() + 7) // 8, "big") + size + body


def cluster(time: int, blocks: int = 25, sized: bool = True, groups: bool = False) -> bytes:
    """A second of pictures from a time on (ms)."""
    made = []
    for n in range(blocks):
        body = b"\x81" + struct.pack(">hB", n * 40, 0x80) + bytes(50)
        made.append(element(GROUP, element(BLOCK, body)) if groups else element(SIMPLE, body))
    stamp = element(TIMESTAMP, time.to_bytes(3, "big"))
    return element(CLUSTER, stamp, *made, sized=sized)


def info(ticks: float, scale: int = 1_000_000) -> bytes:
    return element(
        INFO, element(SCALE, scale.to_bytes(4, "big")), element(DURATION, struct.pack(">d", ticks))
    )


HEAD = element(EBML, element(0x4282, b"matroska"))
TWO = cluster(0) + cluster(1000)
LATE = cluster(60_000) + cluster(61_000)


def whole(*parts: bytes) -> bytes:
    return HEAD + element(SEGMENT, *parts)


def unclosed(*parts: bytes) -> bytes:
    return HEAD + element(SEGMENT, *parts, sized=False)
