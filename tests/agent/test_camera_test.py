import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from agent.kit import NOW_MS, HandClock, write_at

from layover_agent.camera_test import (
    CameraTest,
    cameras_tested,
    exit_status,
    plain,
    still_name,
)
from layover_agent.clock import Clock
from layover_agent.manifest import opened
from layover_agent.picture import picture
from layover_agent.scan import Scanner
from layover_agent.settings import Config, SourceConfig
from layover_agent.sources.registry import made
from layover_agent.view.cameras import cameras
from layover_agent.wire.types import Camera

pytestmark = pytest.mark.skipif(
    shutil.which("ffmpeg") is None, reason="ffmpeg makes the recordings: apt-get install ffmpeg"
)
SIZE = "s=320x180:r=12:d=6"
VIDEO = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "12")
SCENES = {
    "moving": ("testsrc2=" + SIZE, "mp4"),
    "frozen": ("smptebars=" + SIZE, "mp4"),
    "black": ("color=black:" + SIZE, "ts"),
    "flat": ("color=blue:" + SIZE, "mkv"),
}
MINUTE_MS = 60_000


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Real recordings by ffmpeg, each made once."""
    folder = tmp_path_factory.mktemp("videos")

    def video(name: str) -> Path:
        scene, kind = SCENES[name.removesuffix("+sound")]
        path = folder / f"{name}.{kind}"
        if not path.exists():
            sound = ("-f", "lavfi", "-i", "sine=d=6", "-c:a", "aac") if "+sound" in name else ()
            subprocess.run(
                ["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", scene, *sound, *VIDEO, path],
                check=True, timeout=60,
            )  # fmt: skip
        return path

    return video


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "data").mkdir()
    (tmp_path / "recordings").mkdir()
    source = SourceConfig(
        folder=str(tmp_path / "recordings"), layout="{camera}/%Y-%m-%d/%H-%M-%S.*", zone="+00:00"
    )
    return Config(data_folder=tmp_path / "data", sources={"main": source})


def record(
    config: Config, camera: str, data: bytes, ext: str = "mp4", at: str = "10-50-00"
) -> Path:
    """A recording that ended a few minutes ago."""
    path = Path(config.sources["main"].folder) / camera / "2026-11-21" / f"{at}.{ext}"
    return write_at(path, data, NOW_MS - 10 * MINUTE_MS + 6_000)


async def scan(config: Config) -> None:
    async with opened(config.data_folder / "manifest.db") as manifest:
        sources = [made(name, one) for name, one in config.sources.items()]
        await Scanner(manifest, sources, HandClock()).scan()


async def asked_of(config: Config, clock: Clock | None = None, **more: object) -> list[CameraTest]:
    return await cameras_tested(config, clock or HandClock(), **more)  # type: ignore[arg-type]


def codes(test: CameraTest) -> list[str]:
    return [trouble.code for trouble in test.troubles]


@pytest.mark.parametrize("scene", ["moving", "frozen", "black", "flat"])
async def test_what_a_camera_sees(
    config: Config, videos: Callable[[str], Path], scene: str
) -> None:
    path = videos(scene)
    record(config, "front", path.read_bytes(), path.suffix[1:])
    await scan(config)
    (test,) = await asked_of(config)
    assert test.looks == scene
    assert test.sound is False
    assert codes(test) == ([] if scene == "moving" else [scene])
    assert exit_status([test]) == {"moving": 0, "frozen": 4}.get(scene, 5)


async def test_a_sound_track_is_told(config: Config, videos: Callable[[str], Path]) -> None:
    record(config, "front", videos("moving+sound").read_bytes())
    await scan(config)
    assert (await asked_of(config))[0].sound is True


async def test_a_recording_cut_in_the_middle_is_damaged_and_still_seen(
    config: Config, videos: Callable[[str], Path], tmp_path: Path
) -> None:
    fragmented = tmp_path / "fragmented.mp4"
    subprocess.run(
        ["ffmpeg", "-loglevel", "error", "-i", videos("moving"), "-c", "copy", "-movflags",
         "frag_keyframe+empty_moov", fragmented],
        check=True, timeout=60,
    )  # fmt: skip
    data = fragmented.read_bytes()
    record(config, "front", data[: len(data) * 6 // 10])
    await scan(config)
    (test,) = await asked_of(config)
    assert codes(test) == ["damaged"]
    assert test.looks == "moving"
    assert exit_status([test]) == 4


async def test_a_recording_without_its_index_shows_nothing(
    config: Config, videos: Callable[[str], Path]
) -> None:
    data = videos("moving").read_bytes()
    record(config, "front", data[: len(data) // 2])
    await scan(config)
    (test,) = await asked_of(config)
    assert codes(test) == ["no-picture", "damaged"]
    assert exit_status([test]) == 5


async def test_noise_in_the_middle_is_survived(
    config: Config, videos: Callable[[str], Path]
) -> None:
    data = bytearray(videos("moving").read_bytes())
    data[len(data) // 2 : len(data) // 2 + 4000] = os.urandom(4000)
    record(config, "front", bytes(data))
    await scan(config)
    (test,) = await asked_of(config)
    assert test.looks in ("moving", "none")


async def test_a_file_of_another_kind_has_no_picture(config: Config) -> None:
    record(config, "front", b"\x47" + b"no video at all" * 999, "ts")
    await scan(config)
    (test,) = await asked_of(config)
    assert "no-picture" in codes(test)


async def test_a_file_that_went_since_is_told_as_that(
    config: Config, videos: Callable[[str], Path]
) -> None:
    path = record(config, "front", videos("moving").read_bytes())
    await scan(config)
    path.unlink()
    (test,) = await asked_of(config)
    assert codes(test) == ["file-gone"]


async def test_a_file_that_was_emptied_since(config: Config, videos: Callable[[str], Path]) -> None:
    path = record(config, "front", videos("moving").read_bytes())
    await scan(config)
    os.truncate(path, 0)
    (test,) = await asked_of(config)
    assert codes(test) == ["empty"]


async def test_the_newest_recording_is_looked_at(
    config: Config, videos: Callable[[str], Path]
) -> None:
    record(config, "front", videos("frozen").read_bytes(), at="10-40-00")
    record(config, "front", videos("moving").read_bytes(), at="10-50-00")
    await scan(config)
    (test,) = await asked_of(config)
    assert (test.path, test.looks) == ("front/2026-11-21/10-50-00.mp4", "moving")


async def test_a_name_in_another_zone_is_a_wrong_time(
    config: Config, videos: Callable[[str], Path]
) -> None:
    record(config, "front", videos("moving").read_bytes(), at="08-50-00")
    await scan(config)
    (test,) = await asked_of(config)
    assert codes(test) == ["wrong-time"]
    assert "zone" in test.troubles[0].text


async def test_cameras_that_are_late_or_configured_and_never_seen(config: Config) -> None:
    late = Camera(
        name="side", source="main", recordings=0, size_bytes=0, first_start_ms=0, last_end_ms=0,
        lateness="late", expected_close_ms=NOW_MS,
    )  # fmt: skip
    source = SourceConfig(
        folder=config.sources["main"].folder, layout="{camera}/%s.*", cameras=("rear",)
    )
    config = Config(data_folder=config.data_folder, sources={"main": source})
    await scan(config)
    tests = await asked_of(config, late=[late])
    assert {test.camera: codes(test) for test in tests} == {"side": ["late"], "rear": ["missing"]}
    assert exit_status(tests) == 5


async def test_the_worst_comes_first(config: Config, videos: Callable[[str], Path]) -> None:
    for camera, scene in (("a", "moving"), ("b", "frozen"), ("c", "black")):
        path = videos(scene)
        record(config, camera, path.read_bytes(), path.suffix[1:])
    await scan(config)
    assert [test.camera for test in await asked_of(config)] == ["c", "b", "a"]


async def test_stills_are_saved_only_where_asked(
    config: Config, videos: Callable[[str], Path], tmp_path: Path
) -> None:
    record(config, "2 Main Entrance", videos("moving").read_bytes())
    await scan(config)
    before = sorted(path for path in tmp_path.rglob("*") if path.suffix == ".jpg")
    (test,) = await asked_of(config)
    assert (before, test.still) == ([], "")
    stills = tmp_path / "stills"
    stills.mkdir()
    (test,) = await asked_of(config, save=stills)
    assert test.still == str(stills / "main 2 Main Entrance.jpg")
    assert Path(test.still).read_bytes().startswith(b"\xff\xd8")


@pytest.mark.parametrize(
    ("camera", "name"),
    [("front", "main front.jpg"), ("../../etc/passwd", "main .._.._etc_passwd.jpg"),
     ("a\x00b\n", "main a_b_.jpg"), ("日本", "main __.jpg"), ("\udcff", "main _.jpg"),
     ("x" * 500, f"main {'x' * 95}.jpg")],
)  # fmt: skip
def test_names_of_stills(camera: str, name: str) -> None:
    assert still_name("main", camera) == name


async def test_it_reads_as_text_and_as_json(config: Config, videos: Callable[[str], Path]) -> None:
    record(config, "front", videos("moving").read_bytes())
    black = videos("black")
    record(config, os.fsdecode(b"rear\x1b[2J\xff"), black.read_bytes(), "ts")
    await scan(config)
    tests = await asked_of(config)
    text = cameras(tests, NOW_MS)
    assert all(line.isprintable() for line in text.splitlines())
    assert "CRITICAL  rear\\x1b[2J" in text
    assert "2 cameras, 1 with something wrong." in text
    assert max(map(len, text.splitlines())) <= 80
    assert json.loads(json.dumps([plain(test) for test in tests]).encode())


def test_the_decoder_has_a_deadline(videos: Callable[[str], Path]) -> None:
    handle = os.open(videos("moving"), os.O_RDONLY)
    try:
        seen = picture(handle, "mp4", limit_s=0.01)
    finally:
        os.close(handle)
    assert seen.looks == "none"
    assert "stopped" in seen.why


def test_a_kind_nobody_knows_is_not_looked_at(videos: Callable[[str], Path]) -> None:
    handle = os.open(videos("moving"), os.O_RDONLY)
    try:
        assert picture(handle, "m3u8").looks == ""
    finally:
        os.close(handle)
