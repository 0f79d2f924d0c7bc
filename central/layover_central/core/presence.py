"""Whether a site is here: ABSENT, PROBING or REACHABLE, by what is seen and what is not.

A sighting is a hint: it only makes central dial. Only an answer begins a contact, and only two
failures in a row end it. The table is at the bottom.
"""

from dataclasses import dataclass, replace
from enum import StrEnum


class State(StrEnum):
    ABSENT = "absent"
    PROBING = "probing"
    REACHABLE = "reachable"


class Event(StrEnum):
    SIGHTED = "sighted"
    """Somebody announces the site."""
    PROBE_OK = "probe-ok"
    PROBE_FAILED = "probe-failed"
    SILENT = "silent"
    """Nothing came for as long as liveness allows."""
    CLOSED = "closed"
    """A person disabled the site, or its key is no longer ours."""


class Effect(StrEnum):
    DIAL = "dial"
    BEGIN_CONTACT = "begin-contact"
    END_CONTACT = "end-contact"


@dataclass(frozen=True, slots=True)
class Presence:
    state: State
    since_ms: int
    last_seen_ms: int | None
    failures: int = 0
    """Probes that failed in a row."""
    next_probe_ms: int = 0


def absent(now_ms: int, last_seen_ms: int | None) -> Presence:
    """A site that was not looked for yet; its first probe is due at once."""
    return Presence(State.ABSENT, now_ms, last_seen_ms, 0, now_ms)


def step(presence: Presence, event: Event, now_ms: int) -> tuple[Presence, Effect | None]:
    """The presence after an event, and what is to be done."""
    failures = presence.failures + 1 if event is Event.PROBE_FAILED else presence.failures
    if event is Event.PROBE_OK:
        failures = 0
    rule = TABLE[presence.state, event]
    if event is Event.PROBE_FAILED and presence.state is State.REACHABLE and failures < 2:
        rule = (State.REACHABLE, Effect.DIAL)
    state, effect = rule
    last_seen_ms = presence.last_seen_ms
    if event is Event.PROBE_OK:
        last_seen_ms = max(now_ms, last_seen_ms or now_ms)
    return (
        Presence(
            state,
            presence.since_ms if state is presence.state else now_ms,
            last_seen_ms,
            failures,
            now_ms if effect is Effect.DIAL else presence.next_probe_ms,
        ),
        effect,
    )


def probing_at(presence: Presence, next_probe_ms: int) -> Presence:
    return replace(presence, next_probe_ms=next_probe_ms)


def probe_delay_ms(failures: int, base_ms: int, cap_ms: int, spread: float) -> int:
    """When to try an absent site again: from ``base_ms`` growing slowly, never above ``cap_ms``.

    It stays at the base for a minute's worth of tries, because a bus that just left often comes
    back. ``spread`` (0 to 1, random) keeps many sites from being tried in step.
    """
    grown_ms = base_ms * 1.05 ** min(max(failures - 60, 0), 400)
    return int(min(grown_ms, cap_ms / 1.2) * (0.8 + 0.4 * spread))


TABLE: dict[tuple[State, Event], tuple[State, Effect | None]] = {
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
"""The first failed probe of a reachable site only makes central dial again; see ``step``."""
