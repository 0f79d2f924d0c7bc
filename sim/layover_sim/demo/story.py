"""The story: requests for offline buses, a warning, a loss, arrivals, a cut, a closed window."""

import asyncio
import contextlib
import datetime as dt
import hashlib
import itertools
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import av

from layover_central.core.timetable import Timetable
from layover_sim.demo.promises import Outcome, cap_violations
from layover_sim.demo.screen import Screen
from layover_sim.demo.stage import CAMERAS, DEPOT, Stage
from layover_sim.fleet import until

CAP = "16Mbit/s"
FIRST_RIDE_S = 16.0
"""How long the buses record in reach before they drive off."""
BACK_AT_S = 40.0
"""When bus-217 is back: after its oldest footage is overwritten, before the rest is."""
CLOSED_S = 4.0
CUT_AFTER_BYTES = 1_300_000
TERMINAL = {"complete", "partial", "lost", "not-recorded", "stopped"}


class Story:
    """One performance on a stage."""

    def __init__(self, stage: Stage, screen: Screen) -> None:
        self._stage = stage
        self._central = stage.central
        self._screen = screen
        self._names: dict[int, str] = {}
        self._began_s = 0.0
        self._began_ms = 0
        self._noticed_s: list[float] = []
        self._lost_path = Path()
        self._lost_ms = 0
        self._cut_offset_bytes = 0
        self._cut_transfers: dict[int, int] = {}
        self._held_first = 0
        self._paused = 0
        self._timetable = Timetable.parse("", "UTC")

    async def play(self) -> Outcome:
        await self._set_up()
        watcher = asyncio.create_task(self._watch())
        try:
            await self._first_contact()
            await self._drive_off()
            doomed = asyncio.create_task(self._watch_the_doomed())
            await self._ask()
            await self._second_bus()
            await self._back_at_the_depot()
            await doomed
            await self._everything_ends()
        finally:
            watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watcher
        return await self._judge()

    # Setting up ---------------------------------------------------------------------------

    async def _set_up(self) -> None:
        tell = self._screen.tell
        tell("central starts; a depot, three buses and a shop box are enrolled")
        await self._central.start()
        await self._layover("depot", "add", DEPOT, "--networks", "127.0.0.0/8", "--cap", CAP)
        self._timetable = Timetable.parse(CAP, "UTC")
        await asyncio.gather(*(self._enrol(label) for label in self._stage.sites))
        await asyncio.gather(*(s.camera_box.start() for s in self._stage.sites.values()))
        self._began_s = time.monotonic()
        self._began_ms = time.time_ns() // 1_000_000

    async def _enrol(self, label: str) -> None:
        site, link = self._stage.sites[label], self._stage.links[label]
        address = f"127.0.0.1:{link.port}"
        await self._layover("site", "add", label, "--depot", DEPOT, "--address", address)
        await site.certificate_request()
        bundle = site.folder / "from-central.pem"
        await self._central.enrol(label, site.folder / "box.csr", bundle)
        await site.enrol(bundle.read_text())
        await site.start_agent()

    # The acts -----------------------------------------------------------------------------

    async def _first_contact(self) -> None:
        await asyncio.gather(*(self._arrive(label) for label in self._stage.sites))
        self._screen.tell("all four are in reach; central reads what they have recorded")
        await self._clock(FIRST_RIDE_S)

    async def _drive_off(self) -> None:
        buses = [label for label in self._stage.sites if label.startswith("bus")]
        await asyncio.gather(*(self._stage.links[label].down_now() for label in buses))
        for label in buses:
            await self._presence(label, "absent")
        self._screen.tell("the buses drive off; the shop stays. They go on recording, unseen")

    async def _ask(self) -> None:
        """Every request that needs an absent bus is queued, and answered with what is known."""
        tell = self._screen.tell
        oldest = self._oldest("bus-217", "front")
        self._lost_path = oldest
        expected = _wall(self._began_ms + int(BACK_AT_S * 1000))
        await self._layover("site", "expect", "bus-217", expected)
        start_ms = _start_ms(oldest)
        await asyncio.gather(
            self._request("oldest of bus-217", "bus-217", ["front"], start_ms + 200, 1.5),
            self._request("bus-217 before it left", "bus-217", ["rear", "door"], self._at(11), 3),
            self._request("all of bus-218", "bus-218", list(CAMERAS["bus-218"]), self._at(5), 8),
            self._request("bus-301", "bus-301", ["front", "rear"], self._at(3), 10),
            self._request("the till", "shop-12", ["till"], self._at(4), 6),
            self._request("bus-218 again", "bus-218", ["front"], self._at(7), 4),
        )
        await self._until(self._warned, "a warning")
        warning = min(await self._central.get("/warnings"), key=lambda w: w["level"])
        tell(
            f"[yellow]warning[/]: request {warning['request']} at {warning['site']}: "
            f"{warning['why']}. {warning['remedy'].capitalize()}"
        )
        unknown = [
            f"{one['id']}"
            for one in await self._all()
            if any(o["chance"] == "unknown" for o in one["outlook"])
        ]
        tell(f"for requests {', '.join(unknown)} nobody said when the bus comes: unknown")

    async def _second_bus(self) -> None:
        """bus-218 passes by for a moment and is gone in the middle of a file."""
        await self._clock(26)
        link = self._stage.links["bus-218"]
        await self._arrive("bus-218")
        await self._until(self._holds_at_218, "holds on bus-218")
        link.cut_after(CUT_AFTER_BYTES)
        cut_at = link.meter.total_bytes + CUT_AFTER_BYTES
        await until(lambda: link.meter.total_bytes >= cut_at, "the cut", 15)
        await link.down_now()
        await self._presence("bus-218", "absent")
        self._cut_transfers = {
            t["id"]: t["verified_bytes"]
            for one in await self._all()
            for t in one["transfers"]
            if t["state"] == "wanted" and t["received_bytes"] > 0
        }
        parts = self._central.data / "archive" / ".incoming"
        sizes = {p.stem: p.stat().st_size for p in parts.glob("*.part")}
        self._cut_offset_bytes = max(
            (sizes.get(str(number), 0) for number in self._cut_transfers), default=0
        )
        self._screen.tell(
            f"bus-218 passes, holds are placed, and it is gone {self._cut_offset_bytes} bytes into "
            "a file"
        )

    async def _back_at_the_depot(self) -> None:
        """The window closes while two buses drain, and opens again."""
        closing_ms = self._at(BACK_AT_S + 2.5) // 1000 * 1000
        opening_ms = closing_ms + int(CLOSED_S * 1000)
        edges = ((self._began_ms - 60_000, CAP), (closing_ms, "closed"), (opening_ms, CAP))
        text = ", ".join(f"{_wall(at)} {rate}" for at, rate in edges)
        self._timetable = Timetable.parse(text, "UTC")
        # In force before anybody is back: a command takes seconds on a busy machine.
        await self._layover("depot", "set", DEPOT, "--cap", text)
        await self._clock(BACK_AT_S)
        await asyncio.gather(
            self._arrive("bus-217"),
            self._arrive("bus-301"),
            self._arrive("bus-218"),
        )
        self._screen.tell("all three are back: holds first, then what would be lost first")
        await self._clock((closing_ms - self._began_ms) / 1000)
        self._screen.tell("the depot's window closes: everything stops at once, bytes stay")
        await self._clock((closing_ms - self._began_ms) / 1000 + 1.5)
        states = [one["state"] for one in await self._all()]
        self._paused = states.count("paused")
        await self._clock((opening_ms - self._began_ms) / 1000)
        self._screen.tell("the window opens again")

    async def _everything_ends(self) -> None:
        found = await self._central.requests_until(list(self._names), TERMINAL, 45)
        self._screen.show(found, self._names)
        self._screen.tell("every request has its verdict")

    # What happens meanwhile ---------------------------------------------------------------

    async def _watch(self) -> None:
        """Keeps the bars true to what central says."""
        while True:
            if self._names:
                self._screen.show(await self._all(), self._names)
            await asyncio.sleep(0.3)

    async def _watch_the_doomed(self) -> None:
        """Notes when the recorder of bus-217 overwrites what was asked for first."""
        await until(lambda: bool(self._lost_path.name), "the choice of footage")
        await until(lambda: not self._lost_path.exists(), "the loss", 60)
        self._lost_ms = time.time_ns() // 1_000_000
        self._screen.tell("[red]bus-217 overwrites it[/], far from any depot")

    # Judgement ----------------------------------------------------------------------------

    async def _judge(self) -> Outcome:
        requests = await self._all()
        status = await self._central.get("/status")
        states = [one["state"] for one in requests]
        done = {
            t["id"]: t for one in requests for t in one["transfers"] if t["state"] == "complete"
        }
        verified = await asyncio.to_thread(self._verify, list(done.values()))
        warnings = await self._central.get("/warnings", open="false")
        ahead = [
            (self._lost_ms - _ms(w["raised_at"])) / 1000 for w in warnings if w["outcome"] == "lost"
        ]
        self._screen.table(_rows(requests, self._names))
        return Outcome(
            sites=len(self._stage.sites),
            requests=len(requests),
            complete=states.count("complete"),
            partial=states.count("partial"),
            lost=states.count("lost"),
            warned_before_loss=len([s for s in ahead if s > 0]),
            warned_ahead_s=round(min(ahead, default=0.0), 1),
            bytes_archived=status["archive"]["size_bytes"],
            bytes_resent=status["archive"]["resent_bytes"],
            cap_violations=self._violations(),
            verified=verified,
            archived=len(done),
            resumed_mid_file=len([i for i in self._cut_transfers if i in done]),
            resumed_offset_bytes=self._cut_offset_bytes,
            noticed_s=round(max(self._noticed_s), 2),
            held_first=self._held_first,
            paused_by_window=self._paused,
            seconds=round(time.monotonic() - self._began_s, 1),
        )

    def _verify(self, transfers: list[Any]) -> int:
        """How many archived files have the bytes that the box signed, and play."""
        good = 0
        for transfer in transfers:
            path = self._central.data / "archive" / transfer["path"]
            with path.open("rb") as file:
                same = hashlib.file_digest(file, "sha256").hexdigest() == transfer["sha256"]
            with av.open(str(path)) as video:
                frames = sum(1 for _ in itertools.islice(video.decode(video=0), 4))
            good += same and frames == 4
        return good

    def _violations(self) -> int:
        """Over every window of one second since the timetable of the evening was set."""
        offset_ms = time.time_ns() // 1_000_000 - int(asyncio.get_running_loop().time() * 1000)
        windows = [
            (int(end_s * 1000) + offset_ms, rate)
            for end_s, rate in self._stage.depot_meter.windows(1.0)
        ]
        since_ms = self._at(BACK_AT_S + 1.5)
        return cap_violations(
            self._timetable, [w for w in windows if w[0] - 1000 > since_ms], 1000
        ) + cap_violations(
            Timetable.parse(CAP, "UTC"), [w for w in windows if w[0] < since_ms], 1000
        )

    # Small helps --------------------------------------------------------------------------

    async def _layover(self, *arguments: str) -> Any:
        self._screen.command(*arguments)
        return await self._central.run(*arguments)

    async def _request(
        self, name: str, site: str, cameras: list[str], from_ms: int, seconds: float
    ) -> None:
        options = [part for camera in cameras for part in ("--camera", camera)]
        span = ("--from", _rfc3339(from_ms), "--to", _rfc3339(from_ms + int(seconds * 1000)))
        made = await self._layover("request", site, *options, *span)
        self._names[made["id"]] = name

    async def _arrive(self, label: str) -> None:
        """The link comes up; how long central takes to notice is measured."""
        began_s = time.monotonic()
        await self._stage.links[label].up()
        await self._presence(label, "reachable")
        self._noticed_s.append(time.monotonic() - began_s)

    async def _presence(self, label: str, presence: str) -> None:
        async def here() -> bool:
            return bool((await self._central.site(label))["presence"] == presence)

        await self._until(here, f"{label} {presence}")

    async def _warned(self) -> bool:
        return bool(await self._central.get("/warnings"))

    async def _holds_at_218(self) -> bool:
        """Whether holds stand while hardly a byte has been fetched."""
        found = [t for one in await self._all() for t in one["transfers"]]
        held = [t for t in found if t["site"] == "bus-218" and t["held"]]
        self._held_first = max(self._held_first, len([t for t in held if t["verified_bytes"] == 0]))
        return bool(held)

    async def _all(self) -> list[Any]:
        return list(
            await asyncio.gather(*(self._central.request(one) for one in sorted(self._names)))
        )

    async def _until(self, condition: Callable[[], Awaitable[bool]], what: str) -> None:
        async with asyncio.timeout(20):
            while not await condition():
                await asyncio.sleep(0.03)

    async def _clock(self, second: float) -> None:
        """Until that many seconds after the recorders began."""
        await asyncio.sleep(max(self._began_s + second - time.monotonic(), 0))

    def _at(self, second: float) -> int:
        return self._began_ms + int(second * 1000)

    def _oldest(self, label: str, camera: str) -> Path:
        return min((self._stage.sites[label].recordings / camera).glob("*/*.mp4"))


def _rows(requests: list[Any], names: dict[int, str]) -> list[tuple[str, ...]]:
    return [
        (
            f"{one['id']} {names[one['id']]}",
            f"{sum(one['tally_ms'].values()) / 1000:.1f} s",
            f"{one['tally_ms']['saved'] / 1000:.1f} s",
            f"{one['tally_ms']['lost'] / 1000:.1f} s",
            str(one["bytes"]["verified"]),
            f"{(_ms(one['state_since']) - _ms(one['asked_at'])) / 1000:.1f} s",
            str(sum(max(t["received_bytes"] - t["size_bytes"], 0) for t in one["transfers"])),
        )
        for one in requests
    ]


def _start_ms(path: Path) -> int:
    moment = dt.datetime.strptime(
        f"{path.parent.name} {path.stem} +0000", "%Y-%m-%d %H-%M-%S-%f %z"
    )
    return int(moment.timestamp() * 1000)


def _ms(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp() * 1000)


def _rfc3339(ms: int) -> str:
    return dt.datetime.fromtimestamp(ms / 1000, dt.UTC).isoformat(timespec="milliseconds")


def _wall(ms: int) -> str:
    """Time of day in UTC, the depot's zone."""
    return f"{dt.datetime.fromtimestamp(ms / 1000, dt.UTC):%H:%M:%S}"
