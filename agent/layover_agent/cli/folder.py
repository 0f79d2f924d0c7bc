"""Commands before there is a configuration: which recorder is this, and write it down."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from layover_agent import setup
from layover_agent.cli.places import CONFIG, DATA_FOLDER, EXIT_OTHER, EXIT_USAGE, here
from layover_agent.clock import SystemClock
from layover_agent.settings import SourceConfig
from layover_agent.sources.folder import OWN_FOLDER
from layover_agent.sources.registry import kinds
from layover_agent.survey import Survey, surveyed
from layover_agent.view.survey import survey as shown

EXIT_WARNING = 4


def add_to(commands: Any) -> None:
    known = commands.add_parser("recorders", help="list the recorders that are known here")
    known.add_argument("--json", action="store_true", help="one JSON document")
    known.set_defaults(run=_recorders)

    check = commands.add_parser(
        "check", help="look at a recorder's folder: which recorder, what is in it, can it be held"
    )
    _about_folder(check, required=True)
    check.add_argument("--json", action="store_true", help="one JSON document")
    check.set_defaults(run=_check)

    init = commands.add_parser("init", help="write this box's configuration")
    _about_folder(init, required=False)
    init.add_argument("--from", dest="template", type=Path, help="a configuration for many boxes")
    init.add_argument("--label", default="", help="what is written on this box, such as bus-217")
    init.add_argument("--data-folder", type=Path, default=DATA_FOLDER, help="of the agent's own")
    init.add_argument("--out", type=Path, default=CONFIG, help=f"default {CONFIG}")
    init.add_argument("--replace", action="store_true", help="write over the one that is there")
    init.set_defaults(run=_init)


def _about_folder(parser: argparse.ArgumentParser, *, required: bool) -> None:
    parser.add_argument("--folder", required=required, help="where the recorder writes")
    parser.add_argument("--recorder", default="", help="which one it is, if that is known")
    parser.add_argument("--layout", default="", help="a path template, if none is known")
    parser.add_argument("--zone", default="", help="time zone of the names")
    parser.add_argument("--camera", default="", help="a name for files whose names have none")
    parser.add_argument("--cameras", default="", help="cameras to share, with commas; else all")
    parser.add_argument("--database", default="", help="the recorder's database, if it has one")
    parser.add_argument("--holds-folder", type=Path, help="where recordings would be held")


def _recorders(arguments: argparse.Namespace) -> int:
    known = kinds()
    if arguments.json:
        print(json.dumps({"recorders": [asdict(kind) for kind in known]}))
        return 0
    wide = max(len(kind.name) for kind in known)
    for kind in known:
        print(f"{kind.name:<{wide}}  {kind.title}")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    holds_folder = _holds_folder(arguments)
    found = _survey(arguments, holds_folder)
    if arguments.json:
        print(json.dumps(asdict(found)))
    else:
        config = setup.written(DATA_FOLDER, holds_folder, {"main": found.source})
        print(shown(found, config, here()), end="")
    return 0 if found.usable else EXIT_WARNING


def _init(arguments: argparse.Namespace) -> int:
    if (arguments.template is None) == (arguments.folder is None):
        print("layover-agent init: say --folder, or --from a template", file=sys.stderr)
        return EXIT_USAGE
    if arguments.template is not None:
        text = setup.labelled(arguments.template.read_text(), arguments.label)
    else:
        holds_folder = _holds_folder(arguments)
        found = _survey(arguments, holds_folder)
        text = setup.written(arguments.data_folder, holds_folder, {"main": found.source})
        text = setup.labelled(text, arguments.label) if arguments.label else text
        if found.missing:
            print(shown(found, text, here()), end="")
            return EXIT_OTHER
    config = setup.install(text, arguments.out, replace=arguments.replace)
    print(f"{arguments.out} is written: {', '.join(one.folder for one in config.sources.values())}")
    return 0


def _holds_folder(arguments: argparse.Namespace) -> Path:
    """Beside the recorder's folder where that is the same file system, else in it."""
    if arguments.holds_folder is not None:
        return Path(arguments.holds_folder)
    folder = Path(arguments.folder).absolute()
    same = folder.parent.stat().st_dev == folder.stat().st_dev
    return (folder.parent if same else folder) / OWN_FOLDER


def _survey(arguments: argparse.Namespace, holds_folder: Path) -> Survey:
    wish = SourceConfig(
        folder=str(Path(arguments.folder).absolute()),
        recorder=arguments.recorder,
        layout=arguments.layout,
        zone=arguments.zone,
        camera=arguments.camera,
        database=arguments.database,
        cameras=tuple(one for one in arguments.cameras.split(",") if one),
    )

    def progress(done: int, total: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{done} of {total} files", end="\n" if done == total else "", file=sys.stderr)

    return surveyed(wish, holds_folder, SystemClock(), progress)
