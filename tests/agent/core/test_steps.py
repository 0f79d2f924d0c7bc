import pytest
from hypothesis import given
from hypothesis import strategies as st

from layover_agent.core.steps import SLACK_MS, SLEW_PPM, Reading, boot, step

WALL = 1_795_258_800_000
YEAR_MS = 365 * 86_400_000
BUILT = 1_793_491_200_000


def reading(mono_ms: int, wall_ms: int, boot_id: str = "a") -> Reading:
    return Reading(boot_id=boot_id, mono_ms=mono_ms, wall_ms=wall_ms)


STEPS = {
    "kept": (60_000, 60_000, None),
    "a busy box reads late": (60_000, 60_400, None),
    "slewed by NTP for an hour": (3_600_000, 3_601_800, None),
    "drifted for a day": (86_400_000, 86_400_000 - 17_000, None),
    "forward by a second": (30_000, 31_600, 1_600),
    "back by an hour": (30_000, 30_000 - 3_600_000, -3_600_000),
    "forward by 50 years": (30_000, 30_000 + 50 * YEAR_MS, 50 * YEAR_MS),
    "back by 50 years": (30_000, 30_000 - 50 * YEAR_MS, -50 * YEAR_MS),
    "set at the same moment": (0, 5_000, 5_000),
}


@pytest.mark.parametrize("case", STEPS)
def test_between_two_readings_of_a_boot(case: str) -> None:
    elapsed, moved, shift = STEPS[case]
    found = step(reading(1_000, WALL), reading(1_000 + elapsed, WALL + moved))
    if shift is None:
        assert found is None
    else:
        assert found is not None
        assert (found.kind, found.shift_ms) == ("step", shift)
        assert (found.mono_ms, found.after_ms) == (1_000 + elapsed, WALL + moved)


def test_two_boots_say_nothing_of_each_other() -> None:
    assert step(reading(9_000_000, WALL), reading(1_000, WALL + YEAR_MS, "b")) is None


BOOTS = {
    "first ever": (WALL, None, None),
    "in 1970": (20_000, WALL, "unset"),
    "at the image's date": (BUILT - YEAR_MS, None, "unset"),
    "later than the one before": (WALL, WALL - 60_000, None),
    "at the same second": (WALL - 200, WALL, None),
    "back by a minute": (WALL - 60_000, WALL, "back"),
    "after a boot of the future": (WALL, WALL + 50 * YEAR_MS, "back"),
}


@pytest.mark.parametrize("case", BOOTS)
def test_a_boot(case: str) -> None:
    wall, last, kind = BOOTS[case]
    found = boot(reading(5_000, wall), BUILT, last)
    assert (found and found.kind) == kind
    if found is not None:
        assert found.after_ms == wall < found.before_ms


times = st.integers(0, 1 << 45)


@given(times, times, times, st.integers(-(1 << 45), 1 << 45))
def test_a_step_is_told_with_what_it_moved(mono: int, elapsed: int, wall: int, shift: int) -> None:
    before, now = reading(mono, wall), reading(mono + elapsed, wall + elapsed + shift)
    found = step(before, now)
    if abs(shift) > SLACK_MS + elapsed * SLEW_PPM / 1e6:
        assert found is not None
        assert found.shift_ms == shift
    else:
        assert found is None
