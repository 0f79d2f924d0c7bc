"""Where the search for bad input begins: small good files of every kind."""

import struct

from agent.core.containers import avi_bytes, mkv_bytes, mp4_bytes, ts_bytes

_MTXI = mp4_bytes.full(b"mtxi", bytes(16) + struct.pack(">Qqq", 3, 5, 1_795_258_800_000_000_000))
_EDITS = mp4_bytes.full(b"elst", struct.pack(">IIiI", 1, 400, -1, 1 << 16))
_SIDX = mp4_bytes.full(b"sidx", struct.pack(">IIIIHHIII", 1, 1000, 0, 0, 0, 1, 200, 1000, 0))


def _table(kind: bytes, *words: int) -> bytes:
    return mp4_bytes.full(kind, struct.pack(f">{len(words)}I", *words))


_TABLES = mp4_bytes.box(
    b"stbl",
    _table(b"stts", 1, 25, 40),
    _table(b"stsc", 1, 1, 5, 1),
    _table(b"stsz", 0, 25, *[10] * 25),
    _table(b"stco", 5, 500, 550, 600, 650, 700),
)
_MDIA = mp4_bytes.box(
    b"mdia",
    mp4_bytes.full(b"mdhd", mp4_bytes.times(1000, 1000) + bytes(4)),
    mp4_bytes.box(b"minf", _TABLES),
)
_INDEXED = mp4_bytes.box(
    b"moov",
    mp4_bytes.mvhd(1400),
    mp4_bytes.box(
        b"trak",
        mp4_bytes.full(b"tkhd", struct.pack(">III", 0, 0, 1) + bytes(68)),
        mp4_bytes.box(b"edts", _EDITS),
        _MDIA,
    ),
)
_FRAGMENTED = mp4_bytes.FTYP + mp4_bytes.movie_of_fragments(2000, mp4_bytes.box(b"udta", _MTXI))
_CONFIG = b"""data_folder = "/var/lib/layover"
[sources.main]
folder = "/recordings"
layout = "{camera}/%Y-%m-%d/%H-%M-%S.mp4"
zone = "Europe/Berlin"
settle_s = 5.0
cameras = ["front", "rear"]
[listen]
port = 8441
"""

SEEDS: dict[str, list[bytes]] = {
    "mp4": [
        mp4_bytes.FTYP + mp4_bytes.MDAT + mp4_bytes.moov(2000),
        mp4_bytes.FTYP + _INDEXED + mp4_bytes.box(b"mdat", bytes(300))[:-50],
        _FRAGMENTED + _SIDX + mp4_bytes.fragments(3),
        _FRAGMENTED + mp4_bytes.moof(0, 9, listed=40) + mp4_bytes.MDAT,
        _FRAGMENTED + mp4_bytes.fragments(25, media=mp4_bytes.box(b"mdat", b"")),
    ],
    "ts": [
        ts_bytes.stream(1),
        ts_bytes.wide(ts_bytes.stream(1)),
        ts_bytes.picture(90_000, packets=6) + ts_bytes.picture(93_600, packets=6),
    ],
    "mkv": [
        mkv_bytes.whole(mkv_bytes.info(2000), mkv_bytes.cluster(0, 3)),
        mkv_bytes.unclosed(mkv_bytes.info(2000), mkv_bytes.cluster(60_000, 3, groups=True)),
        mkv_bytes.unclosed(mkv_bytes.cluster(0, 3, sized=False)),
    ],
    "avi": [
        avi_bytes.avi(avi_bytes.header(avi_bytes.stream(50)), avi_bytes.MOVIE),
    ],
    "budget": [
        bytes([kind, goes_on]) + data
        for kind, data in (
            (0, mp4_bytes.box(b"free")),
            (0, mp4_bytes.moof(0) + mp4_bytes.MDAT),
            (0, mp4_bytes.FTYP + mp4_bytes.wide_box(b"mdat", b"")[:16]),
            (1, ts_bytes.NULL),
            (1, ts_bytes.picture(90_000, packets=6)),
            (2, mkv_bytes.unclosed(mkv_bytes.info(2000), mkv_bytes.cluster(0, 3))),
            (2, mkv_bytes.HEAD + mkv_bytes.element(mkv_bytes.VOID)),
            (3, avi_bytes.avi(avi_bytes.chunk(b"JUNK", b""))),
        )
        for goes_on in range(3)
    ],
    "layout": [
        b"{camera}/%Y-%m-%d/%H-%M-%S.mp4\0Europe/Berlin\0front/2026-11-21/10-00-00.mp4",
        b"%s_*-{ms}_{camera}_*_{dur_ms}.mp4\x00\x001795258800_1-7_door_0-0_1_60000.mp4",
        b"{kind}/*/%y%m%d_%H%M%S%z-{camera}-{seq}.ts\0+02:00\0a/b/261121_100000Z-x-1.ts",
        b"{camera:path}/%Y-%m-%d_%H-%M-%S-%f.mp4\0+00:00\0a/b/2026-11-21_10-00-00-000001.mp4",
        b"**/{kind:RO|Parking}/%Y_%m%d_%H%M%S_{seq}{camera:[A-Z]{1,2}}.MP4\0UTC\0"
        b"DCIM/RO/2026_1121_100000_012FR.mp4",
        b"{camera}_{kind:E|P|}/%F_%T{:.mp4|.mkv}\0Z\0a_b_E/2026-11-21_10:00:00.MKV",
    ],
    "config": [_CONFIG, b'[sources.a]\nfolder=1\nlayout="{camera}%s"\n'],
}
