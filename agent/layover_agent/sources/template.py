"""A recorder known by the names of its files: a folder and path templates."""

import dataclasses

from layover_agent.config import layouts, recorder_of
from layover_agent.core.containers import Container
from layover_agent.core.layout import Named, first_match
from layover_agent.settings import SourceConfig
from layover_agent.sources.folder import FolderSource
from layover_agent.sources.segment_list import SegmentLists
from layover_agent.sources.source import Entry


class TemplateSource(FolderSource):
    def __init__(self, name: str, config: SourceConfig) -> None:
        super().__init__(name, config)
        recorder = recorder_of(config)
        self._layouts = layouts(config)
        self._incomplete = recorder.parsed_incomplete(config.zone, config.camera)
        self._time = config.time or recorder.time_from
        self._lists = SegmentLists(self.folder, recorder.segment_lists)

    def named(self, entry: Entry) -> Named | None:
        written_ms = entry.mtime_ns // 1_000_000
        named = first_match(self._layouts, entry.path, written_ms)
        if named is None:
            # The name of a file being made; one that keeps it was cut off.
            named = first_match(self._incomplete, entry.path, written_ms)
        return named if named is not None and self.shared(named.camera) else None

    def closed(self, entry: Entry) -> bool | None:
        return True if self._lists.have(entry.path) else None

    def start(
        self, entry: Entry, named: Named, container: Container | None
    ) -> tuple[int, str, bool]:
        if self._time == "container" and container is not None:
            own_ms = container.start_ms
            if own_ms is None:
                own_ms = container.creation_ms
            if own_ms is not None:
                return own_ms, "container", True
        if not named.sure and container is not None and container.duration_ms is not None:
            # How long it lasts tells which of two hours of the same name it was.
            written_ms = entry.mtime_ns // 1_000_000
            again = first_match(self._layouts, entry.path, written_ms, container.duration_ms)
            named = named if again is None else again
        if self.config.time == "mtime":
            named = dataclasses.replace(named, start_ms=None)
        return super().start(entry, named, container)
