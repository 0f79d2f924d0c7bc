"""Which recorder wrote a folder of files: told from the names, in words for a technician.

Times of names that carry no zone are read as UTC here: the zone is still to be asked.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from layover_agent.core import propose
from layover_agent.core.layout import BadLayout, Layout
from layover_agent.core.reading import Guess, Reading, Recognisable

SAMPLE = 1000
"""Paths by which recorders are chosen before every path is read."""
MAX_GUESSES = 3


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
    are known by now. BadLayout where that zone is none.
    """
    step = max(1, len(paths) // SAMPLE)
    chosen = []
    for recorder in recorders:
        layouts = recorder.parsed(zone or "UTC", camera)
        read = Reading(recorder, layouts, paths[::step], None)
        if read.matched:
            chosen.append((read.rank, recorder, layouts))
    chosen.sort(key=lambda one: one[0], reverse=True)
    full = [Reading(one, layouts, paths, written_ms) for _, one, layouts in chosen[:MAX_GUESSES]]
    full.sort(key=lambda reading: reading.rank, reverse=True)
    guesses = [reading.guess(zone, camera) for reading in full]
    if not guesses or guesses[0].confidence < 0.5:
        guesses.insert(0, _worked_out(paths, written_ms, zone, camera))
        guesses.sort(key=lambda guess: guess.confidence, reverse=True)
    # One that claims more than the best and explains no more is no surer than it.
    return [replace(one, confidence=min(one.confidence, guesses[0].confidence)) for one in guesses]


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
        return Reading(None, [layout], paths, written_ms).guess(zone, camera)
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
    if propose.timed(paths):
        return _nothing(
            paths,
            f"The {videos} videos have times in their names, but are not all written in one way: "
            "make one source of each folder, or write a layout for those that matter.",
        )
    return _nothing(
        paths,
        "The names carry no time: write a layout for what they carry, and take the time from "
        'the files (time = "mtime" or "container").',
    )


def _nothing(paths: Sequence[str], why: str) -> Guess:
    guess = Reading(None, (), paths, None).guess("", "")
    return replace(guess, title="nothing that is known", missing=(why,))
