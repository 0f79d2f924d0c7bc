import contextlib
import datetime as dt
import re
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layover_agent.core.layout import BadLayout, Layout, Named, first_match
from layover_agent.core.zones import EARLIEST_MS, LATEST_MS
from layover_agent.recorders import known

DAY = "%Y-%m-%d"
PLAIN = "{camera}/%Y-%m-%d/%H-%M-%S.mp4"


def ms(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp() * 1000)


RECORDERS = {
    "ours": (PLAIN, "cam1/2026-11-21/10-00-01.mp4", "cam1", "2026-11-21T10:00:01+00:00"),
    "mediamtx": (
        "{camera}/%Y-%m-%d_%H-%M-%S-%f.mp4",
        "front/2026-11-21_10-00-01-250000.mp4",
        "front",
        "2026-11-21T10:00:01.250+00:00",
    ),
    "ffmpeg with its zone": (
        "{camera}@%Y%m%d%H%M%S%z.mp4",
        "cam@20261121011152-0500.mp4",
        "cam",
        "2026-11-21T01:11:52-05:00",
    ),
    "a zone with a colon": (
        "{camera}_%Y%m%dT%H%M%S%z.ts",
        "c_20261121T011152+05:30.ts",
        "c",
        "2026-11-21T01:11:52+05:30",
    ),
    "zulu": ("{camera}_%Y%m%dT%H%M%S%z.ts", "c_20261121T011152Z.ts", "c", "2026-11-21T01:11:52Z"),
    "viseron": ("{camera}/%s.m4s", "c/1795258800.m4s", "c", "2026-11-21T11:00:00+00:00"),
    "milliseconds beside the second": (
        "{camera}-%s.{ms}.mp4",
        "c-1795258800.007.mp4",
        "c",
        "2026-11-21T11:00:00.007+00:00",
    ),
    "kerberos, whose milliseconds have no leading zeros": (
        "%s_*-{ms}_{camera}_*_{dur_ms}.mp4",
        "1795258800_1-7_door_0-0-0-0_1_60000.mp4",
        "door",
        "2026-11-21T11:00:00.007+00:00",
    ),
    "two digits of the year": (
        "%y%m%d_%H%M%S_{seq}_{camera}.MP4",
        "261121_100001_042_FH.MP4",
        "FH",
        "2026-11-21T10:00:01Z",
    ),
    "tesla": (
        "{kind}/*/%Y-%m-%d_%H-%M-%S-{camera}.mp4",
        "SavedClips/2026-11-21_10-05-00/2026-11-21_10-00-01-left_repeater.mp4",
        "left_repeater",
        "2026-11-21T10:00:01Z",
    ),
    "the day named twice": (
        f"{{camera}}/{DAY}/{DAY}_%H%M%S.mkv",
        "c/2026-11-21/2026-11-21_100001.mkv",
        "c",
        "2026-11-21T10:00:01Z",
    ),
    "per cent": ("100%%/{camera}_%s.ts", "100%/c_1795258800.ts", "c", "2026-11-21T11:00:00Z"),
    "an underscore in the camera": (
        "{camera}_%Y%m%d_%H%M%S.ts",
        "rear_door_20261121_100001.ts",
        "rear_door",
        "2026-11-21T10:00:01Z",
    ),
}


@pytest.mark.parametrize("case", RECORDERS)
def test_names_of_known_recorders(case: str) -> None:
    template, path, camera, start = RECORDERS[case]
    named = Layout.parse(template, "+00:00").match(path)
    assert named is not None
    assert (named.camera, named.start_ms, named.sure) == (camera, ms(start), True)


def test_a_duration_in_the_name() -> None:
    layout = Layout.parse("%s_{camera}_{dur_ms}.mp4", "")
    assert layout.match("1795258800_c_60000.mp4").duration_ms == 60_000  # type: ignore[union-attr]
    assert layout.match("1795258800_c_0.mp4").duration_ms is None  # type: ignore[union-attr]


NO_RECORDING = {
    "another extension": "cam1/2026-11-21/10-00-01.txt",
    "no such day": "cam1/2026-02-30/10-00-01.mp4",
    "no such hour": "cam1/2026-11-21/25-00-01.mp4",
    "a leap second": "cam1/2026-11-21/10-00-60.mp4",
    "no year": "cam1/0000-11-21/10-00-01.mp4",
    "a folder more": "x/cam1/2026-11-21/10-00-01.mp4",
    "a folder less": "cam1/10-00-01.mp4",
    "something before": "cam1/2026-11-21/x10-00-01.mp4",
    "something behind": "cam1/2026-11-21/10-00-01.mp4.part",
    "a line break behind": "cam1/2026-11-21/10-00-01.mp4\n",
    "a dot that is none": "cam1/2026-11-21/10-00-01xmp4",
    "no camera": "/2026-11-21/10-00-01.mp4",
    "nothing": "",
    "far too long": "c" * 2000 + "/2026-11-21/10-00-01.mp4",
}


@pytest.mark.parametrize("case", NO_RECORDING)
def test_names_that_are_no_recordings(case: str) -> None:
    assert Layout.parse(PLAIN, "+00:00").match(NO_RECORDING[case]) is None


def test_the_two_mentions_of_a_day_must_agree() -> None:
    layout = Layout.parse(f"{{camera}}/{DAY}/{DAY}_%H%M%S.mkv", "+00:00")
    assert layout.match("c/2026-11-21/2026-11-22_100001.mkv") is None


WALL = {
    "winter": ("Europe/Berlin", "2026-01-15", "12-00-00", "2026-01-15T12:00:00+01:00", True),
    "summer": ("Europe/Berlin", "2026-07-15", "12-00-00", "2026-07-15T12:00:00+02:00", True),
    "twice": ("Europe/Berlin", "2026-10-25", "02-30-00", "2026-10-25T02:30:00+02:00", False),
    "after it": ("Europe/Berlin", "2026-10-25", "03-00-00", "2026-10-25T03:00:00+01:00", True),
    "never": ("Europe/Berlin", "2026-03-29", "02-30-00", "2026-03-29T02:30:00+01:00", False),
    "far": ("Australia/Lord_Howe", "2026-01-15", "12-00-00", "2026-01-15T12:00:00+11:00", True),
    "fixed": ("-05:30", "2026-07-15", "12-00-00", "2026-07-15T12:00:00-05:30", True),
}  # fmt: skip


@pytest.mark.parametrize("case", WALL)
def test_wall_time_in_its_zone(case: str) -> None:
    zone, day, time, start, sure = WALL[case]
    named = Layout.parse(PLAIN, zone).match(f"c/{day}/{time}.mp4")
    assert named is not None
    assert (named.start_ms, named.sure) == (ms(start), sure)


BAD = {
    "a letter nobody knows": ("{camera}/%Y-%m-%d_%H%M%Q.mp4", "UTC", "%Q"),
    "a field nobody knows": ("{cam}/%s.mp4", "", "{cam}"),
    "a brace left open": ("{camera/%s.mp4", "", "{"),
    "a per cent sign at the end": ("{camera}/%s%", "", "%"),
    "no camera": ("%s.mp4", "", "{camera}"),
    "no seconds": ("{camera}/%Y-%m-%d_%H%M.mp4", "UTC", "second"),
    "no date": ("{camera}/%H%M%S.mp4", "UTC", "year"),
    "no zone": (PLAIN, "", "zone"),
    "no such zone": (PLAIN, "Europe/Bärlin", "Bärlin"),
    "a zone that is a path": (PLAIN, "../../etc/passwd", "zone"),
    "an offset of a day": (PLAIN, "+24:00", "offset"),
    "nothing": ("", "UTC", "needs"),
}


@pytest.mark.parametrize("case", BAD)
def test_templates_that_cannot_be_used_say_why(case: str) -> None:
    template, zone, said = BAD[case]
    with pytest.raises(BadLayout, match=None) as refusal:
        Layout.parse(template, zone)
    assert said in str(refusal.value)


@settings(deadline=None)
@given(st.text(max_size=60), st.text(max_size=20))
def test_any_template_is_read_or_refused_in_words(template: str, zone: str) -> None:
    with contextlib.suppress(BadLayout):
        Layout.parse(template, zone)


@settings(deadline=None)
@given(st.text(alphabet="c/0123456789-_.+Zmp4٣é", max_size=50))
def test_any_path_is_matched_or_not(path: str) -> None:
    for template in (PLAIN, "{camera}@%Y%m%d%H%M%S%z.mp4", "{camera}/%s.{ms}.mp4"):
        Layout.parse(template, "Europe/Berlin").match(path)


@settings(deadline=None)
@given(
    st.datetimes(dt.datetime(1971, 1, 1), dt.datetime(2199, 1, 1)),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "+02:00"]),
)
def test_a_sure_time_written_back_in_its_zone_is_the_name(when: dt.datetime, zone: str) -> None:
    layout = Layout.parse("{camera}/%Y-%m-%d_%H-%M-%S-%f.mp4", zone)
    path = when.strftime("c/%Y-%m-%d_%H-%M-%S-%f.mp4")
    named = layout.match(path)
    assert named is not None
    if named.sure:
        assert named.start_ms is not None
        back = dt.datetime.fromtimestamp(named.start_ms / 1000, layout._zone)
        expected = when.replace(microsecond=when.microsecond // 1000 * 1000)
        assert back.replace(tzinfo=None) == expected


TEMPLATES = st.sampled_from(
    [
        template
        for recorder in known().values()
        for template in recorder.layouts
        if "%S" in template or "%s" in template
    ]
)
ZONES = st.sampled_from(
    ["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kathmandu",
     "Pacific/Chatham", "America/Santiago", "UTC", "-09:30", "+14:00"]
)  # fmt: skip


def rendered(template: str, when: dt.datetime) -> str:
    """A name as a recorder writes it: the first of alternatives, camera 1, the time of a clock."""
    name = re.sub(r"\{\w*:([^{}|\[]+)[^{}]*\}", r"\1", template)
    name = re.sub(
        r"\{\w*:\[(.)[^{}]*\](?:\{([0-9]+),?[0-9]*\})?\}",
        lambda found: found[1] * int(found[2] or 1),
        name,
    )
    name = name.replace("**/", "x/")
    name = re.sub(r"\{(?:camera|event|seq|kind)\}", "1", name)
    name = name.replace("{dur_ms}", "60000").replace("{ms}", str(when.microsecond // 1000))
    name = name.replace("%s", str(int(when.timestamp())))
    return when.strftime(name)


@settings(deadline=None, max_examples=400)
@given(
    template=TEMPLATES,
    start_ms=st.one_of(
        st.integers(EARLIEST_MS + 2 * 86_400_000, LATEST_MS - 2 * 86_400_000),
        st.integers(1_792_886_400_000, 1_792_897_200_000),  # Berlin's clocks go back
    ),
    zone=ZONES,
)
def test_what_a_recorder_writes_is_read_back(template: str, start_ms: int, zone: str) -> None:
    layout = Layout.parse(template, zone, camera="1", longest_ms=20 * 60_000)
    keeps_ms = "%f" in template or "{ms}" in template
    start_ms -= 0 if keeps_ms else start_ms % 1000
    where = ZoneInfo(zone) if "/" in zone or zone == "UTC" else dt.datetime.fromisoformat(
        f"2026-01-01T00:00{zone}"
    ).tzinfo  # fmt: skip
    when = dt.datetime.fromtimestamp(start_ms // 1000, where)
    name = rendered(template, when.replace(microsecond=start_ms % 1000 * 1000))
    named = layout.match(name, start_ms + 60_000)
    century = "%y" in template and not 1969 <= when.year < 2069
    if not century:
        assert named is not None, name
        assert (named.start_ms, named.sure) == (start_ms, True)


def test_a_repeated_name_is_told_apart_by_its_time_of_writing() -> None:
    layout = Layout.parse(PLAIN, "Europe/Berlin", longest_ms=900_000)
    name = "c/2026-10-25/02-30-00.mp4"
    first, second = ms("2026-10-25T02:30+02:00"), ms("2026-10-25T02:30+01:00")
    for start_ms in (first, second):
        named = layout.match(name, start_ms + 600_000)
        assert named == Named("c", start_ms, True)


def test_a_duration_in_the_name_bounds_the_time_of_writing() -> None:
    layout = Layout.parse("{camera}_%Y%m%d%H%M%S_{dur_ms}.mp4", "Europe/Berlin")
    second = ms("2026-10-25T02:30+01:00")
    named = layout.match("c_20261025023000_60000.mp4", second + 60_000)
    assert named is not None
    assert (named.start_ms, named.sure) == (second, True)


@pytest.mark.parametrize("fold", ["first", "second"])
def test_a_fold_that_is_set_is_followed(fold: str) -> None:
    layout = Layout.parse(PLAIN, "Europe/Berlin", fold=fold)
    named = layout.match("c/2026-10-25/02-30-00.mp4")
    offset = {"first": "+02:00", "second": "+01:00"}[fold]
    assert named == Named("c", ms(f"2026-10-25T02:30{offset}"), True)


@pytest.mark.parametrize("setting", [{"time": "exif"}, {"fold": "third"}])
def test_a_setting_nobody_knows_is_refused(setting: dict[str, str]) -> None:
    with pytest.raises(BadLayout, match="is one of"):
        Layout.parse(PLAIN, "UTC", **setting)  # type: ignore[arg-type]


UNSET = {
    "a unix time of a boot": ("{camera}_%s.ts", "c_12.ts", 12_000),
    "a wall time of a boot": (PLAIN, "c/1970-01-01/00-00-12.mp4", 12_000),
    "two digits of a year of a boot": ("{camera}_%y%m%d%H%M%S.ts", "c_700101000012.ts", 12_000),
    "a far year": (PLAIN, "c/9999-12-31/23-59-59.mp4", 253_402_300_799_000),
    "the first year": (PLAIN, "c/0001-01-01/00-00-00.mp4", -62_135_596_800_000),
    "a zone of its own in the first year": (
        "{camera}_%Y%m%d%H%M%S%z.ts", "c_00010101000000+2359.ts", -62_135_683_140_000
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNSET)
def test_a_clock_that_was_never_set_is_marked(case: str) -> None:
    template, path, start_ms = UNSET[case]
    assert Layout.parse(template, "UTC").match(path) == Named("c", start_ms, False)


def test_an_impossible_zone_in_a_name_is_no_recording() -> None:
    layout = Layout.parse("{camera}_%Y%m%d%H%M%S%z.ts", "")
    assert layout.match("c_20261121100001+9900.ts") is None
    assert layout.fits("c_20261121100001+9900.ts")


def test_a_camera_of_files_that_name_none() -> None:
    assert Layout.parse("%s.mp4", "", camera="front").match("1795258800.mp4") == Named(
        "front", 1_795_258_800_000
    )
    with pytest.raises(BadLayout, match="camera"):
        Layout.parse("%s.mp4", "")


@pytest.mark.parametrize("time", ["mtime", "container"])
def test_names_without_a_time(time: str) -> None:
    layout = Layout.parse("{camera}/{event}.mp4", "", time=time)
    assert layout.match("c/7.mp4") == Named("c", None, event="7")
    assert not layout.needs_zone


def test_wall_times_without_a_zone_are_not_told_where_they_need_not_be() -> None:
    assert Layout.parse(PLAIN, "", time="mtime").match("c/2026-11-21/10-00-01.mp4") == Named(
        "c", None
    )
    with_zone = Layout.parse(PLAIN, "UTC", time="mtime").match("c/2026-11-21/10-00-01.mp4")
    assert with_zone == Named("c", ms("2026-11-21T10:00:01+00:00"))


def test_part_of_a_time_is_no_time() -> None:
    layout = Layout.parse("{camera}/%Y-%m-%d/{event}.mp4", "", time="mtime")
    assert layout.match("c/2026-11-21/7.mp4") == Named("c", None, event="7")


def test_kinds_have_meanings_and_some_are_locked() -> None:
    layout = Layout.parse(
        "{kind}/{seq}_%s.mp4", "", camera="c", kinds={"RO": "locked", "N": ""}, locked=("locked",)
    )
    start_ms = 1_795_258_800_000
    assert layout.match("RO/0042_1795258800.mp4") == Named(
        "c", start_ms, kind="locked", seq=42, locked=True
    )
    assert layout.match("N/1_1795258800.mp4") == Named("c", start_ms, seq=1)
    assert layout.match("X/1_1795258800.mp4") == Named("c", start_ms, kind="X", seq=1)


def test_the_first_layout_that_knows_a_path_speaks() -> None:
    layouts = [
        Layout.parse("{kind:RO}/{camera}_%s.mp4", "", kinds={"RO": "locked"}),
        Layout.parse("**/{camera}_%s.mp4", ""),
    ]
    locked = first_match(layouts, "RO/c_1795258800.mp4")
    plain = first_match(layouts, "x/c_1795258800.mp4")
    assert locked is not None
    assert plain is not None
    assert (locked.locked, plain.locked) == (True, False)
    assert first_match(layouts, "c_1795258800.txt") is None


HOSTILE = st.text(alphabet="c/0123456789-_.+Zmp4٣é%{}*\n\0\udcff", max_size=80)


@settings(deadline=None)
@given(HOSTILE, st.one_of(st.none(), st.integers(-(2**63), 2**63)))
def test_any_path_at_any_time_is_matched_or_not(path: str, written_ms: int | None) -> None:
    for recorder in known().values():
        first_match(recorder.parsed("Europe/Berlin", "x"), path, written_ms)
