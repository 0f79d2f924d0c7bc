"""From a file to a row: what is listed, what is waited for, and what ends it."""

from dataclasses import replace
from pathlib import Path

import pytest
from agent.kit import NOW_MS, HandClock

from layover_agent.core.containers import Container
from layover_agent.core.layout import Named
from layover_agent.core.paths import shown
from layover_agent.listing import MOST_WAITING, Candidate, Listing
from layover_agent.settings import SourceConfig
from layover_agent.sources.source import Entry, Examined
from layover_agent.sources.template import TemplateSource

START_MS = NOW_MS - 120_000
WHOLE = Container(complete=True, duration_ms=60_000)
CUT = Container(complete=False, duration_ms=20_000)


class Recorder(TemplateSource):
    """Says of its files what a test wants it to say."""

    def __init__(self, folder: Path) -> None:
        super().__init__("main", SourceConfig(folder=str(folder), layout="{camera}/%s.*"))
        self.container: Container | None = WHOLE
        self.says: bool | None = None
        self.error: Exception | None = None
        self.name = "main"

    def named(self, entry: Entry) -> Named | None:
        if entry.path.endswith(".txt"):
            return None
        camera, _, number = entry.path.partition("/")
        return Named(camera, START_MS + int(number.partition(".")[0]) * 60_000, sure=True)

    def examine(self, entry: Entry, named: Named, *, thorough: bool = True) -> Examined:
        if self.error:
            raise self.error
        assert named.start_ms is not None
        return Examined(f"{entry.inode:032x}", self.container, named.start_ms, "name")

    def closed(self, entry: Entry) -> bool | None:
        return self.says


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path)


@pytest.fixture
def listing(recorder: Recorder, clock: HandClock) -> Listing:
    return Listing(recorder, clock)


def entry(path: str = "front/0.mp4", ago_ms: int = 60_000, size_bytes: int = 1000) -> Entry:
    return Entry(path, size_bytes, 7, (NOW_MS - ago_ms) * 1_000_000)


def rows_of(listing: Listing, *entries: Entry, closed: set[str] | None = None) -> list[str]:
    return [row.path for row in listing.rows(listing.candidates(entries), closed or set())]


def test_what_is_no_recording_is_no_candidate(listing: Listing) -> None:
    assert listing.candidates([entry("front/notes.txt")]) == []


def test_a_time_that_no_number_holds_is_no_candidate(listing: Listing) -> None:
    assert listing.candidates([replace(entry(), mtime_ns=1 << 63)]) == []
    assert listing.candidates([replace(entry(), mtime_ns=-(1 << 63) - 5)]) == []


def test_candidates_come_oldest_first_with_the_next_of_their_camera(listing: Listing) -> None:
    found = listing.candidates([entry("front/2.ts"), entry("rear/1.ts"), entry("front/0.ts")])
    assert [(c.entry.path, c.next_start_ms) for c in found] == [
        ("front/0.ts", START_MS + 120_000),
        ("rear/1.ts", None),
        ("front/2.ts", None),
    ]


def test_what_is_waited_for_proves_an_older_one_closed(listing: Listing, clock: HandClock) -> None:
    assert rows_of(listing, entry("front/1.ts", ago_ms=0)) == []
    (candidate,) = listing.candidates([entry("front/0.ts", ago_ms=3_000)])
    assert candidate.next_start_ms == START_MS + 60_000
    assert rows_of(listing, entry("front/0.ts", ago_ms=3_000)) == ["front/0.ts"]


def test_two_recordings_of_one_start_do_not_prove_each_other_closed(listing: Listing) -> None:
    found = listing.candidates([entry("front/0.ts"), entry("front/0.mp4")])
    assert [c.next_start_ms for c in found] == [None, None]


@pytest.mark.parametrize(("says", "listed"), [(True, True), (False, False)], ids=["closed", "open"])
def test_the_recorders_own_word_counts(
    listing: Listing, recorder: Recorder, says: bool, listed: bool
) -> None:
    recorder.says = says
    one = entry(ago_ms=0 if says else 10**9)
    assert bool(rows_of(listing, one)) is listed
    assert bool(listing.waiting) is not listed


def test_waiting_is_over_when_a_file_does_not_change_for_the_settling_time(
    listing: Listing, clock: HandClock
) -> None:
    future = entry(ago_ms=-(10**9))
    assert rows_of(listing, future) == []
    clock.pass_s(4.9)
    assert rows_of(listing, future) == []
    clock.pass_s(0.1)
    assert rows_of(listing, future) == [future.path]
    assert listing.waiting == {}


@pytest.mark.parametrize("change", [{"size_bytes": 1001}, {"inode": 8}, {"mtime_ns": 5 * 10**18}])
def test_any_change_begins_the_waiting_anew(
    listing: Listing, clock: HandClock, change: dict[str, int]
) -> None:
    future = entry(ago_ms=-(10**9))
    rows_of(listing, future)
    clock.pass_s(4)
    changed = replace(future, **change)  # type: ignore[arg-type]
    assert rows_of(listing, changed) == []
    clock.pass_s(4)
    assert rows_of(listing, changed) == []
    clock.pass_s(1)
    assert rows_of(listing, changed) == [future.path]


def test_of_too_many_files_some_are_not_waited_for_and_that_is_known(
    listing: Listing, recorder: Recorder
) -> None:
    recorder.says = False
    many = [entry(f"front/{n}.mp4", ago_ms=-(10**9)) for n in range(MOST_WAITING + 1)]
    rows_of(listing, *many)
    assert len(listing.waiting) == MOST_WAITING
    assert listing.crowded
    assert not listing.has_room_again
    listing.waiting.clear()
    assert listing.has_room_again


@pytest.mark.parametrize("error", [FileNotFoundError(), PermissionError(), OSError(5, "EIO")])
def test_what_cannot_be_read_is_waited_for(
    listing: Listing, recorder: Recorder, error: OSError
) -> None:
    recorder.error = error
    assert rows_of(listing, entry()) == []
    recorder.error = None
    assert rows_of(listing, entry()) == ["front/0.mp4"]


@pytest.mark.parametrize(
    ("container", "ago_ms", "expected"),
    [
        (WHOLE, 60_000, ("container", "sure", START_MS + 60_000, False)),
        (CUT, 60_000, ("container", "derived", START_MS + 20_000, True)),
        (replace(CUT, duration_ms=None), 60_000, ("mtime", "guessed", NOW_MS - 60_000, True)),
        (None, 60_000, ("mtime", "guessed", NOW_MS - 60_000, False)),
        (None, 10**9, ("mtime", "guessed", START_MS, False)),
    ],
    ids=["whole", "cut off", "cut off, nothing left", "no container", "older than its start"],
)
def test_where_an_end_comes_from(
    listing: Listing,
    recorder: Recorder,
    container: Container | None,
    ago_ms: int,
    expected: tuple[str, str, int, bool],
) -> None:
    recorder.container = container
    (row,) = listing.rows(listing.candidates([entry(ago_ms=ago_ms)]), set())
    assert (row.end_source, row.confidence, row.end_ms, row.damaged) == expected


def test_a_file_that_is_cut_short_is_waited_for_while_its_end_may_come(
    listing: Listing, recorder: Recorder
) -> None:
    recorder.container = CUT
    young = entry(ago_ms=59_999)
    assert rows_of(listing, young, closed={young.path}) == []
    assert young.path in listing.waiting


def test_an_end_is_the_next_start_only_where_the_file_was_written_until_then(
    listing: Listing, recorder: Recorder
) -> None:
    recorder.container = None
    (named,) = listing.candidates([entry()])
    for next_ms, source in ((NOW_MS - 55_000, "next-recording"), (NOW_MS - 54_999, "mtime")):
        one = Candidate(named.entry, named.named, next_ms)
        (row,) = listing.rows([one], set())
        assert row.end_source == source


def test_what_a_rewritten_file_is_not_any_more(listing: Listing, recorder: Recorder) -> None:
    one = entry()
    assert listing.unlike([(one, f"{7:032x}")]) == set()
    assert listing.unlike([(one, f"{8:032x}")]) == {one.path}
    assert listing.unlike([(entry("front/notes.txt"), f"{7:032x}")]) == {"front/notes.txt"}
    recorder.error = PermissionError()
    assert listing.unlike([(one, f"{8:032x}")]) == set(), "nothing is known of it"


@pytest.mark.parametrize(
    ("name", "travels"),
    [("front", "front"), ("b\udcfcs", "b\\xfcs"), ("Büro 3", "Büro 3"), ("a\nb", "a\nb")],
    ids=ascii,
)
def test_any_name_can_travel(name: str, travels: str) -> None:
    assert shown(name) == travels
