"""A recorder in a process of its own: real video of several cameras, in real time, in a ring.

``python -m layover_sim.recorder --config recorder.json`` records until SIGTERM or SIGINT, which
close what is open; SIGKILL leaves unfinished files behind, as a power cut does.
"""

import argparse
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from layover_sim.picture import Picture
from layover_sim.recorder_settings import BadSettings, RecorderSettings, name_of
from layover_sim.ring import Ring
from layover_sim.segment import Segment

_STOPS = {signal.SIGTERM, signal.SIGINT}


class CameraRecorder:
    """Writes one camera's segments, each as soon as the one before is full.

    Frame ``i`` is due at ``first_ms + i / fps``; one whose time has passed is skipped, so that
    the video never lags behind the clock.
    """

    def __init__(self, settings: RecorderSettings, camera: str, ring: Ring, first_ms: int) -> None:
        self._settings = settings
        self._ring = ring
        self._picture = Picture(camera, settings.width, settings.height)
        self._first_ms = first_ms
        self._next_frame = 0
        self._segment: Segment | None = None
        self._segment_frame = 0

    @property
    def due_ms(self) -> int:
        """When the next frame is due."""
        return self._time_of(self._next_frame)

    def capture(self, now_ms: int) -> None:
        """Writes the frame of this moment; to be called at or after ``due_ms``."""
        frame = (now_ms - self._first_ms) * self._settings.fps // 1000
        frame = max(frame, self._next_frame)
        if frame - self._segment_frame >= self._settings.segment_frames:
            self.close()
        segment = self._segment or self._open(frame)
        image = self._picture.at(frame, self._time_of(frame))
        segment.write(image, frame - self._segment_frame)
        self._next_frame = frame + 1

    def close(self) -> None:
        """Finishes the segment that is open, if one is."""
        if self._segment is not None:
            self._segment.close()
            self._ring.close(self._segment.file)
            self._segment = None

    def _open(self, frame: int) -> Segment:
        of = self._settings
        file = of.folder / name_of(self._picture.camera, self._time_of(frame))
        self._segment = Segment(file, of.width, of.height, of.fps, of.bitrate_bps)
        self._segment_frame = frame
        return self._segment

    def _time_of(self, frame: int) -> int:
        return self._first_ms + -(-frame * 1000 // self._settings.fps)


def record(settings: RecorderSettings, stop_within: Callable[[float], bool]) -> None:
    """Records until ``stop_within(seconds)``, which waits at most that long, says True."""
    ring = Ring(settings.folder, settings.ring_bytes)
    wall_ms = time.time_ns() // 1_000_000
    mono_ms = time.monotonic_ns() // 1_000_000
    # Cameras take turns within a frame's time, as unsynchronised cameras do.
    stagger_ms = 1000 / settings.fps / len(settings.cameras)
    cameras = [
        CameraRecorder(settings, name, ring, wall_ms + int(place * stagger_ms))
        for place, name in enumerate(settings.cameras)
    ]
    stopped = False
    while not stopped:
        now_ms = wall_ms + time.monotonic_ns() // 1_000_000 - mono_ms
        camera = min(cameras, key=lambda camera: camera.due_ms)
        wait_ms = max(0, camera.due_ms - now_ms)
        if wait_ms == 0:
            camera.capture(now_ms)
        stopped = stop_within(wait_ms / 1000)
    for camera in cameras:
        camera.close()


def main() -> int:
    """Records as the settings file says. 0: stopped when asked; 2: unusable settings."""
    parser = argparse.ArgumentParser(prog="layover-recorder", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="RecorderSettings as JSON")
    arguments = parser.parse_args()
    try:
        settings = RecorderSettings.load(arguments.config)
    except BadSettings as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    # Blocked and waited for, so that a stop never falls into the middle of a frame.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    record(settings, lambda seconds: signal.sigtimedwait(_STOPS, seconds) is not None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
