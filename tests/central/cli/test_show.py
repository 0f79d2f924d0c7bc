import io
import math
import os
import subprocess

import pytest
from central.cli.conftest import Fleet, Run, command, process
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from layover_central.cli import show

HOSTILE = ["\x1b[31mred", "\x9b31m", "\u202egnp.exe", "a\rb", "a\x00b", "\u2028", "\u200b"]
UNITS = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What a terminal 40 characters wide would get."""
    written = io.StringIO()
    terminal = Console(file=written, force_terminal=True, width=40, highlight=False)
    monkeypatch.setattr(show, "console", terminal)
    return written


def number(text: str) -> float:
    """The value of a size or rate as it is written."""
    value, unit = text.split(" ")
    prefix = unit.removesuffix("bit/s").removesuffix("B")
    assert 0 <= float(value) < 1000 or prefix == "T"
    return float(value) * UNITS[prefix]


@given(st.integers(1, 10**15))
def test_a_size_is_near_what_it_says(size_bytes: int) -> None:
    assert math.isclose(number(show.size(size_bytes)), size_bytes, rel_tol=0.06)


@given(st.integers(1, 10**12))
def test_a_rate_is_near_what_it_says(rate_bps: int) -> None:
    assert math.isclose(number(show.rate(rate_bps)), rate_bps, rel_tol=0.06)


@pytest.mark.parametrize(
    ("rate_bps", "said"), [(None, "unlimited"), (0, "closed"), (20_000_000, "20.0 Mbit/s")]
)
def test_a_rate_is_said(rate_bps: int | None, said: str) -> None:
    assert show.rate(rate_bps) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026-11-21T11:00:00Z", "2026-11-21 12:00:00+01:00"),
        ("2026-07-01T11:00:00+02:00", "2026-07-01 11:00:00+02:00"),
        ("2026-11-21T11:00:00.500Z", "2026-11-21 12:00:00.500+01:00"),
        (None, "never"),
    ],
)
def test_a_time_is_this_machines_with_its_offset(text: str | None, said: str) -> None:
    assert show.moment(text) == said


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59Z", "1970-01-01T00:00:00Z"])
def test_the_ends_of_time_can_be_shown(text: str) -> None:
    assert show.moment(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_reaches_the_terminal_as_a_command(screen: io.StringIO, text: str) -> None:
    show.say(f"name: {text}")
    show.table(("a", "b"), [(text, 1)], "")
    plain = screen.getvalue().replace("\x1b[1m", "").replace("\x1b[0m", "")
    assert not set(text) & set("\x1b\x9b\u202e\r\x00\u2028\u200b") & set(plain)


def test_no_text_is_read_as_markup(screen: io.StringIO) -> None:
    show.say("[red]x[/red] :bus: [/]")
    show.table(("a",), [("[red]x[/red] :bus: [/]",)], "")
    assert screen.getvalue().count("[red]x[/red] :bus: [/]") == 2


def test_a_json_document_carries_no_command_either(capsys: pytest.CaptureFixture[str]) -> None:
    show.as_json({"name": "".join(HOSTILE)})
    assert not set("\x1b\x9b\u202e\r\x00\u2028\u200b") & set(capsys.readouterr().out)


def test_a_long_sentence_is_shown_whole(screen: io.StringIO) -> None:
    words = " ".join(f"word{i}" for i in range(60))
    show.table(("why",), [(words,)], "")
    assert "".join(screen.getvalue().split()).endswith(words.replace(" ", ""))


@pytest.mark.parametrize("arguments", [("sites",), ("sites", "--json"), ("site", "show", "Fähre")])
def test_a_terminal_that_knows_only_ascii_is_no_traceback(
    good: Run, fleet: Fleet, arguments: tuple[str, ...]
) -> None:
    good("site", "add", "Fähre")
    result = process(*arguments, "--url", fleet.url, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (result.code, result.err) == (0, "")
    assert result.out


def test_a_reader_that_stops_reading_is_no_traceback(good: Run, fleet: Fleet) -> None:
    good("site", "add", "bus-217")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        command("sites", "--url", fleet.url), stdout=writing, stderr=subprocess.PIPE, timeout=60
    )
    os.close(writing)
    assert done.stderr == b""
