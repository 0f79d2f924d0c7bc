"""The language of path templates: strftime letters, fields in braces, ``*`` and ``**/``.

====================  =============================================================
``%Y %m %d %H %M %S``  wall time; also ``%y %f`` (microseconds) ``%s`` (unix) ``%z``
``%F %T``              short for ``%Y-%m-%d`` and ``%H:%M:%S``
``{camera}``           any text within one folder or file name; so are ``{kind} {event}``
``{seq} {ms} {dur_ms}`` digits
``{kind:F|R|}``        exactly one of these texts, here also none
``{camera:[A-Z]{1,2}}`` so many of these characters
``{camera:path}``      one or more whole folders
``{:mp4|mkv}``         alternatives that mean nothing, capital letters or not
``*``                  anything within one name; ``**/`` any number of whole folders
====================  =============================================================

A path is matched folder by folder and a name holds few wildcards, so that the work for the worst
name is bounded. The extension matches in capital letters too.
"""

import re
from dataclasses import dataclass

MAX_PATH = 1024
"""Characters of a path that is looked at; longer ones are no recordings."""
MAX_FOLDERS = 32
MAX_TEMPLATE = 512
MAX_NAME = (255, 255, 255, 128)
"""Characters of a folder's or file's name that is looked at, by the wildcards in its template: the
work grows with the length to the power of their number."""

_DIGITS = {
    "Y": r"\d{4}", "y": r"\d{2}", "m": r"\d{2}", "d": r"\d{2}", "H": r"\d{2}", "M": r"\d{2}",
    "S": r"\d{2}", "f": r"\d{1,6}", "s": r"[1-9]\d{0,10}|0", "z": r"[+-]\d{2}:?\d{2}|Z",
}  # fmt: skip
_SHORT = {"F": "%Y-%m-%d", "T": "%H:%M:%S"}
_TEXTS = ("camera", "kind", "event")
_NUMBERS = {"seq": 18, "ms": 3, "dur_ms": 12}
"""Fields of digits, and the most that they may have."""
_TOKEN = re.compile(
    r"%(?P<letter>.)"
    r"|\{(?P<name>[a-z_]*)(?P<spec>:(?:[^{}/]|\{[0-9,]*\})*)?\}"
    r"|(?P<folders>\*\*)|(?P<star>\*)|(?P<slash>/)|(?P<literal>[^%{*/]+)|(?P<stray>.)",
    re.DOTALL,
)
_CLASS = re.compile(r"\[(\^?)((?:[A-Za-z0-9_.+ -])+)\](?:\{(\d{1,3})(?:,(\d{1,3}))?\})?", re.ASCII)
_CHOICE = re.compile(r"[^\[\]{}()*?\\^$/]*")
_EXTENSION = re.compile(r"(.*)(\.[A-Za-z0-9]+)", re.DOTALL)


class BadTemplate(ValueError):
    """A template that cannot be used, and why."""


@dataclass(frozen=True, slots=True)
class Template:
    """A template ready to match."""

    text: str
    names: frozenset[str]
    """The letters and fields it reads."""
    _names: tuple[tuple[int, re.Pattern[str], int], ...]
    """For each name of a path where it stands, its pattern and its greatest length; the file's
    own name first, which tells most foreign files."""
    _depth: int
    """How many names there are; those of a span count as one."""
    _span_at: int | None
    """Where any number of folders may stand."""
    _span: str
    """The field that takes these folders; empty: they mean nothing."""
    _repeats: bool
    """Some field stands in two names, which must then agree."""

    def fields(self, path: str) -> dict[str, str] | None:
        """What each letter and field stands for in a path; None: it does not match."""
        if len(path) > MAX_PATH:
            return None
        parts = path.split("/")
        found: dict[str, str] = {}
        if self._span_at is not None:
            extra = len(parts) - self._depth
            spanned = parts[self._span_at : self._span_at + extra + 1]
            if extra < (0 if self._span else -1) or "" in spanned or len(parts) > MAX_FOLDERS:
                return None
            parts[self._span_at : self._span_at + extra + 1] = ["/".join(spanned)]
            if self._span:
                found[self._span] = parts[self._span_at]
        elif len(parts) != self._depth:
            return None
        for at, pattern, longest in self._names:
            part = parts[at]
            match = pattern.fullmatch(part) if len(part) <= longest else None
            if match is None:
                return None
            if not self._repeats:
                found.update(match.groupdict())
            elif any(found.setdefault(*field) != field[1] for field in match.groupdict().items()):
                return None
        return found


def compiled(text: str) -> Template:
    """A template from its text. BadTemplate where it says nothing clear or could be slow."""
    if len(text) > MAX_TEMPLATE:
        raise BadTemplate(f"layout of {len(text)} characters: at most {MAX_TEMPLATE}")
    for letter, long in _SHORT.items():
        text = re.sub(rf"(?<!%)((?:%%)*)%{letter}", rf"\g<1>{long}", text)
    builder = _Builder(text)
    for token in _TOKEN.finditer(text):
        builder.take(token)
    return builder.template()


class _Builder:
    """Collects the pieces of one template, name by name."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._folders: list[tuple[re.Pattern[str], int] | None] = []
        self._span: str | None = None
        self._here: list[str] = []
        self._here_names: set[str] = set()
        self._wild = 0
        self._after_wild = False

    def take(self, token: re.Match[str]) -> None:
        letter, name, spec = token["letter"], token["name"], token["spec"]
        if token["stray"] or (letter and letter != "%" and letter not in _DIGITS):
            raise self._unknown(token[0])
        if token["slash"]:
            self._close()
        elif token["folders"]:
            self._take_span("", token)
        elif token["star"]:
            self._add("[^/]*", wild=True)
        elif letter:
            self._field(letter, _DIGITS[letter]) if letter != "%" else self._add("%")
        elif name is None:
            self._literal(token[0], last=token.end() == len(self._text))
        elif name in _TEXTS and spec == ":path":
            self._take_span(name, token)
        elif name in _TEXTS or name in _NUMBERS or (not name and spec):
            self._take_field(name, spec)
        else:
            raise self._unknown(token[0])

    def _take_field(self, name: str, spec: str | None) -> None:
        if spec is None:
            wild = name in _TEXTS
            self._field(name, "[^/]+?" if wild else rf"\d{{1,{_NUMBERS[name]}}}", wild=wild)
            return
        pattern, wild, may_be_empty = self._restricted(spec[1:])
        if name in _NUMBERS and not self._is_number(spec[1:], _NUMBERS[name]):
            raise self._bad(f"{{{name}{spec}}}: at most {_NUMBERS[name]} digits, as in [0-9]{{3}}")
        if name == "camera" and may_be_empty:
            raise self._bad(f"{{camera{spec}}} may be empty: a camera has a name")
        if name:
            self._field(name, pattern, wild=wild)
        else:
            self._add(f"(?i:{pattern})", wild=wild)

    def _restricted(self, spec: str) -> tuple[str, bool, bool]:
        """The pattern of what follows a colon, whether it is a wildcard, whether it may be empty.

        Only what takes bounded work is understood: a list of texts, or one class of characters.
        """
        characters = _CLASS.fullmatch(spec)
        if characters:
            negated, members, low, high = characters.groups()
            least = int(low or 1)
            most = int(high or least)
            if not least <= most <= MAX_NAME[0] or not most:
                raise self._bad(f"{spec}: repeats from 1 to {MAX_NAME[0]}, the lower number first")
            if "--" in members:
                raise self._bad(f"{spec}: write - once, at the end")
            members = f"^/{members}" if negated else members
            try:
                re.compile(f"[{members}]")
            except re.error as error:
                raise self._bad(f"{spec}: {error}") from error
            return f"[{members}]{{{least},{most}}}", most > least, least == 0
        if not spec or not _CHOICE.fullmatch(spec):
            raise self._bad(f"{spec!r} after a colon: texts like F|R, or a class like [A-Z]{{1,2}}")
        choices = spec.split("|")
        # The longest first, so that one which begins like another is not taken for it.
        pattern = "|".join(map(re.escape, sorted(choices, key=len, reverse=True)))
        return f"(?:{pattern})", False, "" in choices

    def _is_number(self, spec: str, digits: int) -> bool:
        characters = re.fullmatch(r"\[0-9\](?:\{(?:\d+,)?(\d+)\})?", spec)
        return characters is not None and int(characters[1] or 1) <= digits

    def _take_span(self, name: str, token: re.Match[str]) -> None:
        if self._here or self._text[token.end() : token.end() + 1] != "/":
            raise self._bad(f"{token[0]} stands for whole folders: write it between slashes")
        if self._span is not None:
            raise self._bad("only one ** or {camera:path}: two leave open where one ends")
        self._span = name

    def _field(self, name: str, pattern: str, wild: bool = False) -> None:
        if name in self._here_names:
            self._add(f"(?P={name})")
        else:
            self._here_names.add(name)
            self._add(f"(?P<{name}>{pattern})", wild)

    def _literal(self, text: str, last: bool) -> None:
        extension = _EXTENSION.fullmatch(text) if last else None
        if extension:
            self._add(f"{re.escape(extension[1])}(?i:{re.escape(extension[2])})")
        else:
            self._add(re.escape(text))

    def _add(self, pattern: str, wild: bool = False) -> None:
        if wild and self._after_wild:
            raise self._bad("two wildcards side by side: nothing says where the first ends")
        self._wild += wild
        if self._wild >= len(MAX_NAME):
            raise self._bad(
                f"more than {len(MAX_NAME) - 1} wildcards in one name: say more of it, "
                "as in {event:[0-9]{1,9}}"
            )
        self._after_wild = wild
        self._here.append(pattern)

    def _close(self) -> None:
        if self._span is not None and None not in self._folders and not self._here:
            self._folders.append(None)
        else:
            pattern = re.compile("".join(self._here), re.ASCII)
            self._folders.append((pattern, MAX_NAME[self._wild]))
        self._here, self._here_names = [], set()
        self._wild, self._after_wild = 0, False

    def template(self) -> Template:
        self._close()
        if len(self._folders) > MAX_FOLDERS:
            raise self._bad(f"more than {MAX_FOLDERS} folders")
        patterns = [(at, *one) for at, one in enumerate(self._folders) if one is not None]
        fields = [name for _, pattern, _ in patterns for name in pattern.groupindex]
        fields += [self._span] if self._span else []
        return Template(
            self._text,
            frozenset(fields),
            tuple(reversed(patterns)),
            len(self._folders),
            self._folders.index(None) if None in self._folders else None,
            self._span or "",
            len(fields) != len(set(fields)),
        )

    def _bad(self, why: str) -> BadTemplate:
        return BadTemplate(f"layout {self._text!r}: {why}")

    def _unknown(self, what: str) -> BadTemplate:
        fields = "} {".join((*_TEXTS, *_NUMBERS))
        letters = " %".join((*_DIGITS, *_SHORT))
        return self._bad(f"{what} is not known; letters are %{letters}, fields {{{fields}}}")
