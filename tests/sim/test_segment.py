"""One recording: playable when closed, its size what its bitrate says."""

from pathlib import Path

import av
import pytest

from layover_sim.picture import Picture
from layover_sim.segment import Segment

FPS = 8


def written(file: Path, frames: int, bitrate_bps: int) -> Path:
    picture = Picture("front", 320, 180)
    with Segment(file, 320, 180, FPS, bitrate_bps) as segment:
        for number in range(frames):
            segment.write(picture.at(number, number * 1000 // FPS), number)
    return file


@pytest.mark.parametrize("bitrate_bps", [200_000, 1_000_000, 4_000_000])
@pytest.mark.parametrize("frames", [4, 8, 40], ids=["half a second", "a second", "five seconds"])
def test_size_and_duration_are_as_told(tmp_path: Path, frames: int, bitrate_bps: int) -> None:
    file = written(tmp_path / "camera" / "date" / "a.mp4", frames, bitrate_bps)
    assert file.stat().st_size == pytest.approx(bitrate_bps * frames / FPS / 8, rel=0.3)
    with av.open(str(file)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert container.duration == frames * av.time_base // FPS
        assert [round(frame.time * FPS) for frame in container.decode(stream)] == [*range(frames)]


def test_skipped_frames_are_skipped_time(tmp_path: Path) -> None:
    picture = Picture("front", 320, 180)
    with Segment(tmp_path / "a.mp4", 320, 180, FPS, 1_000_000) as segment:
        for number in (0, 1, 6, 7):
            segment.write(picture.at(number, 0), number)
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.duration == av.time_base
        assert [round(frame.time * FPS) for frame in container.decode(video=0)] == [0, 1, 6, 7]


def test_the_file_grows_under_its_final_name_and_cannot_be_played_before_it_is_closed(
    tmp_path: Path,
) -> None:
    file = tmp_path / "a.mp4"
    picture = Picture("front", 320, 180)
    segment = Segment(file, 320, 180, FPS, 4_000_000)
    for number in range(FPS):
        segment.write(picture.at(number, 0), number)
    assert 100_000 < file.stat().st_size < 500_000
    with pytest.raises(av.error.InvalidDataError):
        av.open(str(file))
    segment.close()
    with av.open(str(file)) as container:
        assert container.duration == av.time_base
