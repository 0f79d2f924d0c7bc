"""One recording being written: H.264 in a plain MP4, under its final name from the first byte."""

from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av

from layover_sim.picture import Frame

_KEYFRAME_S = 2


class Segment:
    """A file that grows with every frame and can be played once it is closed.

    Frames all have the same duration, 1/fps. The encoder keeps to ``bitrate_bps`` strictly (it
    pads), so the size follows from the duration.
    """

    def __init__(self, file: Path, width: int, height: int, fps: int, bitrate_bps: int) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self.file = file
        self._container = av.open(str(file), "w", format="mp4")
        self._stream = self._container.add_stream(
            "libx264",
            rate=fps,
            options={
                "preset": "ultrafast",
                "tune": "zerolatency",
                "maxrate": str(bitrate_bps),
                "bufsize": str(bitrate_bps // 4),
                "x264-params": "nal-hrd=cbr:force-cfr=1",
            },
        )
        self._stream.width = width
        self._stream.height = height
        self._stream.pix_fmt = "yuv420p"
        self._stream.bit_rate = bitrate_bps
        self._stream.codec_context.thread_count = 1
        self._stream.codec_context.gop_size = _KEYFRAME_S * fps
        self._frame_duration = Fraction(1, fps)

    def write(self, frame: Frame, number: int) -> None:
        """Adds a frame as the segment's ``number``-th; numbers rise, and may skip."""
        picture = av.VideoFrame.from_ndarray(frame, format="yuv420p")
        picture.pts = number
        picture.time_base = self._frame_duration
        picture.duration = 1
        self._container.mux(self._stream.encode(picture))

    def close(self) -> None:
        """Finishes the file: now it can be played."""
        self._container.mux(self._stream.encode())
        self._container.close()

    def __enter__(self) -> "Segment":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
