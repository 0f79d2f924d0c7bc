"""Any history of recorder, central, spans and restarts: promises are kept, the sums are true."""

import asyncio
import contextlib
import tempfile
from pathlib import Path

import pytest
from agent.holds.conftest import Den, den_at
from agent.kit import HandClock
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from layover_agent.wire.types import HoldState, SpanWish

HOUR_MS = 3_600_000


class History(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.new_event_loop()
        self._folder = tempfile.TemporaryDirectory()
        self.place_of = Path(self._folder.name)
        self.clock = HandClock()
        self.data: dict[str, bytes] = {}
        self.until_s: dict[str, int] = {}
        """What was promised, and until which uptime."""
        self.spans: dict[str, tuple[set[str], int]] = {}
        self.files: dict[str, Path] = {}
        self._open()

    def _open(self) -> None:
        self._stack = contextlib.AsyncExitStack()
        opened = den_at(self.place_of, self.place_of, self.clock)
        self.den: Den = self._do(self._stack.enter_async_context(opened))

    def _do(self, coroutine):  # type: ignore[no-untyped-def]
        return self._loop.run_until_complete(coroutine)

    def teardown(self) -> None:
        self._do(self._stack.aclose())
        self._do(self._loop.shutdown_default_executor())
        self._loop.close()
        self._folder.cleanup()

    @rule(minute=st.integers(0, 59))
    def the_recorder_closes_a_file(self, minute: int) -> None:
        number = len(self.data)
        data = number.to_bytes(4) * 300
        path = self.den.record(f"10-{minute:02}-{number % 60:02}", data)
        if path in self.files.values():
            return
        row = self._do(self.den.listed(path))
        self.data[row.id], self.files[row.id] = data, path
        for wanted, _ in self.spans.values():
            wanted.add(row.id)

    @precondition(lambda self: self.files)
    @rule(data=st.data())
    def the_recorder_deletes(self, data: st.DataObject) -> None:
        recording_id = data.draw(st.sampled_from(sorted(self.files)))
        self.files.pop(recording_id).unlink()
        if data.draw(st.booleans()):
            self._do(self.den.scanner.scan())

    @precondition(lambda self: self.data)
    @rule(data=st.data(), lease_s=st.integers(1, 200))
    def central_holds(self, data: st.DataObject, lease_s: int) -> None:
        recording_id = data.draw(st.sampled_from(sorted(self.data)))
        if recording_id not in self.files and recording_id not in self._promised():
            return
        row = self._do(self.den.row(recording_id))
        answer = self._do(self.den.holds.place(row, lease_s))
        assert answer.state is HoldState.HELD
        self.until_s[recording_id] = self.den.holds.uptime_s() + lease_s

    @precondition(lambda self: self.data)
    @rule(data=st.data())
    def central_has_it_safe(self, data: st.DataObject) -> None:
        recording_id = data.draw(st.sampled_from(sorted(self.data)))
        self._do(self.den.holds.release(recording_id))
        self.until_s.pop(recording_id, None)
        for wanted, _ in self.spans.values():
            wanted.discard(recording_id)

    @rule(name=st.sampled_from("abc"), lease_s=st.integers(1, 200))
    def a_span_is_held(self, name: str, lease_s: int) -> None:
        now_ms = self.clock.wall_ms()
        wish = SpanWish(start_ms=now_ms - 24 * HOUR_MS, end_ms=now_ms + HOUR_MS, lease_s=lease_s)
        before = self.spans.get(name, (None, 0))[0]
        fresh = before is None
        self._do(self.den.holds.spans.put(name, wish))
        held = set(self._do(self.den.held_ids()))
        wanted = {i for i in self.data if i in held and fresh} | (before or set())
        self.spans[name] = wanted, self.den.holds.uptime_s() + lease_s

    @rule(name=st.sampled_from("abc"))
    def a_span_is_taken_back(self, name: str) -> None:
        self._do(self.den.holds.spans.drop(name))
        self.spans.pop(name, None)
        self._forget_what_nobody_wants()

    @rule(seconds=st.integers(1, 150))
    def time_passes(self, seconds: int) -> None:
        self.clock.pass_s(seconds)
        self._do(self.den.holds.round())
        now_s = self.den.holds.uptime_s()
        self.spans = {n: s for n, s in self.spans.items() if s[1] > now_s}
        self._forget_what_nobody_wants()

    @rule(lost=st.booleans())
    def the_box_restarts(self, lost: bool) -> None:
        self._do(self.den.holds.save())
        self._do(self._stack.aclose())
        if lost:
            (self.place_of / "manifest.db").write_bytes(b"junk" * 1000)
        self._open()
        self._do(self.den.scanner.scan())
        if lost:
            # Leases begin anew, and central asks for its spans again.
            held = self._do(self.den.held_ids())
            self.until_s = {i: self.den.holds.uptime_s() + 7 * 86_400 for i in held}
            self.spans = {}

    @invariant()
    def every_promise_is_kept(self) -> None:
        for recording_id in self._promised():
            assert self._do(self.den.bytes_of(recording_id)) == self.data[recording_id]
        assert self._do(self.den.holds.broken()) == []

    @invariant()
    def nothing_else_lies_there(self) -> None:
        held = self._do(self.den.held_ids())
        assert self.den.left() == {n for i in held for n in (i, f"{i}.json")}
        assert self._promised() <= set(held)

    @invariant()
    def the_sums_are_true(self) -> None:
        self._do(self.den.scanner.scan())
        held = set(self._do(self.den.held_ids()))
        usage = self._do(self.den.holds.usage())
        alone = held - self.files.keys()
        assert usage.count == len(held)
        assert usage.cost_bytes == sum(len(self.data[i]) for i in alone)

    def _promised(self) -> set[str]:
        spans = [wanted for wanted, _ in self.spans.values()]
        return set(self.until_s).union(*spans)

    def _forget_what_nobody_wants(self) -> None:
        now_s = self.den.holds.uptime_s()
        self.until_s = {i: s for i, s in self.until_s.items() if s > now_s}


History.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestHistory = pytest.mark.slow(History.TestCase)
