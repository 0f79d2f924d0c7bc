"""A hundred thousand recordings: in little memory, in few batches, and with nothing to write when
nothing changed. A source made up on the fly stands for the folder: this is about the agent."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from agent.kit import NOW_MS, HandClock

from layover_agent.core.layout import Named
from layover_agent.ledger import BATCH_FILES
from layover_agent.listing import MOST_WAITING
from layover_agent.manifest import Manifest, opened
from layover_agent.rows import Row
from layover_agent.scan import Scanner
from layover_agent.settings import SourceConfig
from layover_agent.sources.source import Entry, Examined

MINUTE_MS = 60_000
OLD_NS = (NOW_MS - 3_600_000) * 1_000_000


@dataclass
class Endless:
    """So many recordings of ten cameras, each made when it is asked for."""

    folder: Path
    count: int
    written_ns: int = OLD_NS
    timed: bool = True
    gone: range = field(default_factory=lambda: range(0))
    name: str = "main"
    fault: str = ""
    opened: int = 0

    def __post_init__(self) -> None:
        self.config = SourceConfig(folder=str(self.folder))

    def entries(self, unreadable: list[str]) -> Iterator[Entry]:
        return (self._entry(n) for n in range(self.count) if n not in self.gone)

    def entry(self, path: str) -> Entry | None:
        return self._entry(int(path[-10:-3]))

    def _entry(self, n: int) -> Entry:
        return Entry(f"camera-{n % 10}/2026-11-21/{n:07}.ts", 5_000_000 + n, n + 1, self.written_ns)

    def named(self, entry: Entry) -> Named | None:
        start_ms = NOW_MS - 10**10 + entry.inode * MINUTE_MS // 10
        return Named(entry.path[:8], start_ms if self.timed else None, sure=True)

    def examine(self, entry: Entry, named: Named, *, thorough: bool = True) -> Examined:
        self.opened += 1
        start_ms = named.start_ms or NOW_MS - entry.inode * 1000
        return Examined(f"{entry.inode:032x}", None, start_ms, "name")

    def closed(self, entry: Entry) -> bool | None:
        return None

    def open(self, path: str) -> int:
        raise FileNotFoundError(path)


@dataclass
class Told:
    """What the scanner's listeners hear, and in how large pieces."""

    listed: int = 0
    gone: int = 0
    most: int = 0

    async def __call__(self, listed: "list[Row]", gone: "list[Row]") -> None:
        self.listed += len(listed)
        self.gone += len(gone)
        self.most = max(self.most, len(listed), len(gone))


async def peak_mb(scanner: Scanner) -> float:
    """By how much a scan makes the process greater, at most."""
    Path("/proc/self/clear_refs").write_text("5")
    before = _resident_kb("VmRSS")
    await scanner.scan()
    return (_resident_kb("VmHWM") - before) / 1000


def _resident_kb(which: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(which)]
    return int(line.split()[1])


@pytest.mark.slow
async def test_a_hundred_thousand_recordings_take_little_memory_and_no_second_write(
    tmp_path: Path,
) -> None:
    source, told = Endless(tmp_path, 100_000), Told()
    async with opened(tmp_path / "m.db") as manifest:
        scanner = Scanner(manifest, [source], HandClock(), [told])
        assert await peak_mb(scanner) < 15
        assert (told.listed, told.most) == (100_000, BATCH_FILES)
        head = await manifest.head()
        assert head.seq == 100_000
        source.opened = 0
        writes: list[str] = []
        await manifest._connection.set_trace_callback(
            lambda sql: (
                writes.append(sql) if sql.startswith(("INSERT", "UPDATE", "BEGIN")) else None
            )
        )
        assert await peak_mb(scanner) < 15
        await manifest._connection.set_trace_callback(None)
        assert (await manifest.head()).seq == head.seq
        assert source.opened == 0, "nothing is opened again"
        assert writes == []
        source.gone = range(50, 99_999)
        assert await peak_mb(scanner) < 15
        assert (told.gone, told.most) == (99_949, BATCH_FILES)
        assert scanner.faults == {}


async def listed(manifest: Manifest) -> int:
    return await manifest.count("main", 0, 10**9)


async def test_more_files_than_can_be_waited_for_are_all_listed_in_the_end(tmp_path: Path) -> None:
    """A box without a clock: all its recordings are of the future, and none has a time in its
    name, so that only watching them for a while tells that they are closed."""
    clock = HandClock(wall=1_000)
    source = Endless(tmp_path, 3 * MOST_WAITING, timed=False)
    async with opened(tmp_path / "m.db") as manifest:
        scanner = Scanner(manifest, [source], clock)
        await scanner.scan()
        assert await listed(manifest) == 0
        (ledger,) = scanner._ledgers
        for _ in range(8):
            assert len(ledger.listing.waiting) <= MOST_WAITING
            clock.pass_s(source.config.settle_s)
            await scanner.look({})
        assert await listed(manifest) == source.count
        assert scanner.settles_in_s() is None


async def test_many_files_seen_at_once_go_through_in_batches(tmp_path: Path) -> None:
    source, told = Endless(tmp_path, 0, written_ns=NOW_MS * 1_000_000), Told()
    async with opened(tmp_path / "m.db") as manifest:
        scanner = Scanner(manifest, [source], HandClock(), [told])
        await scanner.scan()
        paths = [source._entry(n).path for n in range(1_300)]
        await scanner.look({f"{tmp_path}/{path}": True for path in paths})
        assert (told.listed, told.most) == (1_300, BATCH_FILES)


async def test_a_source_of_many_that_is_taken_out_goes_in_pieces(tmp_path: Path) -> None:
    async with opened(tmp_path / "m.db") as manifest:
        await Scanner(manifest, [Endless(tmp_path, 5_000)], HandClock()).scan()
        assert await listed(manifest) == 5_000
        await Scanner(manifest, [], HandClock()).scan()
        assert await listed(manifest) == 0
