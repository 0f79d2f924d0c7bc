"""Presence: the whole table, its two-failure rule, and what no order of events can break."""

from itertools import accumulate, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layover_central.core.presence import (
    TABLE,
    Effect,
    Event,
    Presence,
    State,
    absent,
    probe_delay_ms,
    probing_at,
    step,
)

NOW = 1_795_258_800_000
EVENTS = st.lists(st.tuples(st.sampled_from(Event), st.integers(0, 60_000)), max_size=60)

# What each event does in each state, with one failed probe before it.
EXPECTED: dict[tuple[State, Event], tuple[State, Effect | None]] = {
    (State.ABSENT, Event.SIGHTED): (State.PROBING, Effect.DIAL),
    (State.ABSENT, Event.PROBE_OK): (State.REACHABLE, Effect.BEGIN_CONTACT),
    (State.ABSENT, Event.PROBE_FAILED): (State.ABSENT, None),
    (State.ABSENT, Event.SILENT): (State.ABSENT, None),
    (State.ABSENT, Event.CLOSED): (State.ABSENT, None),
    (State.PROBING, Event.SIGHTED): (State.PROBING, None),
    (State.PROBING, Event.PROBE_OK): (State.REACHABLE, Effect.BEGIN_CONTACT),
    (State.PROBING, Event.PROBE_FAILED): (State.ABSENT, None),
    (State.PROBING, Event.SILENT): (State.PROBING, None),
    (State.PROBING, Event.CLOSED): (State.ABSENT, None),
    (State.REACHABLE, Event.SIGHTED): (State.REACHABLE, None),
    (State.REACHABLE, Event.PROBE_OK): (State.REACHABLE, None),
    (State.REACHABLE, Event.PROBE_FAILED): (State.ABSENT, Effect.END_CONTACT),
    (State.REACHABLE, Event.SILENT): (State.REACHABLE, Effect.DIAL),
    (State.REACHABLE, Event.CLOSED): (State.ABSENT, Effect.END_CONTACT),
}


def test_the_table_is_whole() -> None:
    assert set(TABLE) == set(product(State, Event))


@pytest.mark.parametrize(("state", "event"), list(product(State, Event)))
def test_every_event_in_every_state(state: State, event: Event) -> None:
    after, effect = step(Presence(state, NOW, NOW, 1, NOW), event, NOW + 1000)
    assert (after.state, effect) == EXPECTED[state, event]
    assert after.since_ms == (NOW if after.state is state else NOW + 1000)


def reachable() -> Presence:
    presence, effect = step(absent(NOW, None), Event.PROBE_OK, NOW)
    assert effect is Effect.BEGIN_CONTACT
    return presence


def test_the_first_probe_of_a_site_is_due_at_once() -> None:
    assert absent(NOW, 5) == Presence(State.ABSENT, NOW, 5, 0, NOW)


def test_one_failed_probe_is_forgiven_and_tried_again_at_once() -> None:
    presence, effect = step(reachable(), Event.PROBE_FAILED, NOW + 1000)
    assert effect is Effect.DIAL
    assert (presence.state, presence.failures) == (State.REACHABLE, 1)
    assert presence.next_probe_ms == NOW + 1000


def test_the_second_in_a_row_ends_the_contact() -> None:
    presence, _ = step(reachable(), Event.PROBE_FAILED, NOW + 1000)
    presence, effect = step(presence, Event.PROBE_FAILED, NOW + 2000)
    assert (presence.state, effect) == (State.ABSENT, Effect.END_CONTACT)
    assert presence.since_ms == NOW + 2000


def test_an_answer_between_two_failures_forgives_the_first() -> None:
    presence = reachable()
    for event in (Event.PROBE_FAILED, Event.PROBE_OK, Event.PROBE_FAILED):
        presence, effect = step(presence, event, NOW + 1000)
        assert effect in (Effect.DIAL, None)
    assert presence.state is State.REACHABLE


def test_silence_is_asked_about_never_believed() -> None:
    presence, effect = step(reachable(), Event.SILENT, NOW + 9000)
    assert (presence.state, effect) == (State.REACHABLE, Effect.DIAL)
    assert presence.next_probe_ms == NOW + 9000


def test_a_sighting_dials_at_once_however_long_the_pause_was_to_be() -> None:
    waiting = probing_at(absent(NOW, None), NOW + 15_000)
    presence, effect = step(waiting, Event.SIGHTED, NOW + 10)
    assert effect is Effect.DIAL
    assert presence.next_probe_ms == NOW + 10


def test_an_announcement_is_no_proof_that_the_site_was_seen() -> None:
    presence, _ = step(absent(NOW, NOW - 5000), Event.SIGHTED, NOW)
    assert presence.last_seen_ms == NOW - 5000


@given(EVENTS)
def test_contacts_begin_and_end_in_turn(events: list[tuple[Event, int]]) -> None:
    presence, now_ms, told = absent(NOW, None), NOW, []
    for event, passed_ms in events:
        now_ms += passed_ms
        before = presence
        presence, effect = step(presence, event, now_ms)
        if effect in (Effect.BEGIN_CONTACT, Effect.END_CONTACT):
            told.append(effect)
        in_contact = bool(told) and told[-1] is Effect.BEGIN_CONTACT
        assert in_contact == (presence.state is State.REACHABLE)
        assert before.since_ms <= presence.since_ms <= now_ms
    assert told[::2] == [Effect.BEGIN_CONTACT] * len(told[::2])
    assert told[1::2] == [Effect.END_CONTACT] * len(told[1::2])


@given(st.lists(st.tuples(st.sampled_from(Event), st.integers(-60_000, 60_000)), max_size=60))
def test_last_seen_never_decreases_even_when_the_clock_does(
    events: list[tuple[Event, int]],
) -> None:
    presence, now_ms = absent(NOW, NOW - 1), NOW
    for event, passed_ms in events:
        now_ms += passed_ms
        seen_ms = presence.last_seen_ms
        presence, _ = step(presence, event, now_ms)
        assert seen_ms is not None
        assert presence.last_seen_ms is not None
        assert presence.last_seen_ms >= seen_ms


@given(st.integers(0, 10**6), st.integers(1, 60_000), st.integers(0, 120_000), st.floats(0, 1))
def test_a_pause_is_never_zero_and_never_above_the_cap(
    failures: int, base_ms: int, above_ms: int, spread: float
) -> None:
    base_ms += 1
    delay_ms = probe_delay_ms(failures, base_ms, base_ms + above_ms, spread)
    assert 1 <= delay_ms <= base_ms + above_ms


@given(st.integers(0, 2000), st.floats(0, 1))
def test_pauses_never_shrink_while_a_site_stays_away(failures: int, spread: float) -> None:
    delays = [probe_delay_ms(failures + n, 1000, 15_000, spread) for n in range(3)]
    assert delays == list(accumulate(delays, max))


def test_sites_are_not_tried_in_step() -> None:
    delays = {probe_delay_ms(500, 1000, 15_000, n / 10) for n in range(11)}
    assert len(delays) == 11
