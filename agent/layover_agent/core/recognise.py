"""Which recorder wrote a folder of files: told from the names, in words for a technician.

Times of names that carry no zone are read as UTC here: the zone is still to be asked.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from layover_agent.core import propose
from layover_agent.core.layout import BadLayout, Layout, Named
from layover_agent.core.offsets import Offset, offsets
from layover_agent.core.template import compiled

SAMPLE = 1000
"""Paths by which recorders are chosen before every path is read."""
SAMPLES_SHOWN = 3
MAX_SHOWN = 200
"""Characters of a path that is shown."""
MAX_GUESSES = 3
MAX_CAMERAS = 1000
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
    def camera(self) -> str: ...
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
    unsure: int
    """Recordings whose times no clock that was set can have shown."""
    offsets: tuple[Offset, ...]
    """What zones the files' own times speak for, most files first."""
    confidence: float
    """From 0 to 1: the share of the video files that it explains, less where names are usual."""
    missing: tuple[str, ...]
    """What must still be said or put right, in sentences."""


def recognise(
    paths: Sequence[str],
    recorders: Iterable[Recognisable],
    written_ms: Sequence[int] | None = None,
    *,
    zone: str = "",
    camera: str = "",
) -> list[Guess]:
    """Explanations of a folder's files (paths relative to it), best first; at least one.

    ``written_ms``: when each was last written, in UTC. ``zone`` and ``camera``: as far as they
    are known by now.
    """
    step = max(1, len(paths) // SAMPLE)
    chosen = []
    for recorder in recorders:
        layouts = recorder.parsed(zone or "UTC", camera)
        read = _Reading(recorder, layouts, paths[::step], None)
        if read.matched:
            chosen.append((read.rank, recorder, layouts))
    chosen.sort(key=lambda one: one[0], reverse=True)
    full = [_Reading(one, layouts, paths, written_ms) for _, one, layouts in chosen[:MAX_GUESSES]]
    full.sort(key=lambda reading: reading.rank, reverse=True)
    guesses = [reading.guess(zone, camera) for reading in full]
    if not guesses or guesses[0].confidence < 0.5:
        guesses.insert(0, _worked_out(paths, written_ms, zone, camera))
        guesses.sort(key=lambda guess: guess.confidence, reverse=True)
    return guesses


class _Reading:
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
        self._nameless = False
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
        cameras = len(self._cameras) <= max(3, self.matched // 2)
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
            unsure=self._unsure,
            offsets=tuple(offsets(self._times)),
            confidence=round(share * (0.8 if self._generic else 1), 3),
            missing=tuple(self._missing(used, needs_zone and not zone, camera)),
        )

    def _missing(self, used: Sequence[Layout], zone_open: bool, camera: str) -> Iterable[str]:
        if zone_open:
            yield (
                "The names carry no time zone: say which one the recorder's clock is in "
                '(zone = "Europe/Berlin", or "+02:00" where it keeps no summer time).'
            )
        if not camera and any(not layout.names_camera for layout in used):
            yield (
                "Some names carry no camera: give those files a camera's name (camera = "
                '"front"), or make one source of each camera\'s folder.'
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


def _worked_out(
    paths: Sequence[str], written_ms: Sequence[int] | None, zone: str, camera: str
) -> Guess:
    """A template from the names themselves, or what is missing for one."""
    found = propose.proposed(paths)
    if found is not None:
        try:
            layout = Layout.parse(found, zone or "UTC", camera=camera or "camera")
        except BadLayout as error:
            return _nothing(paths, str(error))
        return _Reading(None, [layout], paths, written_ms).guess(zone, camera)
    videos = sum(map(propose.is_video, paths))
    if not paths:
        return _nothing(paths, "The folder is empty: let the recorder record, then try again.")
    if not videos:
        endings = Counter(path.rpartition(".")[2].lower()[:10] for path in paths if "." in path)
        usual = ", ".join(f".{ending}" for ending, _ in endings.most_common(3)) or "no ending"
        return _nothing(
            paths,
            f"None of {len(paths)} files is a video by its ending ({usual}): is this the folder "
            "in which the recorder writes?",
        )
    return _nothing(
        paths,
        "The names carry no time, or are not all written in one way: write a layout for them, or "
        'take the time from the files (time = "mtime" or "container").',
    )


def _nothing(paths: Sequence[str], why: str) -> Guess:
    guess = _Reading(None, (), paths, None).guess("", "")
    return replace(guess, title="nothing that is known", missing=(why,))
