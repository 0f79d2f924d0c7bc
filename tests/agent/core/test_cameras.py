"""Names of cameras by the field's convention: nothing of a name is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layover_agent.core.cameras import parse

NAMES = {
    "number, dash, name": ("10 - Hallway", 10, "Hallway"),
    "number, name of several words": ("2 Main Entrance Lobby", 2, "Main Entrance Lobby"),
    "no spaces around the dash": ("10-Hallway", 10, "Hallway"),
    "underscores": ("03_rear_door", 3, "rear_door"),
    "a name with a number": ("4 - Door 12", 4, "Door 12"),
    "a name with a dash": ("7 - Tram - front", 7, "Tram - front"),
    "a name of other letters": ("5 Ünter", 5, "Ünter"),
    "leading zeros": ("007 Bond", 7, "Bond"),
    "counted": ("CAM03", 3, "CAM03"),
    "counted by a whole word": ("Camera 1", 1, "Camera 1"),
    "a channel": ("ch_12", 12, "ch_12"),
    "a number alone": ("3", 3, "3"),
    "spaces around": ("  10 - Hallway ", 10, "Hallway"),
    "no number": ("front", None, "front"),
    "a date": ("2026-11-21", None, "2026-11-21"),
    "an ordinal": ("2nd floor", None, "2nd floor"),
    "a resolution": ("4K", None, "4K"),
    "a number behind": ("left_repeater2", None, "left_repeater2"),
    "a number too long": ("123456 Hall", None, "123456 Hall"),
    "digits of another script": ("٣x", None, "٣x"),
    "nothing": ("", None, ""),
    "spaces only": ("  ", None, "  "),
}


@pytest.mark.parametrize("case", NAMES)
def test_a_name(case: str) -> None:
    text, number, name = NAMES[case]
    camera = parse(text)
    assert (camera.number, camera.name, camera.text) == (number, name, text)


@pytest.mark.parametrize(
    ("text", "event"),
    [("2 H", "hardware"), ("2 S", "software"), ("2 Hall", ""), ("H", ""), ("2 h", "")],
)
def test_events_of_a_camera(text: str, event: str) -> None:
    assert parse(text).event == event


@given(st.text(max_size=60))
def test_nothing_that_matters_is_lost(text: str) -> None:
    camera = parse(text)
    assert camera.text == text
    assert camera.name in text
    rest = text.replace(camera.name, "", 1) if camera.name else text
    assert not any(letter.isalpha() for letter in rest)
    assert camera.name or not text


@given(st.integers(0, 9999), st.sampled_from([" ", " - ", "-", "_", ". "]))
def test_a_number_written_before_a_name_is_read_back(number: int, between: str) -> None:
    camera = parse(f"{number}{between}Hall {number}")
    assert (camera.number, camera.name) == (number, f"Hall {number}")
