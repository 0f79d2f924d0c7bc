"""What one recorder makes of a folder's paths: its cameras, what is foreign, what is missing."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from layover_agent.core import propose
from layover_agent.core.layout import Layout, Named
from layover_agent.core.offsets import Offset, offsets
from layover_agent.core.template import compiled

SAMPLES_SHOWN = 3
MAX_SHOWN = 200
"""Characters of a path that is shown."""
MAX_CAMERAS = 1000
MAX_WHYS = 20
MAX_TIMES = 5000
"""Files of which the zone is worked out."""
_LISTS = "the recorder's own lists of files"


class Recognisable(Protocol):
    """What must be known of a recorder."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def generic(self) -> bool: ...
    @property
    def companions(self) -> tuple[str, ...]: ...
    @property
    def incomplete(self) -> tuple[str, ...]: ...
    @property
    def segment_lists(self) -> tuple[str, ...]: ...
    def parsed(self, zone: str = "", camera: str = "") -> tuple[Layout, ...]: ...


@dataclass(frozen=True, slots=True)
class Foreign:
    """Files that are no recordings, for one reason."""

    why: str
    count: int
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SeenCamera:
    """A camera by its files."""

    name: str
    count: int
    first_ms: int | None
    last_ms: int | None
    """The starts of its first and last recording; None: the names carry no time."""


@dataclass(frozen=True, slots=True)
class Guess:
    """One explanation of a folder."""

    recorder: str
    """Name of a known recorder; empty: the layout was worked out from the names."""
    title: str
    layouts: tuple[str, ...]
    """Those that explain a file, the one of most files first; none: nothing fits."""
    matched: int
    total: int
    cameras: tuple[SeenCamera, ...]
    foreign: tuple[Foreign, ...]
    needs_zone: bool
    """Names carry a wall time without its zone, be a zone given or not."""
    needs_camera: bool
    """Names carry no camera, be one given or not."""
    unsure: int
    """Recordings whose times no clock that was set can have shown."""
    offsets: tuple[Offset, ...]
    """What zones the files' own times speak for, most files first."""
    confidence: float
    """From 0 to 1: the share of the video files that it explains, less where names are usual."""
    missing: tuple[str, ...]
    """What must still be said or put right, in sentences."""


class Reading:
    """What one recorder makes of the paths."""

    def __init__(
        self,
        recorder: Recognisable | None,
        layouts: Sequence[Layout],
        paths: Sequence[str],
        written_ms: Sequence[int] | None,
    ) -> None:
        self._recorder = recorder
        self._layouts = layouts
        self._paths = paths
        self._used: Counter[int] = Counter()
        self._cameras: dict[str, list[int]] = {}
        self._unsure = 0
        self._times: list[tuple[str, int, int | None, int]] = []
        self._foreign: dict[str, list[str]] = {}
        self._foreign_count: Counter[str] = Counter()
        self._videos = 0
        self._explained = [
            (why, [compiled(text) for text in templates])
            for why, templates in (_explanations(recorder) if recorder else ())
        ]
        for at, path in enumerate(paths):
            self._take(path, written_ms[at] if written_ms is not None else None)
        self.matched = sum(self._used.values())

    @property
    def rank(self) -> tuple[int, bool, bool, bool]:
        """Greater is better: files explained; then what claims least of what is not there."""
        explained = self.matched + sum(self._foreign_count[why] for why, _ in self._explained)
        lists = self._recorder is not None and bool(self._recorder.segment_lists)
        # Cameras of one recording each are numbers of events taken for cameras.
        cameras = len(self._cameras) <= max(1, self.matched // 2)
        return explained, cameras, self._generic, lists == bool(self._foreign_count[_LISTS])

    @property
    def _generic(self) -> bool:
        """Whether it is a way of naming that proves no product."""
        return self._recorder is None or self._recorder.generic

    def _take(self, path: str, written_ms: int | None) -> None:
        for at, layout in enumerate(self._layouts):
            named = layout.match(path, written_ms)
            if named is not None:
                self._videos += 1
                self._used[at] += 1
                self._note(layout, named, written_ms)
                return
        why = self._why(path)
        if why not in self._foreign_count and len(self._foreign_count) >= MAX_WHYS:
            why = "no video"
        self._videos += why.startswith("video")
        self._foreign_count[why] += 1
        samples = self._foreign.setdefault(why, [])
        if len(samples) < SAMPLES_SHOWN:
            samples.append(path[:MAX_SHOWN])

    def _note(self, layout: Layout, named: Named, written_ms: int | None) -> None:
        self._unsure += not named.sure
        if named.camera not in self._cameras and len(self._cameras) >= MAX_CAMERAS:
            return
        seen = self._cameras.setdefault(named.camera, [0])
        seen[0] += 1
        start_ms = named.start_ms
        if start_ms is None:
            return
        if len(seen) == 1:
            seen += [start_ms, start_ms]
        else:
            seen[1:] = [min(seen[1], start_ms), max(seen[2], start_ms)]
        if layout.needs_zone and written_ms is not None and len(self._times) < MAX_TIMES:
            self._times.append((named.camera, start_ms, named.duration_ms, written_ms))

    def _why(self, path: str) -> str:
        for why, templates in self._explained:
            if any(template.fields(path) is not None for template in templates):
                return why
        if any(layout.fits(path) for layout in self._layouts):
            return "video with a date or time that does not exist"
        if propose.is_video(path):
            return "video named in another way"
        name, dot, ending = path.rpartition("/")[2].rpartition(".")
        return f"no video (.{ending[:10].lower()})" if dot and name else "no video"

    def guess(self, zone: str, camera: str) -> Guess:
        used = [self._layouts[at] for at, _ in self._used.most_common()]
        needs_zone = any(layout.needs_zone for layout in used)
        needs_camera = any(not layout.names_camera for layout in used)
        share = self.matched / self._videos if self._videos else 0.0
        return Guess(
            recorder=self._recorder.name if self._recorder else "",
            title=self._recorder.title if self._recorder else "a layout worked out from the names",
            layouts=tuple(layout.template for layout in used),
            matched=self.matched,
            total=len(self._paths),
            cameras=tuple(
                SeenCamera(name, seen[0], *(seen[1:] or (None, None)))
                for name, seen in sorted(self._cameras.items())
            ),
            foreign=tuple(
                Foreign(why, count, tuple(self._foreign[why]))
                for why, count in self._foreign_count.most_common()
            ),
            needs_zone=needs_zone,
            needs_camera=needs_camera,
            unsure=self._unsure,
            offsets=tuple(offsets(self._times)),
            confidence=round(share * (0.8 if self._generic else 1), 3),
            missing=tuple(self._missing(needs_zone and not zone, needs_camera and not camera)),
        )

    def _missing(self, zone_open: bool, camera_open: bool) -> Iterable[str]:
        if zone_open:
            yield (
                "The names carry no time zone: say which one the recorder's clock is in "
                '(zone = "Europe/Berlin", or "+02:00" where it keeps no summer time).'
            )
        if camera_open:
            yield (
                "Some names carry no camera, and no folder names one: give those files a camera's "
                'name (camera = "front"), or make one source of each camera\'s folder.'
            )
        if self._unsure:
            yield (
                f"{self._unsure} recordings have times that a clock shows which was never set, "
                "or that a clock change leaves open: set the recorder's clock from the network."
            )


def _explanations(recorder: Recognisable) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (
        ("still being written, or cut off by a loss of power", recorder.incomplete),
        (_LISTS, recorder.segment_lists),
        ("the recorder's own, no recordings", recorder.companions),
    )
