"""Transport streams by hand, packet by packet."""

VIDEO, SECOND_VIDEO, SOUND = 0x100, 0x200, 0x101
WRAP = 1 << 33


def packet(pid: int, body: bytes, begins: bool) -> bytes:
    """188 bytes; what is short is filled up by an adaptation field."""
    fill = 184 - len(body)
    control = 0x30 if fill else 0x10
    head = bytes([0x47, (0x40 if begins else 0) | pid >> 8, pid & 0xFF, control])
    field = bytes([fill - 1]) + (b"\0" + b"\xff" * (fill - 2) if fill > 1 else b"") if fill else b""
    return head + field + body


def picture(time: int, pid: int = VIDEO, packets: int = 3) -> bytes:
    """One picture (or piece of sound) at a time (90 kHz), in so many packets."""
    kind = 0xC0 if pid == SOUND else 0xE0
    time %= WRAP
    stamp = bytes(
        [
            0x21 | (time >> 29 & 0x0E),
            time >> 22 & 0xFF,
            0x01 | (time >> 14 & 0xFE),
            time >> 7 & 0xFF,
            0x01 | (time << 1 & 0xFE),
        ]
    )
    body = b"\0\0\1" + bytes([kind, 0, 0, 0x80, 0x80, 5]) + stamp
    more = packet(pid, bytes(184), begins=False) * (packets - 1)
    return packet(pid, body + bytes(100), begins=True) + more


def stream(seconds: int, begin: int = 90_000, pid: int = VIDEO) -> bytes:
    """25 pictures a second."""
    return b"".join(picture(begin + n * 3600, pid) for n in range(25 * seconds))


def wide(packets: bytes) -> bytes:
    """The same in packets of 192 bytes."""
    starts = range(0, len(packets), 188)
    return b"".join(b"\x12\x34\x56\x78" + packets[at : at + 188] for at in starts)


NULL = packet(0x1FFF, bytes(184), begins=False)
