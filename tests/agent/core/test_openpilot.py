import datetime as dt
import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layover_agent.core.openpilot import (
    SEGMENT_MS,
    Segment,
    named_start_ms,
    route_start_ms,
    segment,
)

START_MS = 1_795_258_800_000
NEW = st.builds(
    lambda count, tail: f"{count:08x}--{tail}",
    st.integers(0, 0xFFFF_FFFF),
    st.text("0123456789abcdef", min_size=10, max_size=10),
)
OLD = st.datetimes(dt.datetime(2016, 1, 1), dt.datetime(2024, 12, 31)).map(
    lambda wall: f"{wall:%Y-%m-%d--%H-%M-%S}"
)


@given(NEW | OLD, st.integers(0, 999_999))
def test_a_segment_s_folder_gives_its_route_and_number(route: str, number: int) -> None:
    read = segment(f"{route}--{number}")
    assert read is not None
    assert (read.route, read.number, read.folder) == (route, number, f"{route}--{number}")


@given(st.text(string.hexdigits + "-_./\0\n٣", max_size=40))
def test_what_is_no_segment_s_folder_is_refused_and_nothing_is_misread(folder: str) -> None:
    read = segment(folder)
    assert read is None or read.folder == folder


@pytest.mark.parametrize(
    "folder",
    [
        "boot",
        "crash",
        "",
        "--",
        "000001a3--c20ba54385",
        "000001a3--c20ba54385--",
        "000001a3--c20ba54385---1",
        "000001a3--c20ba54385--007",
        "000001a3--c20ba54385--1.lock",
        "000001a3--c20ba54385--1\n",
        "000001A3--C20BA54385--1",
        "000001a3--c20ba54385--٣",
        "000001a3--c20ba54385--1234567",
        "2023-02-30--10-00-00--1",
        "0000-01-01--10-00-00--1",
        "2023-02-03--24-00-00--1",
    ],
)
def test_folders_that_are_no_segments(folder: str) -> None:
    assert segment(folder) is None


def test_an_old_name_s_time_is_read() -> None:
    read = segment("2023-07-01--10-20-30--4")
    assert read == Segment("2023-07-01--10-20-30", 4, 1_688_206_830_000)


def test_segments_sort_oldest_first_the_dated_before_the_counted() -> None:
    names = [
        "2022-01-01--10-00-00--2",
        "2022-01-01--10-00-00--10",
        "2023-01-01--10-00-00--0",
        "00000009--0000000000--9",
        "00000009--0000000000--10",
        "0000000a--0000000000--0",
    ]
    read = [one for name in names if (one := segment(name))]
    random.Random(1).shuffle(read)
    assert [one.folder for one in sorted(read, key=lambda one: one.age_order)] == names


@given(
    st.integers(0, 3 * START_MS),
    st.dictionaries(st.integers(0, 5_000), st.integers(0, 3_000), min_size=1, max_size=40),
)
def test_a_route_s_start_lies_within_the_spread_of_what_its_segments_say(
    start_ms: int, late_ms: dict[int, int]
) -> None:
    closed_ms = {n: start_ms + (n + 1) * SEGMENT_MS + late for n, late in late_ms.items()}
    fitted_ms = route_start_ms(closed_ms)
    assert fitted_ms is not None
    assert start_ms <= fitted_ms <= start_ms + 3_000


@given(st.data())
def test_a_minority_of_wild_times_does_not_move_a_route(data: st.DataObject) -> None:
    count = data.draw(st.integers(5, 40))
    closed_ms = {n: START_MS + (n + 1) * SEGMENT_MS for n in range(count)}
    wild = data.draw(st.lists(st.integers(0, count - 2), max_size=(count - 2) // 2, unique=True))
    for number in wild:
        closed_ms[number] = data.draw(st.integers(-(10**15), 10**15))
    assert route_start_ms(closed_ms) == START_MS


@pytest.mark.parametrize(
    ("closed_ms", "start_ms"),
    [
        pytest.param({}, None, id="nothing is known"),
        pytest.param({4: START_MS + 5 * SEGMENT_MS}, START_MS, id="one segment of a route"),
        pytest.param(
            {0: START_MS + 60_000, 1: START_MS + 120_000, 2: START_MS + 121_000},
            START_MS,
            id="the last one is short",
        ),
        pytest.param(
            {0: START_MS + 60_000, 1: START_MS + 61_000}, START_MS, id="two, the last one short"
        ),
        pytest.param(
            {0: 60_000, 1: 120_000} | {n: START_MS + (n + 1) * SEGMENT_MS for n in range(2, 9)},
            START_MS,
            id="the clock was set after two minutes",
        ),
    ],
)
def test_a_route_s_start(closed_ms: dict[int, int], start_ms: int | None) -> None:
    assert route_start_ms(closed_ms) == start_ms


@given(
    st.integers(-12 * 4, 14 * 4).map(lambda quarters: quarters * 900_000),
    st.integers(-60_000, 60_000),
)
def test_an_old_name_is_exact_in_whatever_zone_it_is(zone_ms: int, off_ms: int) -> None:
    wall_ms = START_MS + zone_ms
    assert named_start_ms(wall_ms, START_MS + off_ms) == START_MS


@pytest.mark.parametrize("off_ms", [61_000, 400_000, -300_000, 15 * 3_600_000, -(10**14)])
def test_a_name_that_the_files_contradict_does_not_count(off_ms: int) -> None:
    assert named_start_ms(START_MS, START_MS + off_ms) is None
