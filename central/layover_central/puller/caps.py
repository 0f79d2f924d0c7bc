"""The caps as they stand: timetables from the depots, grants of running spans, what was spent."""

from collections.abc import Iterable

from layover_central.context import Central
from layover_central.core.budget import Bucket, Cap
from layover_central.core.timetable import Timetable
from layover_central.store import depots

UNLIMITED = Timetable.parse("", "UTC")


class Caps:
    """Timetables and token buckets by cap: ``global``, ``depot:NAME``, ``site:LABEL``."""

    def __init__(self, central: Central) -> None:
        self._central = central
        self._timetables: dict[str, Timetable] = {}
        self._buckets: dict[str, Bucket] = {}
        self.slots: dict[str, int] = {}

    async def load(self) -> None:
        """Reads the depots anew."""
        async with self._central.store.begin() as connection:
            places = await depots.listing(connection)
        self._timetables = {f"depot:{d.name}": Timetable.parse(d.cap, d.zone) for d in places}
        self._timetables["global"] = Timetable.parse(self._central.settings.global_cap, "UTC")
        self.slots = {f"depot:{d.name}": d.slots for d in places}

    def now(self, keys: Iterable[str], grants: dict[str, int], now_ms: int) -> dict[str, Cap]:
        """Every cap of ``keys``, with what is granted and how long its debt lasts."""
        found = {}
        for key in keys:
            rate_bps = self._timetables.get(key, UNLIMITED).rate_bps(now_ms)
            bucket = self._buckets.get(key, Bucket(0.0, now_ms)).refilled(rate_bps, now_ms)
            self._buckets[key] = bucket
            found[key] = Cap(rate_bps, grants.get(key, 0), bucket.ready_in_ms(rate_bps))
        return found

    def next_changes(self, keys: Iterable[str], now_ms: int) -> dict[str, int]:
        """When each cap changes next; caps that never do are missing."""
        edges = {key: self._timetables.get(key, UNLIMITED).next_change_ms(now_ms) for key in keys}
        return {key: edge for key, edge in edges.items() if edge is not None}

    def charge(self, path: Iterable[str], payload_bytes: int, now_ms: int) -> None:
        """Pays for bytes that arrived under all caps of a path."""
        for key in path:
            self._buckets[key] = self._buckets.get(key, Bucket(0.0, now_ms)).spent(payload_bytes)
