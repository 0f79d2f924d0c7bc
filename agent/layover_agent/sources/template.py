"""A recorder known by the names of its files: a folder and path templates."""

import dataclasses

from layover_agent.config import layouts
from layover_agent.core.containers import Container
from layover_agent.core.layout import Named
from layover_agent.settings import SourceConfig
from layover_agent.sources.folder import FolderSource
from layover_agent.sources.source import Entry


class TemplateSource(FolderSource):
    def __init__(self, name: str, config: SourceConfig) -> None:
        super().__init__(name, config)
        self._layouts = layouts(config)

    def named(self, entry: Entry) -> Named | None:
        for layout in self._layouts:
            named = layout.match(entry.path, entry.mtime_ns // 1_000_000)
            if named is not None:
                return named if self.shared(named.camera) else None
        return None

    def start(
        self, entry: Entry, named: Named, container: Container | None
    ) -> tuple[int, str, bool]:
        if self.config.time == "container" and container is not None:
            own_ms = container.start_ms
            if own_ms is None:
                own_ms = container.creation_ms
            if own_ms is not None:
                return own_ms, "container", True
        if self.config.time == "mtime":
            named = dataclasses.replace(named, start_ms=None)
        return super().start(entry, named, container)
