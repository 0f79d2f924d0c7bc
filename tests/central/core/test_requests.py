import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from layover_central.core.requests import (
    OPEN,
    TERMINAL,
    Activity,
    Fate,
    KnownRecording,
    Piece,
    RequestState,
    horizon_ms,
    request_state,
    tally,
    touches,
    verdict,
)

SEAM = 1500
FAR = 1 << 60

SAVED, PENDING, UNKNOWN = Fate.SAVED, Fate.PENDING, Fate.UNKNOWN
LOST, DAMAGED, STOPPED, NOT_RECORDED = Fate.LOST, Fate.DAMAGED, Fate.STOPPED, Fate.NOT_RECORDED


def rec(id: str, start_ms: int, end_ms: int, fate: Fate = SAVED) -> KnownRecording:
    return KnownRecording(id, start_ms, end_ms, fate)


# -- touches

TOUCHES = {
    "inside": ((40, 60), 0, True),
    "around": ((0, 200), 0, True),
    "over the first edge": ((40, 51), 0, True),
    "ends where the span begins": ((0, 50), 0, False),
    "begins where the span ends": ((100, 150), 0, False),
    "begins at the last millisecond": ((99, 150), 0, True),
    "without length, inside": ((70, 70), 0, True),
    "without length, at the first edge": ((50, 50), 0, True),
    "without length, at the last edge": ((100, 100), 0, False),
    "before, within the clock's doubt": ((0, 45), 6, True),
    "before, just outside the clock's doubt": ((0, 45), 5, False),
    "after, within the clock's doubt": ((105, 150), 6, True),
    "after, just outside the clock's doubt": ((105, 150), 5, False),
}


@pytest.mark.parametrize(("recording", "slack_ms", "expected"), TOUCHES.values(), ids=TOUCHES)
def test_touches_span_50_to_100(recording: tuple[int, int], slack_ms: int, expected: bool) -> None:
    assert touches(*recording, 50, 100, slack_ms) is expected


# -- horizon

HORIZON = {
    "never in contact": (None, None, 0, 0),
    "never in contact, yet a row is there": (500_000, None, 60_000, 0),
    "no recording: all but the last minute is known": (None, 1_000_000, 0, 940_000),
    "the open recording is unknown": (900_000, 1_000_000, 300_000, 900_000),
    "a camera that has been silent for long": (100_000, 1_000_000, 300_000, 400_000),
    "short recordings still leave a minute": (100_000, 1_000_000, 1_000, 940_000),
    "an end in the future vouches for nothing after the scan": (9_000_000, 1_000_000, 0, 1_000_000),
    "one absurdly long recording": (900_000, 1_000_000, 9_000_000, 900_000),
}


@pytest.mark.parametrize(
    ("last_end_ms", "as_of_ms", "longest_ms", "expected_ms"), HORIZON.values(), ids=HORIZON
)
def test_horizon(
    last_end_ms: int | None, as_of_ms: int | None, longest_ms: int, expected_ms: int
) -> None:
    assert horizon_ms(last_end_ms, as_of_ms, longest_ms) == expected_ms


@given(
    st.none() | st.integers(0, 1 << 45),
    st.none() | st.integers(0, 1 << 45),
    st.integers(0, 1 << 45),
)
def test_nothing_after_the_manifest_is_known(
    last_end_ms: int | None, as_of_ms: int | None, longest_ms: int
) -> None:
    assert horizon_ms(last_end_ms, as_of_ms, longest_ms) <= (as_of_ms or 0)


# -- verdict: the span is 0 to 10 000

VERDICT = {
    "nothing known, all in the past": ([], FAR, [(10_000, NOT_RECORDED)]),
    "nothing known, all after the horizon": ([], 0, [(10_000, UNKNOWN)]),
    "the horizon inside": ([], 4_000, [(4_000, NOT_RECORDED), (10_000, UNKNOWN)]),
    "one recording around": ([rec("a", -5, 10_005)], FAR, [(10_000, SAVED)]),
    "a recording after the horizon is still a recording": (
        [rec("a", 6_000, 12_000, PENDING)],
        2_000,
        [(2_000, NOT_RECORDED), (6_000, UNKNOWN), (10_000, PENDING)],
    ),
    "a hole longer than the seam": (
        [rec("a", 0, 4_000), rec("b", 5_501, 10_000)],
        FAR,
        [(4_000, SAVED), (5_501, NOT_RECORDED), (10_000, SAVED)],
    ),
    "a hole as long as the seam": (
        [rec("a", 0, 4_000), rec("b", 5_500, 10_000)],
        FAR,
        [(5_500, SAVED), (10_000, SAVED)],
    ),
    "a seam takes the worse fate": (
        [rec("a", 0, 4_000), rec("b", 5_000, 10_000, LOST)],
        FAR,
        [(4_000, SAVED), (10_000, LOST)],
    ),
    "a seam that the last scan had not seen yet": (
        [rec("a", 0, 4_000), rec("b", 5_000, 10_000)],
        1_000,
        [(5_000, SAVED), (10_000, SAVED)],
    ),
    "a short hole after the horizon stays unknown at an end": (
        [rec("a", 0, 9_000)],
        9_000,
        [(9_000, SAVED), (10_000, UNKNOWN)],
    ),
    "a short hole at the span's edge": (
        [rec("a", 1_000, 10_000)],
        FAR,
        [(10_000, SAVED)],
    ),
    "a recording without length does not split a hole into seams": (
        [rec("a", 0, 4_000), rec("z", 5_400, 5_400), rec("b", 6_800, 10_000)],
        FAR,
        [(4_000, SAVED), (6_800, NOT_RECORDED), (10_000, SAVED)],
    ),
    "the best fate counts where recordings overlap": (
        [rec("a", 0, 6_000, LOST), rec("b", 4_000, 10_000, SAVED)],
        FAR,
        [(4_000, LOST), (10_000, SAVED)],
    ),
    "the same fate twice: the first id counts": (
        [rec("b", 0, 10_000), rec("a", 0, 10_000)],
        FAR,
        [(10_000, SAVED)],
    ),
    "a recording that only abuts the span": (
        [rec("a", -1_000, 0), rec("b", 10_000, 11_000)],
        FAR,
        [(10_000, NOT_RECORDED)],
    ),
}


@pytest.mark.parametrize(("recordings", "horizon", "expected"), VERDICT.values(), ids=VERDICT)
def test_verdict(
    recordings: list[KnownRecording], horizon: int, expected: list[tuple[int, Fate]]
) -> None:
    found = verdict(0, 10_000, recordings, horizon, seam_ms=SEAM)
    assert [(p.to_ms, p.fate) for p in found] == expected


RECORDINGS = st.lists(
    st.builds(
        lambda id, start, length, fate: KnownRecording(id, start, start + length, fate),
        st.sampled_from("abcdefgh"),
        st.integers(-50, 250),
        st.integers(0, 80),
        st.sampled_from([SAVED, PENDING, LOST, DAMAGED, STOPPED]),
    ),
    max_size=8,
)
SPAN = st.tuples(st.integers(0, 200), st.integers(1, 100)).map(lambda s: (s[0], s[0] + s[1]))


@given(SPAN, RECORDINGS, st.integers(-100, 400), st.integers(0, 40))
@example((0, 100), [rec("a", 0, 20), rec("z", 30, 30), rec("b", 40, 100)], 400, 15)
def test_verdict_is_whole_and_says_only_what_is_known(
    span: tuple[int, int], recordings: list[KnownRecording], horizon: int, seam_ms: int
) -> None:
    found = verdict(*span, recordings, horizon, seam_ms=seam_ms)

    assert (found[0].from_ms, found[-1].to_ms) == span
    assert all(a.to_ms == b.from_ms for a, b in itertools.pairwise(found))
    assert all(p.length_ms > 0 for p in found)
    assert all(
        (a.fate, a.recording_id) != (b.fate, b.recording_id) for a, b in itertools.pairwise(found)
    )
    assert all((p.recording_id is None) == (p.fate in {NOT_RECORDED, UNKNOWN}) for p in found)
    assert sum(tally(found).values()) == span[1] - span[0]

    fate_at = {ms: p for p in found for ms in range(p.from_ms, p.to_ms)}
    covered = {
        ms: {r.fate for r in recordings if r.start_ms <= ms < r.end_ms} for ms in range(*span)
    }
    for ms, piece in fate_at.items():
        if covered[ms]:
            assert piece.fate is min(covered[ms], key=list(Fate).index)
        elif piece.fate is NOT_RECORDED:
            assert ms < horizon
        elif piece.fate is UNKNOWN:
            assert ms >= horizon
    # A hole is sewn up as a whole or not at all, and only if it is no longer than a seam.
    for known, stretch in itertools.groupby(range(*span), key=lambda ms: bool(covered[ms])):
        hole = list(stretch)
        if not known and len({ms < horizon for ms in hole}) == 1 and len(hole) > seam_ms:
            assert all(fate_at[ms].recording_id is None for ms in hole)


@given(SPAN, RECORDINGS, st.integers(-100, 400), st.randoms())
def test_verdict_does_not_depend_on_the_order_of_recordings(
    span: tuple[int, int], recordings: list[KnownRecording], horizon: int, random: object
) -> None:
    other = list(recordings)
    random.shuffle(other)  # type: ignore[attr-defined]
    fates = [(p.from_ms, p.fate, p.recording_id) for p in verdict(*span, recordings, horizon, 15)]
    assert fates == [
        (p.from_ms, p.fate, p.recording_id) for p in verdict(*span, other, horizon, 15)
    ]


def test_tally_names_every_fate() -> None:
    sums = tally([Piece(0, 5, SAVED, "a"), Piece(5, 7, LOST, "b"), Piece(7, 10, SAVED, "c")])
    assert sums == dict.fromkeys(Fate, 0) | {SAVED: 8, LOST: 2}


# -- the request's state

STATE = {
    "all saved": ({SAVED: 9}, RequestState.COMPLETE),
    "one millisecond was never recorded": ({SAVED: 9, NOT_RECORDED: 1}, RequestState.PARTIAL),
    "one millisecond was lost": ({SAVED: 9, LOST: 1}, RequestState.PARTIAL),
    "one millisecond is damaged": ({SAVED: 9, DAMAGED: 1}, RequestState.PARTIAL),
    "all lost": ({LOST: 9}, RequestState.LOST),
    "all damaged": ({DAMAGED: 9}, RequestState.LOST),
    "lost and never recorded": ({LOST: 1, NOT_RECORDED: 9}, RequestState.LOST),
    "never recorded": ({NOT_RECORDED: 9}, RequestState.NOT_RECORDED),
    "stopped": ({STOPPED: 9}, RequestState.STOPPED),
    "stopped, the rest saved": ({STOPPED: 1, SAVED: 9}, RequestState.STOPPED),
    "stopped, the rest lost": ({STOPPED: 1, LOST: 9}, RequestState.STOPPED),
    "no camera is known yet": ({}, RequestState.QUEUED),
    "one millisecond is pending": ({SAVED: 9, PENDING: 1}, RequestState.QUEUED),
    "one millisecond is unknown": ({NOT_RECORDED: 9, UNKNOWN: 1}, RequestState.QUEUED),
    "lost in part, pending in part": ({LOST: 9, PENDING: 1}, RequestState.QUEUED),
}


@pytest.mark.parametrize(("sums", "expected"), STATE.values(), ids=STATE)
def test_state_while_nothing_is_being_done(sums: dict[Fate, int], expected: RequestState) -> None:
    assert request_state(dict.fromkeys(Fate, 0) | sums, Activity.NONE) is expected


ACTIVITY = {
    Activity.NONE: RequestState.QUEUED,
    Activity.WAITING: RequestState.WAITING,
    Activity.RETRIEVING: RequestState.RETRIEVING,
    Activity.PAUSED: RequestState.PAUSED,
}


@pytest.mark.parametrize("activity", Activity)
def test_an_open_request_shows_what_is_being_done(activity: Activity) -> None:
    assert request_state(dict.fromkeys(Fate, 1), activity) is ACTIVITY[activity]


@given(st.fixed_dictionaries({fate: st.integers(0, 2) for fate in Fate}), st.sampled_from(Activity))
def test_complete_iff_all_is_saved_and_final_iff_nothing_is_open(
    sums: dict[Fate, int], activity: Activity
) -> None:
    state = request_state(sums, activity)
    total = sum(sums.values())
    assert (state is RequestState.COMPLETE) == (0 < sums[SAVED] == total)
    assert (state in TERMINAL) == (total > 0 and not any(sums[fate] for fate in OPEN))
