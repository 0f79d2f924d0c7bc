"""What the cameras see, down to the pixels of the clock."""

import numpy as np
import pytest

from layover_sim.picture import Picture, rendered

FOUR = """\
...#..
..##..
.#.#..
#..#..
#####.
...#..
...#..
""".splitlines()

NOON_MS = 1_784_030_400_000


def test_a_digit_is_drawn_as_it_looks() -> None:
    assert ["".join(".#"[bit] for bit in row) for row in rendered("4", 1).astype(int)] == FOUR


def test_scaling_repeats_pixels() -> None:
    assert np.array_equal(rendered("4A", 3)[::3, ::3], rendered("4A", 1))
    assert rendered("4A", 3).shape == (21, 36)


def test_every_character_of_names_and_clocks_looks_different() -> None:
    shown = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.: ?"
    assert len({rendered(one, 1).tobytes() for one in shown}) == len(shown)


def test_what_has_no_glyph_is_a_question_mark() -> None:
    assert np.array_equal(rendered("\N{SNOWMAN}", 2), rendered("?", 2))


def test_the_clock_is_burned_in_utc() -> None:
    frame = Picture("front", 320, 180).at(0, NOON_MS + 300)
    expected = np.where(rendered("2026-07-14 12:00:00.3", 2), 235, 16)
    rows, columns = expected.shape
    assert np.array_equal(frame[20 : 20 + rows, 2 : 2 + columns], expected)


@pytest.mark.parametrize("size", [(32, 32), (64, 34), (320, 180), (1280, 720)], ids=str)
def test_a_frame_is_yuv420p_of_any_even_size(size: tuple[int, int]) -> None:
    width, height = size
    frame = Picture("a-camera-with-a-long-name", width, height).at(3, NOON_MS)
    assert frame.shape == (height * 3 // 2, width)
    assert frame.dtype == np.uint8


def test_the_bar_moves_and_the_noise_changes() -> None:
    picture = Picture("front", 320, 180)
    now, later, other = (
        picture.at(0, NOON_MS),
        picture.at(0, NOON_MS + 1000),
        picture.at(1, NOON_MS),
    )
    assert (now[100, :12] == 235).all()
    assert (later[100, 77:89] == 235).all()
    assert not np.array_equal(now[100:180], other[100:180])


def test_drawing_leaves_no_trace_in_the_next_frame() -> None:
    picture = Picture("front", 320, 180)
    first = picture.at(0, NOON_MS).copy()
    picture.at(0, NOON_MS + 777)
    assert np.array_equal(picture.at(0, NOON_MS), first)


@pytest.mark.parametrize("size", [(321, 180), (320, 181)], ids=str)
def test_odd_sizes_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="even"):
        Picture("front", *size)
