import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from central.cli.conftest import Run, command, process
from typer.main import get_command

from layover_central import __version__
from layover_central.cli import app
from layover_central.cli.reference import reference

MADE_OR_SHOWN = [
    *("depot add", "depot set", "depot list", "depots", "site add", "site set", "site expect"),
    *("site show", "site list", "sites", "site recordings", "request", "requests", "show", "stop"),
    *("warnings", "status"),
]


def commands(command: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every command that does something, hidden ones too."""
    children = getattr(command, "commands", None)
    if children is None:
        yield name.strip(), command
        return
    for child, found in children.items():
        yield from commands(found, f"{name} {child}")


COMMANDS = dict(commands(get_command(app)))


def options(command: Any) -> set[str]:
    return {
        spelling
        for parameter in command.params
        if parameter.param_type_name == "option" and parameter.name != "help"
        for spelling in (*parameter.opts, *parameter.secondary_opts)
    }


def test_the_version_is_told(anywhere: Run) -> None:
    assert anywhere("--version").out == f"layover {__version__}\n"


@pytest.mark.parametrize("name", ["watch", "serve", "site enrol", *MADE_OR_SHOWN])
def test_the_commands_are_there(name: str) -> None:
    assert name in COMMANDS


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_help_has_an_example(anywhere: Run, name: str) -> None:
    out = " ".join(anywhere(*name.split(), "--help").out.split())
    example = "" if name in ("sites", "depots") else f" {name}"
    assert f"Example: layover{example}" in out


@pytest.mark.parametrize("name", MADE_OR_SHOWN)
def test_what_lists_shows_or_makes_speaks_json(name: str) -> None:
    assert "--json" in options(COMMANDS[name])


def test_a_mistyped_command_is_a_usage_error(anywhere: Run) -> None:
    result = anywhere("reqeust")
    assert result.code == 2
    assert "reqeust" in result.err


def test_a_shell_can_complete_commands() -> None:
    done = subprocess.run(
        [os.path.join(os.path.dirname(sys.executable), "layover")],
        env=os.environ
        | {"_LAYOVER_COMPLETE": "complete_bash", "COMP_WORDS": "layover req", "COMP_CWORD": "1"},
        capture_output=True,
        timeout=60,
    )
    assert done.stdout.split() == [b"request", b"requests"]


def test_the_reference_has_every_command_and_option() -> None:
    text = reference()
    for name, found in COMMANDS.items():
        if found.hidden:
            continue
        heading = rf"^## `layover {name}(?: [A-Z_ ]+)?`$"
        (section,) = re.findall(heading + r"(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
        for spelling in options(found):
            assert f"`{spelling}`" in section, (name, spelling)


def test_the_reference_is_the_same_wherever_it_is_made() -> None:
    narrow = subprocess.run(
        [sys.executable, "-m", "layover_central.cli.reference"],
        env=os.environ | {"COLUMNS": "30", "LAYOVER_URL": "http://elsewhere", "TERM": "dumb"},
        capture_output=True,
        check=True,
        timeout=60,
        encoding="utf-8",
    )
    assert narrow.stdout == reference()
    assert narrow.stderr == ""


def test_the_heavy_parts_are_loaded_only_to_serve() -> None:
    check = (
        "import sys, layover_central.cli; "
        "print([m for m in ('sqlalchemy', 'fastapi', 'uvicorn') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, check=True, timeout=60
    )
    assert done.stdout.strip() == b"[]"


def test_the_module_runs_as_the_command() -> None:
    assert process("--version").out == f"layover {__version__}\n"
    assert command()[1:] == ["-m", "layover_central.cli"]
