"""A path template for names that no known recorder writes, worked out from the names themselves.

Digits that form dates become letters, what tells the cameras apart becomes ``{camera}``. Only a
template that reads nearly all of the names, with times that can be true, is proposed.
"""

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from layover_agent.core.layout import BadLayout, Layout
from layover_agent.core.template import MAX_PATH

VIDEO = frozenset(
    {"mp4", "m4v", "m4s", "mov", "mkv", "webm", "ts", "mts", "m2ts", "avi", "mpg", "mpeg"}
    | {"flv", "asf", "wmv", "3gp", "h264", "h265", "hevc", "dav"}
)
"""Endings of files that can be recordings."""
SAMPLE = 500
"""Names that are looked at."""
_ENOUGH = 0.9

_DAY, _DENSE_DAY = r"(\d{4}[-_.]\d\d[-_.]\d\d)", r"((?:19|20)\d{6})"
_CLOCK, _DENSE_CLOCK = r"(\d\d[-_.:]\d\d[-_.:]\d\d)", r"(\d{6})"
_TIMES: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = tuple(
    (re.compile(rf"(?<!\d){pattern}(?!\d)", re.ASCII), tuple(parts.split()))
    for pattern, parts in (
        (rf"{_DAY}[T _-]{_CLOCK}", "date time"),
        (rf"{_DAY}[T _-]{_DENSE_CLOCK}", "date time"),
        (rf"{_DENSE_DAY}[T _-]{_CLOCK}", "date time"),
        (rf"{_DENSE_DAY}[T _-]?{_DENSE_CLOCK}", "date time"),
        (rf"((?:19|20)\d\d_\d{{4}})_{_DENSE_CLOCK}", "date time"),
        (rf"(\d{{6}})[T_-]{_DENSE_CLOCK}", "date time"),
        (r"(1\d{9})", "date time"),
        (r"(\d{4}[-_./]\d\d[-_./]\d\d)", "date"),
        (_DENSE_DAY, "date"),
        (_CLOCK, "time"),
        (_DENSE_CLOCK, "time"),
    )
)
"""Ways to write a date, a time or both, those that leave least open first."""
_FRACTION = re.compile(r"(%S[-_.]|%s[-_.])(\d{6}|\d{3})(?![0-9A-Ya-z])", re.ASCII)
"""What may follow the second: thousandths or millionths of it, or a running number."""
_ZONE = re.compile(r"(%S|%f)([-_ ]?)(?:[+-]\d{2}:?\d{2}(?!\d)|Z(?![A-Za-z]))", re.ASCII)
_NUMBER = re.compile(r"\d+", re.ASCII)
_LETTER = re.compile(r"%[A-Za-z]")
_LETTERS = re.compile(r"((?:%[A-Za-z][-_.:T ]*)+)")
_SPECIAL = frozenset("%{}*")
"""Characters that mean something in a template."""


def proposed(paths: Sequence[str]) -> str | None:
    """A template for the video files among paths; it has ``{camera}`` where the names tell one.

    None: the names carry no time, or are not written in one way.
    """
    names = sorted(_sample([path for path in paths if is_video(path)]))
    spelt = [one for one in map(_spelt, names) if _has_time(one)]
    if _has_fractions(spelt):
        spelt = [_FRACTION.sub(r"\1%f", one) for one in spelt]
    spelt = [_ZONE.sub(r"\1\2%z", one) for one in spelt]
    if not names or len(spelt) < _ENOUGH * len(names):
        return None
    # Names of one way of writing share their letters, folder by folder.
    (skeleton, _), *_ = Counter(map(_skeleton, spelt)).most_common(1)
    alike = [one.split("/") for one in spelt if _skeleton(one) == skeleton]
    for template in _candidates(alike):
        try:
            layout = Layout.parse(template, "UTC", camera="?")
        except BadLayout:
            continue
        found = [layout.match(name) for name in names]
        if sum(named is not None and named.sure for named in found) >= _ENOUGH * len(names):
            return template
    return None


def timed(paths: Sequence[str]) -> bool:
    """Whether most of the video files among paths carry a time that can be made out."""
    names = _sample([path for path in paths if is_video(path)])
    return sum(_has_time(_spelt(name)) for name in names) > len(names) // 2


def is_video(path: str) -> bool:
    """Whether a file's ending is that of a recording."""
    return path.rpartition(".")[2].lower() in VIDEO and "." in path


def _sample(paths: Sequence[str]) -> Sequence[str]:
    return paths[:: max(1, len(paths) // SAMPLE)][:SAMPLE]


def _spelt(path: str) -> str:
    """A name with its time in letters; other digits are as they are. Empty: it cannot be."""
    if len(path) > MAX_PATH or not _SPECIAL.isdisjoint(path):
        return ""
    stem, dot, ending = path.rpartition(".")
    have: set[str] = set()
    for pattern, parts in _TIMES:
        match = None if have & set(parts) else pattern.search(stem)
        if match is None or "date" not in have | set(parts):
            continue
        texts = match.groups()
        letters = [_letters(*of) for of in zip(texts, parts, strict=False)]
        between = stem[match.end(1) : match.start(2)] if len(letters) > 1 else ""
        before, after = stem[: match.start()], stem[match.end() :]
        if "date" in parts:
            digits = "".join(filter(str.isdigit, texts[0]))
            before, after = _repeated(before, digits), _repeated(after, digits)
        if parts[-1] == "time" and len(texts) == len(parts):
            before = before.replace(f"/{texts[-1][:2]}/", "/%H/")
        stem = f"{before}{between.join(letters)}{after}"
        have |= set(parts)
    return f"{stem}{dot}{ending}"


def _has_fractions(spelt: Sequence[str]) -> bool:
    """Whether the digits after the second are parts of it, in names that are in order. Running
    numbers and those of cameras are not: they lie close together, and rise or come again."""
    found = [match[2] for match in map(_FRACTION.search, spelt) if match]
    if not found or len(found) < _ENOUGH * len(spelt) or len({len(one) for one in found}) > 1:
        return False
    numbers = [int(one) for one in found]
    values = set(numbers)
    dense = len(values) > 1 and max(values) - min(values) < 2 * len(values)
    rising = sum(after >= before for before, after in itertools.pairwise(numbers))
    again = len(values) <= len(numbers) // 4
    return not (dense and (again or rising >= _ENOUGH * (len(numbers) - 1)))


def _letters(text: str, part: str) -> str:
    """What stands for the digits of a date or a time, their separators kept."""
    digits = sum(one.isdigit() for one in text)
    if digits == 10:
        return "%s"
    places = iter("HHMMSS" if part == "time" else "yymmdd" if digits == 6 else "YYYYmmdd")
    spelt = [next(places) if one.isdigit() else one for one in text]
    return "".join(
        f"%{letter}" if letter.isalpha() else "".join(same)
        for letter, same in itertools.groupby(spelt)
    )


def _repeated(text: str, digits: str) -> str:
    """The same date once more, as in a folder of the day."""
    year, month, day = digits[:-4], digits[-4:-2], digits[-2:]
    again = rf"(?<!\d){year}([-_./]?){month}([-_./]?){day}(?!\d)"
    return re.sub(again, r"%Y\1%m\2%d", text) if len(digits) == 8 else text


def _has_time(spelt: str) -> bool:
    return "%s" in spelt or ("%d" in spelt and "%S" in spelt)


def _skeleton(spelt: str) -> tuple[str, ...]:
    return tuple("".join(_LETTER.findall(folder)) for folder in spelt.split("/"))


def _candidates(alike: Sequence[Sequence[str]]) -> Iterator[str]:
    """Templates for names of one skeleton, the one that says most first."""
    columns = [sorted(set(column)) for column in zip(*alike, strict=True)]
    endings = {one.rpartition(".")[2] for one in columns[-1]}
    columns[-1] = sorted({one.rpartition(".")[0] for one in columns[-1]})
    ending = endings.pop() if len(endings) == 1 else "*"
    *folders, _ = columns
    free = [at for at, column in enumerate(folders) if not _LETTER.search(column[0])]
    varying = [at for at in free if len(folders[at]) > 1]
    general = [_general(column) for column in columns]
    if free:
        general[(varying or free)[-1]] = "{camera}"
        yield f"{'/'.join(general)}.{ending}"
        return
    yield f"{'/'.join([*general[:-1], _general(columns[-1], with_camera=True)])}.{ending}"
    yield f"{'/'.join(general)}.{ending}"


def _general(column: Sequence[str], with_camera: bool = False) -> str:
    """One template for all names of a column; its first words may be the camera."""
    split = [_LETTERS.split(name) for name in column]
    if len({tuple(pieces[1::2]) for pieces in split}) != 1:
        return "*"
    result = ""
    for at, pieces in enumerate(zip(*split, strict=True)):
        words = pieces[0].strip("-_. @")
        if at % 2 or (len(set(pieces)) == 1 and not (with_camera and words)):
            result += pieces[0]
        elif with_camera and words:
            left, _, right = pieces[0].partition(words)
            result += f"{left}{{camera}}{right}"
            with_camera = False
        else:
            result += _varied(sorted(set(pieces)))
    return result


def _varied(texts: Sequence[str]) -> str:
    """A template for texts that differ: what they share up to a separator, a star between."""
    shapes = {_NUMBER.sub("*", text) for text in texts}
    if len(shapes) == 1:
        return shapes.pop()
    first, last = texts[0], texts[-1]  # in order: what these two share, all share
    head = _shared(first, last)
    backwards = sorted(text[::-1] for text in texts)
    tail = _shared(backwards[0], backwards[-1])[::-1]
    return f"{head}*{tail}" if len(head) + len(tail) <= min(map(len, texts)) else "*"


def _shared(one: str, other: str) -> str:
    """What two texts begin with, to the last separator of it."""
    shared = "".join(a for a, _ in itertools.takewhile(lambda ab: ab[0] == ab[1], zip(one, other)))  # noqa: B905
    return shared[: max(map(shared.rfind, "-_. ")) + 1]
