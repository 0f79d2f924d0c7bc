"""The language of templates: what it reads, what it refuses, and that no name costs much."""

import contextlib
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layover_agent.core.template import MAX_NAME, MAX_PATH, BadTemplate, compiled

READ: dict[str, tuple[str, str, dict[str, str] | None]] = {
    "one of some texts": ("{kind:F|R|I}.mp4", "R.mp4", {"kind": "R"}),
    "none of them": ("{kind:F|R|I}.mp4", "X.mp4", None),
    "a text that begins like another": ("{kind:P|PF}_.ts", "PF_.ts", {"kind": "PF"}),
    "a text or nothing": ("a{kind:P|}.ts", "a.ts", {"kind": ""}),
    "so many characters": ("{camera:[A-Z]{1,2}}1", "AB1", {"camera": "AB"}),
    "too many characters": ("{camera:[A-Z]{1,2}}1", "ABC1", None),
    "one character": ("{camera:[0-9_]}x", "_x", {"camera": "_"}),
    "all but some characters": ("{camera:[^_]{1,9}}_x", "ab_x", {"camera": "ab"}),
    "all but some is within one name": ("{camera:[^_]{1,9}}_x", "a/b_x", None),
    "alternatives without a meaning": ("{camera}.{:mp4|MKV}", "a.mkv", {"camera": "a"}),
    "an extension in capital letters": ("{camera}.mp4", "a.MP4", {"camera": "a"}),
    "an extension in small letters": ("{camera}.MP4", "a.mp4", {"camera": "a"}),
    "a name in other letters": ("Rec/{camera}.mp4", "rec/a.mp4", None),
    "a dot that is none": ("{camera}.mp4", "axmp4", None),
    "folders": ("{camera:path}/%s.ts", "a/b/c/1.ts", {"camera": "a/b/c", "s": "1"}),
    "a folder": ("{camera:path}/%s.ts", "a/1.ts", {"camera": "a", "s": "1"}),
    "no folder": ("{camera:path}/%s.ts", "1.ts", None),
    "an empty folder": ("{camera:path}/%s.ts", "a//1.ts", None),
    "folders in the middle": ("x/{camera:path}/y/%s", "x/a/b/y/7", {"camera": "a/b", "s": "7"}),
    "any folders, none": ("**/%s.ts", "1.ts", {"s": "1"}),
    "any folders, two": ("**/{camera}/%s.ts", "a/b/c/1.ts", {"camera": "c", "s": "1"}),
    "any folders, one too few": ("**/{camera}/%s.ts", "1.ts", None),
    "the same field twice": ("{camera}/{camera}_%s", "a/a_1", {"camera": "a", "s": "1"}),
    "the same field twice, not the same": ("{camera}/{camera}_%s", "a/b_1", None),
    "the same field twice in a name": ("{event}_{event}", "7_7", {"event": "7"}),
    "the same field twice in a name, not the same": ("{event}_{event}", "7_8", None),
    "short letters": ("%F %T", "2026-11-21 10:00:01",
                      {"Y": "2026", "m": "11", "d": "21", "H": "10", "M": "00", "S": "01"}),
    "a per cent sign before a letter": ("%%F{camera}", "%Fa", {"camera": "a"}),
    "a unix time with zeros before it": ("{camera}_%s", "a_00001", None),
    "the beginning of unix time": ("{camera}_%s", "a_0", {"camera": "a", "s": "0"}),
    "digits of another script": ("%s", "٣", None),
    "a bracket": ("[{camera}]", "[a]", {"camera": "a"}),
    "a backslash": (r"\d{camera}", r"\da", {"camera": "a"}),
    "a line break": ("{camera}", "a\n", {"camera": "a\n"}),
    "a line break behind": ("{camera}.mp4", "a.mp4\n", None),
    "bytes that are no text": ("{camera}.mp4", "\udcff.mp4", {"camera": "\udcff"}),
    "a number of fixed length": ("%s{ms:[0-9]{3}}", "1234007", {"s": "1234", "ms": "007"}),
    "a number or nothing": ("a{seq:[0-9]{0,4}}", "a", {"seq": ""}),
    "a great number": ("{seq}.mp4", "9" * 18 + ".mp4", {"seq": "9" * 18}),
    "a number too great": ("{seq}.mp4", "9" * 19 + ".mp4", None),
}  # fmt: skip


@pytest.mark.parametrize("case", READ)
def test_what_is_read(case: str) -> None:
    template, path, fields = READ[case]
    assert compiled(template).fields(path) == fields


REFUSED = {
    "a repeat within a repeat": ("{kind:([A-Z]+)+}", "after a colon"),
    "a repeat without an end": ("{kind:[A-Z]+}", "after a colon"),
    "a repeat of any number": ("{kind:[A-Z]{1,}}", "after a colon"),
    "a star": ("{kind:.*}", "after a colon"),
    "a group": ("{kind:(F|R)}", "after a colon"),
    "a class within a class": ("{kind:[[A-Z]]}", "after a colon"),
    "a class of classes": (r"{kind:[\w]}", "after a colon"),
    "a range backwards": ("{kind:[Z-A]}", "range"),
    "a slash in a class": ("{kind:[/]}", "not known"),
    "nothing after the colon": ("{kind:}", "after a colon"),
    "repeats backwards": ("{kind:[A-Z]{3,2}}", "repeats"),
    "a repeat of nothing": ("{kind:[A-Z]{0,0}}", "repeats"),
    "far too many": ("{kind:[A-Z]{1,999}}", "repeats"),
    "a camera that may be empty": ("{camera:F|}", "may be empty"),
    "a camera of no characters": ("{camera:[A-Z]{0,2}}", "may be empty"),
    "a path beside text": ("a{camera:path}/x", "whole folders"),
    "a path before text": ("{camera:path}_x", "whole folders"),
    "a path at the end": ("{camera:path}", "whole folders"),
    "folders beside text": ("a**/x", "whole folders"),
    "folders at the end": ("a/**", "whole folders"),
    "two spans": ("**/a/**/x", "only one"),
    "a span and a path": ("**/{camera:path}/x", "only one"),
    "wildcards side by side": ("{camera}*", "side by side"),
    "fields side by side": ("{camera}{event}.mp4", "side by side"),
    "too many wildcards": ("{camera}_*_*_*", "more than 3"),
    "an unnamed field without texts": ("{}", "not known"),
    "a field of another tongue": ("{kamera}", "{kamera}"),
    "a path of numbers": ("{seq:path}/x", "digits"),
    "a number of letters": ("{seq:F|R}/x", "digits"),
    "a number too long": ("{ms:[0-9]{4}}/x", "at most 3 digits"),
    "too long": ("x" * 513, "at most"),
    "too deep": ("x/" * 40, "folders"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_says_why(case: str) -> None:
    template, said = REFUSED[case]
    with pytest.raises(BadTemplate, match=re.escape(said)):
        compiled(template)


TEMPLATES = [
    "{camera}_*_{event}_%s.mp4",
    "{camera}_*_{event}_{seq}_%Y%m%d%H%M%S.mp4",
    "{camera}_{:[0-9_-]{1,60}}_{event:[a-z0-9_]{1,200}}_{dur_ms}_%s.mp4",
    "{camera:path}/{event}_*_{kind}_%s.mp4",
    "**/*_*_{camera}_{seq}{dur_ms}{ms}%s.mp4",
]
HOSTILE = [
    "_" * 128, "1_" * 64, "_1" * 64, "1" * 255, "1_1-1" * 25, "_" * 124 + ".mp4",
    "1_" * 60 + ".mp4", "_" * 255, "/" * MAX_PATH, "a/" * 500, "_/" * 500, "1" * 10**5,
    "_" * 10**5 + ".mp4", "a/" * 10**5,
]  # fmt: skip


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.timeout(20)
def test_no_name_takes_long(template: str) -> None:
    # Without the bounds one of these names takes minutes.
    for name in HOSTILE:
        for path in (name, f"a/{name}", f"{name}/a"):
            compiled(template).fields(path)


def test_long_paths_and_names_are_not_looked_at() -> None:
    assert compiled("**/{camera}").fields("a/" * 10 + "x") is not None
    assert compiled("**/{camera}").fields("a/" * MAX_PATH + "x") is None
    assert compiled("{camera}.ts").fields("x" * (MAX_NAME[1] - 3) + ".ts") is not None
    assert compiled("{camera}.ts").fields("x" * (MAX_NAME[1] - 2) + ".ts") is None


PIECES = st.sampled_from(
    [
        "%Y", "%s", "%z", "%F", "%%", "%", "{camera}", "{camera:path}", "{kind:F|R}", "{:a|b}",
        "{event:[A-Z]{1,2}}", "{seq}", "{", "}", ":", "[", "|", "*", "**", "/", "_", ".mp4", "\\",
    ]
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(PIECES, max_size=12).map("".join), st.text(max_size=30))
def test_any_template_reads_any_path_or_is_refused(template: str, path: str) -> None:
    with contextlib.suppress(BadTemplate):
        compiled(template).fields(path)
