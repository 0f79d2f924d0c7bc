"""A folder's names to its recorder: every recorder finds itself, nothing is claimed for sure."""

import datetime as dt
import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layover_agent.core.offsets import Offset, offsets
from layover_agent.core.propose import proposed
from layover_agent.core.reading import Guess
from layover_agent.core.recognise import recognise
from layover_agent.recorders import known

DAY_MS = 86_400_000
START = dt.datetime(2026, 11, 20, 22, 0)


def rendered(template: str, count: int = 24, minutes: int = 10) -> list[str]:
    """Names in strftime's letters; ``@`` is one of three cameras, ``#`` a running number, ``~6``
    parts of a second."""
    names = []
    parts = random.Random(1)
    for number, camera in itertools.product(range(count), ("hall", "door", "yard")):
        when = START + dt.timedelta(minutes=minutes * number)
        name = when.strftime(template).replace("@", camera).replace("#", f"{number:04}")
        name = name.replace("~6", f"{parts.randrange(10**6):06}")
        names.append(name.replace("~3", f"{parts.randrange(1000):03}"))
    return names


def best(paths: list[str], **known_by_now: str) -> Guess:
    return recognise(paths, known().values(), **known_by_now)[0]


@pytest.mark.parametrize("recorder", known().values(), ids=known().keys())
def test_a_recorder_is_found_by_its_own_examples(recorder) -> None:  # type: ignore[no-untyped-def]
    paths = [example.path for example in recorder.examples]
    beside = {"ffmpeg-list": ["list.csv"], "motioneye": [f"{path}.thumb" for path in paths]}
    guess = best(paths + beside.get(recorder.name, []))
    assert guess.recorder == recorder.name
    assert guess.matched == len(paths)
    assert guess.needs_zone == recorder.asks_zone
    assert {camera.name for camera in guess.cameras} == {
        example.camera for example in recorder.examples
    }


def test_cameras_with_their_first_and_last_recording() -> None:
    guess = best(rendered("@/%Y-%m-%d/%H-%M-%S.mp4"))
    assert guess.recorder == "camera-date-time"
    assert [(one.name, one.count) for one in guess.cameras] == [
        ("door", 24), ("hall", 24), ("yard", 24)
    ]  # fmt: skip
    first, last = guess.cameras[0].first_ms, guess.cameras[0].last_ms
    assert first is not None
    assert last is not None
    assert last - first == 230 * 60_000


def test_a_product_is_told_from_a_way_of_naming_by_what_lies_beside() -> None:
    films = rendered("@/%Y-%m-%d/%H-%M-%S.mp4")
    plain, *others = recognise(films, known().values())
    assert plain.recorder == "camera-date-time"
    assert "motioneye" in [guess.recorder for guess in others]
    guess = best(films + [f"{name}.thumb" for name in films])
    assert guess.recorder == "motioneye"
    assert guess.confidence > plain.confidence


def test_what_is_foreign_is_grouped_by_why() -> None:
    films = rendered("DCIM/Movie/%Y_%m%d_%H%M%S_00#F.MP4")
    guess = best(
        [
            *films,
            "DCIM/Movie/2026_0230_100001_000123F.MP4",
            "DCIM/Movie/holiday.mp4",
            "DCIM/FW.bin",
            "notes",
            "a.txt",
            "b.txt",
        ]
    )
    assert guess.recorder == "viofo"
    assert {one.why: (one.count, one.samples) for one in guess.foreign} == {
        "video with a date or time that does not exist": (
            1,
            ("DCIM/Movie/2026_0230_100001_000123F.MP4",),
        ),
        "video named in another way": (1, ("DCIM/Movie/holiday.mp4",)),
        "the recorder's own, no recordings": (1, ("DCIM/FW.bin",)),
        "no video": (1, ("notes",)),
        "no video (.txt)": (2, ("a.txt", "b.txt")),
    }
    assert 0.9 < guess.confidence < 1


def test_an_open_recording_is_told() -> None:
    paths = [f"1/2026-11-21/{n}/{n}-video.h264.mp4" for n in range(4700, 4720)]
    guess = best([*paths, "1/2026-11-21/4720/incomplete.h264.mp4"])
    assert guess.recorder == "zoneminder"
    (open_,) = guess.foreign
    assert open_.why.startswith("still being written")


def test_clocks_that_were_never_set_are_counted() -> None:
    guess = best([*rendered("@_%Y%m%d_%H%M%S.mp4"), "hall_19700101_000012.mp4"])
    assert guess.unsure == 1
    assert any("never set" in sentence for sentence in guess.missing)


def test_a_zone_that_is_known_is_not_missed() -> None:
    films = rendered("@/%Y-%m-%d/%H-%M-%S.mp4")
    assert any("zone" in sentence for sentence in best(films).missing)
    assert best(films, zone="Europe/Berlin").missing == ()


def test_a_camera_that_no_name_tells_is_missed() -> None:
    films = [f"{n:02}-20261121{n:02}0001.mkv" for n in range(20)]
    guess = best(films, zone="UTC")
    assert guess.recorder == "motion"
    assert guess.needs_camera
    assert any("no folder names one" in sentence for sentence in guess.missing)
    named = best(films, zone="UTC", camera="hall")
    assert named.missing == ()
    assert [one.name for one in named.cameras] == ["hall"]


PROPOSED = {
    "a network recorder": ("nvr/@/%Y%m%d/NVR_@_main_%Y%m%d%H%M%S.dav",
                           "nvr/{camera}/%Y%m%d/NVR_*_main_%Y%m%d%H%M%S.dav"),
    "words before the time": ("rec_@_%Y-%m-%dT%H-%M-%SZ.mkv",
                              "{camera}_%Y-%m-%dT%H-%M-%S%z.mkv"),
    "words after the time": ("%Y%m%d-%H%M%S_@.mp4", "%Y%m%d-%H%M%S_{camera}.mp4"),
    "the date in folders": ("%Y/%m/%d/@ %H%M%S.avi", "%Y/%m/%d/{camera} %H%M%S.avi"),
    "the date in folders and again": ("%Y/%m/%d/@_%Y%m%d_%H%M%S.mp4",
                                      "%Y/%m/%d/{camera}_%Y%m%d_%H%M%S.mp4"),
    "a folder of the hour": ("@/%Y-%m-%d/%H/%H.%M.%S.mp4", "{camera}/%Y-%m-%d/%H/%H.%M.%S.mp4"),
    "unix time": ("@/%s.m4s", "{camera}/%s.m4s"),
    "a running number": ("@/%Y%m%d-%H%M%S_#.mp4", "{camera}/%Y%m%d-%H%M%S_*.mp4"),
    "no camera": ("%Y-%m-%d_%H-%M-%S.mp4", "%Y-%m-%d_%H-%M-%S.mp4"),
    "two digits of the year": ("@/%y%m%d-%H%M%S.mp4", "{camera}/%y%m%d-%H%M%S.mp4"),
    "millionths of a second": ("@/%Y-%m-%d/%H-%M-%S-~6.mp4", "{camera}/%Y-%m-%d/%H-%M-%S-%f.mp4"),
    "thousandths, and no camera": ("%Y%m%d_%H%M%S.~3.mkv", "%Y%m%d_%H%M%S.%f.mkv"),
    "thousandths and a zone": ("@_%Y%m%dT%H%M%S.~3Z.mkv", "{camera}_%Y%m%dT%H%M%S.%f%z.mkv"),
    "a running number of six digits": ("@/%Y-%m-%d/%H-%M-%S-00#.mp4",
                                       "{camera}/%Y-%m-%d/%H-%M-%S-*.mp4"),
    "Shinobi": ("group/@/%Y-%m-%dT%H-%M-%S.mp4", "group/{camera}/%Y-%m-%dT%H-%M-%S.mp4"),
    "a dot after the camera": ("@.%Y%m%d_%H%M%S.mp4", "{camera}.%Y%m%d_%H%M%S.mp4"),
}  # fmt: skip


@pytest.mark.parametrize("case", PROPOSED)
def test_a_layout_is_worked_out(case: str) -> None:
    names, template = PROPOSED[case]
    assert proposed(rendered(names)) == template


def test_one_name_with_parts_of_a_second_is_enough() -> None:
    assert proposed(["cam/2026-11-21/10-00-00-000123.mp4"]) == "{camera}/%Y-%m-%d/%H-%M-%S-%f.mp4"


def test_numbers_of_cameras_after_the_time_are_no_parts_of_a_second() -> None:
    names = [f"2026-11-21_10-{m:02}-00-{camera:03}.mp4" for m in range(20) for camera in (1, 2, 3)]
    assert proposed(names) == "%Y-%m-%d_%H-%M-%S-{camera}.mp4"


NOTHING = {
    "numbers only": ["DCIM/100GOPRO/GX010001.MP4", "DCIM/100GOPRO/GX010002.MP4"],
    "names that are not alike": ["a/20261121-100001.mp4", "b_2026-11-21T10-00-01.mp4", "x.mp4"],
    "dates that do not exist": [f"a/2026-13-{n:02}_10-00-01.mp4" for n in range(40, 60)],
    "signs of the language": [f"a{{b}}%Y*/2026-11-{n}_10-00-01.mp4" for n in range(10, 20)],
    "no videos": ["a/20261121-100001.txt"],
    "no files": [],
}


@pytest.mark.parametrize("case", NOTHING)
def test_no_layout_is_guessed_where_none_is_safe(case: str) -> None:
    assert proposed(NOTHING[case]) is None


SAID = {
    "an empty folder": ([], "empty"),
    "no videos": (["a.txt", "b/c.txt", "d.jpg"], ".txt"),
    "names without time": (["DCIM/100GOPRO/GX010001.MP4"], "carry no time"),
    "names of two kinds": (
        ["a/x/20261121-10000{n}#.mp4" for n in range(5)]
        + [f"b_2026-11-21T10-00-0{n}_x+y.mp4" for n in range(5)]
        + [f"20261121/c+{n}/10.00.0{n}.mp4" for n in range(5)],
        "not all written in one way",
    ),
}


@pytest.mark.parametrize("case", SAID)
def test_what_is_missing_is_said_where_nothing_fits(case: str) -> None:
    paths, said = SAID[case]
    guess = best(paths)
    assert (guess.recorder, guess.layouts, guess.matched) == ("", (), 0)
    assert guess.total == len(paths)
    assert said in guess.missing[0]


def test_a_worked_out_layout_is_a_guess_as_well() -> None:
    guess = best(rendered("nvr/@/%Y%m%d/NVR_@_main_%Y%m%d%H%M%S.dav"))
    assert guess.recorder == ""
    assert guess.layouts == ("nvr/{camera}/%Y%m%d/NVR_*_main_%Y%m%d%H%M%S.dav",)
    assert guess.matched == 72
    assert 0 < guess.confidence < 1


@pytest.mark.parametrize("minutes", [-570, -300, 0, 60, 120, 330, 345, 765, 840])
def test_the_offset_is_told_by_the_files_times(minutes: int) -> None:
    films = rendered("@/%Y-%m-%d/%H-%M-%S.mp4")
    written = [
        round((START - dt.datetime(1970, 1, 1)).total_seconds() * 1000)
        + (number + 1) * 10 * 60_000
        - minutes * 60_000
        for number in range(24)
        for _ in range(3)
    ]
    guess = recognise(films, known().values(), written)[0]
    # The last file of each camera has no next one to tell how long it is.
    assert guess.offsets[0] == Offset(minutes, 69, 72)


def test_summer_and_winter_speak_for_two_offsets() -> None:
    winter = [("a", n * 60_000, 60_000, n * 60_000 + 60_000 - 3_600_000) for n in range(30)]
    summer = [
        ("a", n * 60_000 + 180 * DAY_MS, 60_000, n * 60_000 + 180 * DAY_MS + 60_000 - 7_200_000)
        for n in range(20)
    ]
    assert offsets(winter + summer) == [Offset(60, 30, 50), Offset(120, 20, 50)]


def test_files_copied_later_speak_for_no_offset() -> None:
    copied = [("a", n * 60_000, None, 300 * DAY_MS) for n in range(30)]
    assert offsets(copied) == []


@pytest.mark.parametrize(("minutes", "text"), [(0, "+00:00"), (-570, "-09:30"), (765, "+12:45")])
def test_an_offset_is_written_as_in_a_configuration(minutes: int, text: str) -> None:
    assert Offset(minutes, 1, 1).text == text


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(alphabet="ab/0123456789-_.%{}*mp4ts \udcff٣", max_size=40), max_size=20))
def test_any_names_get_an_answer(paths: list[str]) -> None:
    guesses = recognise(paths, known().values(), [0] * len(paths))
    assert guesses
    for guess in guesses:
        assert guess.matched + sum(one.count for one in guess.foreign) == len(paths)
        assert 0 <= guess.confidence <= 1


def test_a_better_explanation_is_never_less_sure() -> None:
    sure = [
        guess.confidence for guess in recognise(rendered("@/%F/%H-%M-%S.mp4"), known().values())
    ]
    assert sure == sorted(sure, reverse=True)


def test_endings_of_all_sorts_are_a_few_reasons() -> None:
    guess = best([*rendered("@/%F/%H-%M-%S.mp4"), *(f"x.{n:05}" for n in range(500))])
    assert len(guess.foreign) <= 21
    assert sum(one.count for one in guess.foreign) == 500


def test_a_folder_numbered_like_the_beginning_of_unix_time_is_a_camera() -> None:
    assert proposed([f"17/17952588{n}.mp4" for n in range(10, 40)]) == "{camera}/%s.mp4"


def test_hostile_names_are_counted_not_kept() -> None:
    paths = ["x" * 5000 + ".mp4", "a/" * 3000 + "b.ts", "\n", "/", "//", "."]
    guess = best(paths + [f"cam{n}_20261121_100001.mp4" for n in range(3000)])
    assert guess.matched == 3000
    assert len(guess.cameras) <= 1000
    assert all(len(sample) <= 200 for one in guess.foreign for sample in one.samples)
