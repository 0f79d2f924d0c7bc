"""The meter against a slow and obvious reckoning of the same windows."""

from hypothesis import given
from hypothesis import strategies as st

from layover_sim.meter import SLOT_S, Meter


class HandClock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def metered(events: list[tuple[int, int]]) -> tuple[Meter, float]:
    """A meter that saw ``(slot, bytes)`` each in the middle of its slot, and when it began."""
    clock = HandClock()
    meter = Meter(clock)
    for slot, size_bytes in events:
        clock.now_s = 1000.0 + (slot + 0.5) * SLOT_S
        meter.count(size_bytes)
    return meter, 1000.0


EVENTS = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 10_000)), max_size=40).map(sorted)


@given(events=EVENTS, width=st.integers(1, 120))
def test_the_worst_window_is_the_fullest_of_all(events: list[tuple[int, int]], width: int) -> None:
    meter, _ = metered(events)
    fullest = max(
        (sum(n for at, n in events if slot - width < at <= slot) for slot in range(401)), default=0
    )
    assert meter.worst_window_bps(width * SLOT_S) == round(8 * fullest / (width * SLOT_S))


@given(events=EVENTS)
def test_nothing_is_counted_twice_or_missed(events: list[tuple[int, int]]) -> None:
    meter, began_s = metered(events)
    assert meter.total_bytes == sum(n for _, n in events)
    middle_s = began_s + 200.5 * SLOT_S
    assert (
        meter.bytes_between(0.0, middle_s) + meter.bytes_between(middle_s, float("inf"))
        == meter.total_bytes
    )


def test_a_burst_is_seen_in_the_short_window_and_averaged_in_the_long() -> None:
    meter, _ = metered([(10, 125_000)])
    assert meter.worst_window_bps(1.0) == 1_000_000
    assert meter.worst_window_bps(10.0) == 100_000


def test_a_burst_across_a_second_boundary_is_one_window() -> None:
    meter, _ = metered([(49, 1000), (50, 1000)])
    assert meter.worst_window_bps(1.0) == 16_000


def test_what_lies_outside_the_span_does_not_count() -> None:
    meter, began_s = metered([(0, 9000), (100, 1000), (200, 9000)])
    assert meter.worst_window_bps(1.0, began_s + 1.0, began_s + 3.0) == 8000


def test_an_idle_meter_has_no_rate() -> None:
    meter, _ = metered([])
    assert meter.worst_window_bps(1.0) == 0
