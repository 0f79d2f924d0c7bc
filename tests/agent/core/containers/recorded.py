"""Real files by ffmpeg, and what a decoder says of them."""

import subprocess
from pathlib import Path

import av

SOURCES = [
    *("-f", "lavfi", "-i", "testsrc2=s=160x120:r=25"),
    *("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"),
]
CODECS = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-b:v", "300k", "-c:a", "aac"]


def ffmpeg(path: Path, seconds: float, *options: str) -> Path:
    """A real file; the format by its name."""
    run = ["ffmpeg", "-v", "error", "-y", *SOURCES, "-t", str(seconds), *CODECS, *options]
    subprocess.run([*run, str(path)], check=True, timeout=120)
    return path


def decoded_ms(path: Path) -> int:
    """How long the pictures are that a decoder gets out of what is there."""
    begin = end = step = None
    with av.open(str(path)) as media:
        stream = media.streams.video[0]
        try:
            for packet in media.demux(stream):
                if packet.pts is None or packet.is_corrupt:
                    continue
                begin = packet.pts if begin is None else min(begin, packet.pts)
                end = packet.pts if end is None else max(end, packet.pts)
                step = packet.duration or step
        except av.error.FFmpegError:
            pass
        assert begin is not None
        assert end is not None
        return round((end - begin + (step or 0)) * stream.time_base * 1000)
