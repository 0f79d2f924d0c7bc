"""Commands before there is a configuration: which recorder is this, and write it down."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from layover_agent import setup, unit
from layover_agent.cli.places import CONFIG, DATA_FOLDER, EXIT_OTHER, EXIT_USAGE, here
from layover_agent.clock import SystemClock
from layover_agent.config import BadConfig
from layover_agent.settings import SourceConfig
from layover_agent.sources.folder import OWN_FOLDER
from layover_agent.sources.registry import kinds
from layover_agent.survey import BATCH_FILES, Survey, surveyed
from layover_agent.view.survey import survey as shown

EXIT_NOT_USABLE = 4
"""``check``: an agent cannot run there yet; the last lines say why."""
_ABOUT_FOLDER = (
    "folder", "recorder", "layout", "zone", "time", "camera", "cameras", "database", "deletes_by",
    "holds_folder",
)  # fmt: skip


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
    init.add_argument(
        "--unit", type=Path, nargs="?", const=unit.DROP_IN,
        help=f"write the unit's drop-in for holds, too (default {unit.DROP_IN})",
    )  # fmt: skip
    init.set_defaults(run=_init)


def _about_folder(parser: argparse.ArgumentParser, *, required: bool) -> None:
    parser.add_argument("--folder", required=required, help="where the recorder writes")
    parser.add_argument("--recorder", default="", help="which one it is, if that is known")
    parser.add_argument("--layout", default="", help="a path template, if none is known")
    parser.add_argument("--zone", default="", help="time zone of the names")
    parser.add_argument(
        "--time", default="", choices=["name", "container", "mtime"],
        help="where starts come from, if the names carry no time",
    )  # fmt: skip
    parser.add_argument("--camera", default="", help="a name for files whose names have none")
    parser.add_argument("--cameras", default="", help="cameras to share, with commas; else all")
    parser.add_argument("--database", default="", help="the recorder's database, if it has one")
    parser.add_argument(
        "--deletes-by", default="", choices=["unlink", "overwrite"],
        help="how the recorder makes room, if it is not known for it",
    )  # fmt: skip
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
        print(json.dumps({**asdict(found), "usable": found.usable}))
    else:
        config = "" if found.missing else _config(DATA_FOLDER, holds_folder, found)
        print(shown(found, config, here()), end="")
    return 0 if found.usable else EXIT_NOT_USABLE


def _init(arguments: argparse.Namespace) -> int:
    if (arguments.template is None) == (arguments.folder is None):
        return _usage("say --folder, or --from a template")
    if arguments.template is None:
        holds_folder = _holds_folder(arguments)
        found = _survey(arguments, holds_folder)
        if found.missing:
            print(shown(found, "", here()), end="")
            return EXIT_OTHER
        text = _config(arguments.data_folder, holds_folder, found, arguments.label)
    else:
        said = [name for name in _ABOUT_FOLDER if getattr(arguments, name)]
        if said:
            return _usage(f"a template says all but the label: leave out --{_option(said[0])}")
        if not arguments.label:
            return _usage("say which box this is: --label")
        text = setup.labelled(_template(arguments.template), arguments.label)
    config = setup.install(text, arguments.out, replace=arguments.replace)
    print(f"{arguments.out} is written: {', '.join(one.folder for one in config.sources.values())}")
    if arguments.unit:
        text = unit.drop_in(config)
        arguments.unit.parent.mkdir(parents=True, exist_ok=True)
        arguments.unit.write_text(text, encoding="utf-8")
        print(f"{arguments.unit} is written; now run")
        print("  systemctl daemon-reload && systemctl restart layover-agent")
    return 0


def _usage(why: str) -> int:
    print(f"layover-agent init: {why}", file=sys.stderr)
    return EXIT_USAGE


def _option(name: str) -> str:
    return name.replace("_", "-")


def _config(data_folder: Path, holds_folder: Path, found: Survey, label: str = "") -> str:
    return setup.written(data_folder, holds_folder, {"main": found.source}, label)


def _template(place: Path) -> str:
    try:
        return place.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadConfig(f"{place} is not TOML: it is no UTF-8") from error


def _holds_folder(arguments: argparse.Namespace) -> Path:
    """Beside the recorder's folder, where no clearing of it reaches; in it where that is another
    file system, or the root of them all."""
    if arguments.holds_folder is not None:
        return Path(arguments.holds_folder).absolute()
    folder = Path(arguments.folder).absolute()
    beside = folder.parent
    if str(beside) == beside.anchor or beside.stat().st_dev != folder.stat().st_dev:
        return folder / OWN_FOLDER
    return beside / OWN_FOLDER


def _survey(arguments: argparse.Namespace, holds_folder: Path) -> Survey:
    wish = SourceConfig(
        folder=str(Path(arguments.folder).absolute()),
        recorder=arguments.recorder,
        layout=arguments.layout,
        zone=arguments.zone,
        time=arguments.time,
        camera=arguments.camera,
        database=arguments.database,
        deletes_by=arguments.deletes_by,
        cameras=tuple(one.strip() for one in arguments.cameras.split(",") if one.strip()),
    )
    return surveyed(wish, holds_folder, SystemClock(), _progress)


def _progress(done: int, total: int) -> None:
    """A line that counts, for work that takes a while, and only where somebody watches."""
    if total > BATCH_FILES and sys.stderr.isatty():
        end = "\r\x1b[K" if done == total else ""
        print(f"\r{done} of {total} files{end}", end="", file=sys.stderr, flush=True)
