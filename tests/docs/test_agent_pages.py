"""What the pages say of the agent exists: its commands, options, settings, faults and figures."""

import argparse
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from layover_agent import cli, config
from layover_agent.cli.places import CONFIG, DATA_FOLDER
from layover_agent.core.fault_kinds import KINDS
from layover_agent.settings import Trigger
from layover_agent.view.plain import WIDTH

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *(page for page in sorted(ROOT.glob("docs/**/*.md")) if page.parent.name != "reference"),
]
TECHNICIANS = ROOT / "docs" / "technicians.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"(?:`|^(?:\$ )?)layover-agent ([a-z-]+)((?: +[^\s`|#]+)*)", re.MULTILINE)
SETTING = re.compile(r"`((?:holds|trigger|service|rescan|listen|advertise)\.[a-z_]+)\b")
CODE = re.compile(r"`([a-z]+(?:-[a-z]+)+)`")
HEADING = re.compile(r"^(?:CRITICAL|WARNING|NOTICE) +(.+)$", re.MULTILINE)
PROGRAMS = {"layover-agent", "test-cameras"}
"""Words with a hyphen, in code, that are no faults."""

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def _commands() -> dict[str, argparse.ArgumentParser]:
    (group,) = (a for a in cli.parser()._actions if isinstance(a, argparse._SubParsersAction))
    return dict(group.choices)


def _blocks(page: Path, kind: str) -> list[str]:
    return [text for named, text in BLOCK.findall(page.read_text()) if named == kind]


def _typed(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Each command of the agent on a page, with the options it is given; lines joined at ``\\``."""
    for name, rest in COMMAND.findall(page.read_text().replace("\\\n", " ")):
        yield name, re.findall(r"--[a-z-]+", rest)


@each_page
def test_commands_and_options_exist(page: Path) -> None:
    commands = _commands()
    wrong = []
    for name, options in _typed(page):
        if name not in commands:
            wrong.append(name)
            continue
        known = commands[name]._option_string_actions
        wrong += [f"{name} {option}" for option in options if option not in known]
    assert wrong == []


@each_page
def test_settings_exist(page: Path) -> None:
    known = set(re.findall(r"^\| `([^`]+)`", config.reference(), re.MULTILINE))
    assert [one for one in SETTING.findall(page.read_text()) if one not in known] == []


@pytest.mark.parametrize("block", _blocks(TECHNICIANS, "toml"))
def test_the_box_s_file_can_be_loaded(block: str, tmp_path: Path) -> None:
    file = tmp_path / "box.toml"
    file.write_text(block)
    loaded = config.load(file, {})
    assert loaded.data_folder == DATA_FOLDER
    assert loaded.sources.keys() == tomllib.loads(block)["sources"].keys()


def test_the_places_are_the_program_s() -> None:
    said = TECHNICIANS.read_text()
    assert f"`{CONFIG}`" in said
    assert f"`{DATA_FOLDER}`" in said
    assert "/etc/layover/" not in said


class TestTranscripts:
    def test_fit_a_terminal(self) -> None:
        shown = [line for block in _blocks(TECHNICIANS, "text") for line in block.splitlines()]
        typed = ("$ ", "layover", "apt ", "systemctl ", "    --")
        assert [s for s in shown if len(s) > WIDTH and not s.startswith(typed)] == []

    def test_name_faults_as_the_program_does(self) -> None:
        titles = {kind.title.rstrip(".") for kind in KINDS.values()}
        blocks = [b for b in _blocks(TECHNICIANS, "text") if "test-cameras" not in b]
        told = [title for block in blocks for title in HEADING.findall(block)]
        assert len(told) > 5
        assert [title for title in told if title.rstrip(".") not in titles] == []

    def test_say_remedies_as_the_program_does(self) -> None:
        remedies = {re.split(r"[{:]", kind.remedy)[0][:30] for kind in KINDS.values()}
        blocks = [b for b in _blocks(TECHNICIANS, "text") if "test-cameras" not in b]
        told = [r for b in blocks for r in re.findall(r"^ +-> (.+)$", b, re.MULTILINE)]
        assert told
        assert [one for one in told if not one.startswith(tuple(remedies))] == []


def test_the_faults_to_act_on_exist() -> None:
    section = TECHNICIANS.read_text().partition("## The worst faults")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.+?) \|", section, re.MULTILINE)
    codes = {code for row in rows for code in CODE.findall(row)}
    assert len(codes) > 10
    assert codes - KINDS.keys() == set()


def test_every_critical_fault_says_what_to_do_here_too() -> None:
    said = set(CODE.findall(TECHNICIANS.read_text())) - PROGRAMS
    critical = {code for code, kind in KINDS.items() if kind.severity == "critical"}
    assert critical - said == set()


def test_the_button_s_figures_are_the_defaults() -> None:
    section = TECHNICIANS.read_text().partition("## The driver's button")[2].partition("\n## ")[0]
    usual = Trigger()
    assert (usual.last_s, usual.next_s, usual.lease_s) == (600, 120, 7 * 86_400)
    assert (usual.pause_s, usual.per_day, usual.max_percent) == (60, 24, 50)
    said = " ".join(section.split())
    for words in ("last ten minutes", "two minutes that follow", "seven days", "within a minute",
                  "More than 24", "half of what holds may"):  # fmt: skip
        assert words in said
