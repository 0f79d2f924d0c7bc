import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layover_agent.core.frigate import Name, Spans, agreed, read

START_MS = 1_795_258_800_000
"""2026-11-21 11:00:00 UTC."""

MOMENTS = st.datetimes(dt.datetime(1970, 1, 2), dt.datetime(2100, 1, 1)).map(
    lambda wall: wall.replace(microsecond=0, tzinfo=dt.UTC)
)
CAMERAS = st.text("abcXYZ019_-", min_size=1, max_size=20)


@given(MOMENTS, CAMERAS)
def test_a_name_since_0_12_is_utc(moment: dt.datetime, camera: str) -> None:
    name = read(f"{moment:%Y-%m-%d/%H}/{camera}/{moment:%M.%S}.mp4")
    assert name == Name(camera, int(moment.timestamp()) * 1000, is_utc=True)
    assert name.start_ms == name.wall_ms


@given(MOMENTS, CAMERAS)
def test_an_older_name_has_a_wall_time_of_an_unknown_zone(moment: dt.datetime, camera: str) -> None:
    name = read(f"{moment:%Y-%m/%d/%H}/{camera}/{moment:%M.%S}.mp4")
    assert name == Name(camera, int(moment.timestamp()) * 1000, is_utc=False)
    assert name.start_ms is None


@given(st.text(max_size=60) | st.from_regex(r"[0-9-/.]{20,40}\.mp4"))
def test_any_path_has_an_answer(path: str) -> None:
    name = read(path)
    assert name is None or f"/{name.camera}/" in path


@pytest.mark.parametrize(
    "path",
    [
        "2026-11-21/11/front/00.00.mp4.tmp",
        "2026-11-21/11/front/00.00.MP4",
        "2026-11-21/11/front/60.00.mp4",
        "2026-11-21/24/front/00.00.mp4",
        "2026-02-30/11/front/00.00.mp4",
        "0000-11-21/11/front/00.00.mp4",
        "2026-11-21/11/00.00.mp4",
        "2026-11-21/11/a/b/00.00.mp4",
        "2026-11-21/11//00.00.mp4",
        "٢٠٢٦-11-21/11/front/00.00.mp4",
        "recordings/2026-11-21/11/front/00.00.mp4",
        f"2026-11-21/11/{'x' * 2000}/00.00.mp4",
        "clips/front-1795258800.5-abc.jpg",
    ],
)
def test_paths_that_are_no_recordings(path: str) -> None:
    assert read(path) is None


UTC_NAME = Name("front", START_MS, is_utc=True)
WALL_NAME = Name("front", START_MS, is_utc=False)


@pytest.mark.parametrize(
    ("name", "start_ms", "told"),
    [
        pytest.param(UTC_NAME, START_MS, (START_MS, True, 10_000), id="they agree"),
        pytest.param(UTC_NAME, START_MS + 250, (START_MS + 250, True, 10_000), id="finer"),
        pytest.param(UTC_NAME, START_MS + 9_000, (START_MS, False, None), id="contradiction"),
        pytest.param(
            WALL_NAME, START_MS - 7_200_000, (START_MS - 7_200_000, True, 10_000), id="a zone"
        ),
        pytest.param(WALL_NAME, START_MS - 10**9, (None, False, None), id="no zone is so far"),
    ],
)
def test_a_name_and_the_database(
    name: Name, start_ms: int, told: tuple[int | None, bool, int | None]
) -> None:
    named = agreed(name, start_ms, start_ms + 10_000)
    assert (named.start_ms, named.sure, named.duration_ms) == told


TIMES = st.integers(0, 50)
PAIRS = st.tuples(TIMES, TIMES).map(lambda pair: (min(pair), max(pair)))


@given(st.lists(PAIRS, max_size=8), PAIRS)
def test_spans_meet_a_recording_where_any_one_of_them_does(
    spans: list[tuple[int, int]], recording: tuple[int, int]
) -> None:
    start_ms, end_ms = recording
    plainly = any(one[0] <= end_ms and one[1] >= start_ms for one in spans)
    assert Spans(spans).meets(start_ms, end_ms) == plainly
