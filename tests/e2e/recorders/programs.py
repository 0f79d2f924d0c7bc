"""Real recorders as processes: ffmpeg's segment muxer, and Debian's motion."""

import json
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import IO

FRAMES_PER_S = 10


def stream(path: Path, seconds: int, pattern: str = "testsrc2") -> Path:
    """What a camera sends: it moves and counts, has a key frame each second, and is large enough
    that a second of it is more than ffmpeg keeps in its buffer (256 KiB)."""
    picture = f"{pattern}=size=640x480:rate={FRAMES_PER_S}:duration={seconds}"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", picture, "-c:v", "libx264",
         "-preset", "ultrafast", "-crf", "1", "-g", str(FRAMES_PER_S), path],
        check=True, timeout=60,
    )  # fmt: skip
    return path


@dataclass
class Ffmpeg:
    """Plays a stream for ever, in real time, and cuts it into segments of ``segment_s``."""

    stream: Path
    folder: Path
    name: str
    """Of a segment, in strftime's letters, or with %d for a running number."""
    muxer: tuple[str, ...] = ()
    """More options of the segment muxer."""
    zone: str = "Europe/Berlin"
    segment_s: int = 3
    prefix: tuple[str, ...] = ()
    """What runs before the command, such as ``env``."""

    def start(self, seconds: float | None = None) -> None:
        """Records for so long, or until it is ended."""
        timed = ("-strftime", "1") if "%S" in self.name else ()
        self._log: IO[bytes] = (self.folder.parent / f"{self.folder.name}.log").open("ab")
        self._process = subprocess.Popen(
            [
                *self.prefix, "ffmpeg", "-v", "error", "-nostdin", "-y",
                "-re", "-stream_loop", "-1", "-i", self.stream,
                *(("-t", str(seconds)) if seconds else ()), "-map", "0", "-c", "copy",
                "-f", "segment", "-segment_time", str(self.segment_s),
                *timed, *self.muxer, self.name,
            ],
            cwd=self.folder, env={**os.environ, "TZ": self.zone},
            stdout=self._log, stderr=self._log,
        )  # fmt: skip

    def end(self, number: int = signal.SIGTERM) -> None:
        """SIGTERM closes the open segment; SIGKILL is a power cut."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        self._process.wait(30)
        self._log.close()

    def wait(self) -> None:
        """Until a recording of a given length is over."""
        self._process.wait(60)
        self._log.close()

    @property
    def log(self) -> str:
        return Path(self._log.name).read_text(errors="replace")


MOTION = """
daemon off
setup_mode off
log_level 4
target_dir {folder}
netcam_url file://{stream}
width 640
height 480
framerate {rate}
threshold 100
minimum_motion_frames 1
event_gap 2
pre_capture 0
picture_output off
movie_output on
movie_max_time 3
movie_codec {codec}
{more}
webcontrol_port 0
stream_port 0
"""


@dataclass
class Motion:
    """Debian's motion, detecting motion in a stream that never stops moving."""

    stream: Path
    folder: Path
    codec: str = "mkv"
    more: str = ""
    """More lines of its configuration."""

    def start(self) -> None:
        """Plays the stream once, in real time."""
        config = self.folder.with_suffix(".conf")
        config.write_text(
            MOTION.format(
                folder=self.folder, stream=self.stream, rate=FRAMES_PER_S, codec=self.codec,
                more=self.more,
            )
        )  # fmt: skip
        with config.with_suffix(".log").open("wb") as log:
            self._process = subprocess.Popen(
                ["motion", "-n", "-c", config], stdout=log, stderr=log,
                env={**os.environ, "TZ": "Europe/Berlin"},
            )  # fmt: skip

    def end(self, number: int = signal.SIGTERM) -> None:
        if self._process.poll() is None:
            self._process.send_signal(number)
        self._process.wait(30)


def duration_ms(path: Path) -> int | None:
    """How long a file plays by ffprobe, counting every packet; None: it cannot be played."""
    done = subprocess.run(
        ["ffprobe", "-v", "quiet", "-of", "json", "-select_streams", "v",
         "-show_entries", "packet=pts_time,dts_time", path],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    packets = json.loads(done.stdout or "{}").get("packets", [])
    stamps = [one.get("pts_time", one.get("dts_time")) for one in packets]  # AVI has no pts
    times = sorted(float(one) for one in stamps if one is not None)
    if len(times) < 2:
        return None
    return round((times[-1] - times[0] + 1 / FRAMES_PER_S) * 1000)
