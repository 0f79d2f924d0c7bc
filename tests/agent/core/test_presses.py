import pytest
from hypothesis import given
from hypothesis import strategies as st

from layover_agent.core.presses import Meaning, Presses, Rules

RULES = Rules(debounce_ms=300, pause_s=60, per_day=3)


@pytest.mark.parametrize(
    ("case", "at_ms", "today", "meanings"),
    [
        ("one press", [0], 0, "new"),
        ("a bouncing contact is one press", [0, 100, 200, 299], 0, "new bounce bounce bounce"),
        ("a second press soon after prolongs", [0, 300], 0, "new prolongs"),
        ("panic prolongs again and again", [0, 5_000, 59_999], 0, "new prolongs prolongs"),
        ("after the pause it is another one", [0, 60_000], 0, "new new"),
        ("a contact that never rests is one press", [n * 250 for n in range(400)], 0, None),
        ("too many for one day", [0], 3, "refused"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)
def test_what_a_press_means(case: str, at_ms: list[int], today: int, meanings: str | None) -> None:
    presses = Presses(RULES)
    found = [presses.pressed(ms, today) for ms in at_ms]
    expected = meanings.split() if meanings else ["new", *["bounce"] * (len(at_ms) - 1)]
    assert found == expected


@given(st.lists(st.integers(1, 200_000), max_size=200))
def test_a_stuck_button_never_begins_more_holds_than_a_day_allows(gaps_ms: list[int]) -> None:
    presses, now_ms, begun = Presses(RULES), 0, 0
    for gap_ms in gaps_ms:
        now_ms += gap_ms
        begun += presses.pressed(now_ms, begun) is Meaning.NEW
    assert begun <= RULES.per_day
