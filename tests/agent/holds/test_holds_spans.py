"""Hold a span: what is there, what closes later, what was released, what does not fit."""

import pytest
from agent.holds.conftest import Den, OpenDen
from agent.kit import NOW_MS

from layover_agent.errors import AgentError
from layover_agent.holds import Terms
from layover_agent.holds.spans import MAX_SPAN_MS, TRIGGER
from layover_agent.wire.problem import Reason
from layover_agent.wire.types import SpanWish

HOUR_MS = 3_600_000
TEN = NOW_MS - HOUR_MS
"""10:00, where the recordings of these tests begin."""


def wish(
    start_ms: int = TEN, end_ms: int = TEN + HOUR_MS, lease_s: int = 600, **more: object
) -> SpanWish:
    return SpanWish(start_ms=start_ms, end_ms=end_ms, lease_s=lease_s, **more)  # type: ignore[arg-type]


async def test_it_holds_what_is_there_of_the_cameras_and_the_span(den: Den) -> None:
    inside = await den.listed(den.record("10-10-00", written_s_ago=2900))
    den.record("08-00-00", written_s_ago=10_000)
    den.record("10-10-00", b"y" * 9000, camera="rear", written_s_ago=2900)
    await den.scanner.scan()
    answer = await den.holds.spans.put("a", wish(cameras=["front"]))
    assert (answer.held, answer.held_bytes, answer.refused) == (1, 9000, 0)
    assert await den.held_ids() == [inside.id]
    every = await den.holds.spans.put("b", wish())
    assert every.held == 2


async def test_a_recording_that_closes_later_is_held_then(den: Den) -> None:
    answer = await den.holds.spans.put("a", wish(end_ms=NOW_MS + HOUR_MS))
    assert (answer.held, answer.awaited) == (0, True)
    row = await den.listed(path := den.record("10-30-00", written_s_ago=1700))
    assert await den.held_ids() == [row.id]
    path.unlink()
    await den.scanner.scan()
    assert await den.bytes_of(row.id) == b"x" * 9000
    told = await den.holds.spans.get("a")
    assert told is not None
    assert told.held == 1


async def test_it_survives_a_restart_with_what_closed_meanwhile(open_den: OpenDen) -> None:
    async with open_den() as den:
        await den.holds.spans.put("a", wish())
    async with open_den() as den:
        den.scanner._changed.clear()
        row = await den.listed(den.record("10-30-00", written_s_ago=1700))
        assert await den.held_ids() == []
    async with open_den() as den:
        assert await den.held_ids() == [row.id]
        assert den.left() == {row.id, f"{row.id}.json"}


async def test_what_is_safe_at_central_is_not_held_again(open_den: OpenDen) -> None:
    async with open_den() as den:
        row = await den.listed(den.record("10-30-00", written_s_ago=1700))
        await den.holds.spans.put("a", wish())
        await den.holds.release(row.id)
        await den.holds.round()
        assert await den.held_ids() == []
    async with open_den() as den:
        await den.scanner.scan()
        await den.holds.spans.put("a", wish())
        assert await den.held_ids() == []


async def test_taken_back_it_releases_only_what_nobody_else_wants(den: Den) -> None:
    alone = await den.listed(den.record("10-10-00", b"a" * 5000, written_s_ago=2900))
    leased = await den.listed(den.record("10-20-00", b"b" * 5000, written_s_ago=2300))
    shared = await den.listed(den.record("10-30-00", b"c" * 5000, written_s_ago=1700))
    await den.holds.spans.put("a", wish())
    await den.holds.spans.put("b", wish(start_ms=TEN + 25 * 60_000))
    await den.holds.place(leased, 600)
    assert set(await den.held_ids()) == {alone.id, leased.id, shared.id}
    await den.holds.spans.drop("a")
    assert set(await den.held_ids()) == {leased.id, shared.id}
    await den.holds.spans.drop("a")
    await den.holds.spans.drop("b")
    assert await den.held_ids() == [leased.id]


async def test_its_lease_ends_by_uptime_and_releases(den: Den) -> None:
    row = await den.listed(path := den.record("10-30-00", written_s_ago=1700))
    await den.holds.spans.put("a", wish(lease_s=100))
    den.clock.wall += 10 * 365 * 86_400_000
    den.clock.mono += 99_000
    await den.holds.round()
    assert await den.held_ids() == [row.id]
    den.clock.mono += 1_000
    await den.holds.round()
    assert await den.held_ids() == []
    assert (await den.holds.spans.all()).span_holds == []
    assert path.stat().st_nlink == 1
    assert den.left() == set()


async def test_a_lease_of_its_own_outlives_the_span(den: Den) -> None:
    row = await den.listed(den.record("10-30-00", written_s_ago=1700))
    await den.holds.spans.put("a", wish(lease_s=100))
    await den.holds.place(row, 1000)
    den.clock.pass_s(200)
    await den.holds.round()
    assert await den.held_ids() == [row.id]


async def test_a_span_outlives_the_lease_of_a_recording(den: Den) -> None:
    row = await den.listed(den.record("10-30-00", written_s_ago=1700))
    await den.holds.place(row, 10)
    await den.holds.spans.put("a", wish(lease_s=1000))
    den.clock.pass_s(200)
    await den.holds.round()
    assert await den.held_ids() == [row.id]


async def test_what_does_not_fit_is_refused_with_the_reason_and_tried_when_there_is_room(
    open_den: OpenDen,
) -> None:
    async with open_den(terms=Terms(max_count=2, max_percent=90)) as den:
        for minute in range(10, 14):
            den.record(f"10-{minute}-00", bytes([minute]) * 5000, written_s_ago=2000)
        await den.scanner.scan()
        answer = await den.holds.spans.put("a", wish())
        assert (answer.held, answer.refused) == (2, 2)
        assert "holds.max_count" in " ".join(answer.refusals)
        first, _ = await den.held_ids()
        await den.holds.release(first)
        await den.holds.round()
        told = await den.holds.spans.get("a")
        assert told is not None
        assert (told.held, told.refused) == (2, 1)


async def test_many_recordings_are_held_oldest_first(den: Den) -> None:
    paths = [
        den.record(f"10-{n // 60:02}-{n % 60:02}", n.to_bytes(4) * 2000, written_s_ago=3000)
        for n in range(65)
    ]
    await den.scanner.scan()
    answer = await den.holds.spans.put("a", wish())
    assert answer.held == len(paths)
    assert len(den.left()) == 2 * len(paths)


async def test_a_vanished_file_stops_no_other(den: Den) -> None:
    gone = den.record("10-10-00", b"a" * 5000, written_s_ago=2900)
    changed = den.record("10-20-00", b"b" * 5000, written_s_ago=2300)
    whole = await den.listed(den.record("10-30-00", b"c" * 5000, written_s_ago=1700))
    gone.unlink()
    changed.write_bytes(b"other")
    answer = await den.holds.spans.put("a", wish())
    assert (answer.held, answer.refused) == (1, 2)
    assert await den.held_ids() == [whole.id]
    assert den.left() == {whole.id, f"{whole.id}.json"}


@pytest.mark.parametrize(
    ("case", "bad"),
    [
        ("ends before it begins", {"start_ms": 10, "end_ms": 10}),
        ("before 1970", {"start_ms": -1}),
        ("longer than a month", {"start_ms": 0, "end_ms": MAX_SPAN_MS + 1}),
        ("beyond all years", {"start_ms": 1 << 60, "end_ms": (1 << 60) + 1}),
        ("no lease", {"lease_s": 0}),
        ("a lease for ever", {"lease_s": 1 << 40}),
        ("a novel for a reason", {"reason": "x" * 501}),
        ("a thousand cameras", {"cameras": ["c"] * 1000}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_an_impossible_wish_is_refused(den: Den, case: str, bad: dict[str, object]) -> None:
    with pytest.raises(AgentError) as refusal:
        await den.holds.spans.put("a", wish(**bad))  # type: ignore[arg-type]
    assert refusal.value.reason is Reason.BAD_REQUEST
    assert (await den.holds.spans.all()).span_holds == []


async def test_what_a_button_wants_is_found_by_when_it_was_written_too(den: Den) -> None:
    """The recorder's zone is wrong by hours: its names say 18:00, the box's clock 10:58."""
    row = await den.listed(den.record("18-00-00", written_s_ago=120))
    now = wish(start_ms=NOW_MS - 600_000, end_ms=NOW_MS + 60_000)
    assert (await den.holds.spans.put("central", now)).held == 0
    assert (await den.holds.spans.put("press", now, TRIGGER)).held == 1
    assert await den.held_ids() == [row.id]
    later = await den.listed(den.record("18-10-00", b"z" * 5000, written_s_ago=10))
    assert set(await den.held_ids()) == {row.id, later.id}


async def test_buttons_may_not_take_all_the_room(den: Den) -> None:
    den.holds.spans.trigger_percent = 0
    await den.listed(den.record("10-30-00", written_s_ago=1700))
    answer = await den.holds.spans.put("press", wish(), TRIGGER)
    assert (answer.held, answer.refused) == (0, 1)
    assert "trigger.max_percent" in answer.refusals[0]
    assert (await den.holds.spans.put("a", wish())).held == 1
