"""Commands for whoever stands next to the box: how it is, and what it has."""

import argparse
import asyncio
import datetime as dt
import json
import re
import sys
from pathlib import Path
from typing import Any

from layover_agent import camera_test
from layover_agent.asking import status_of
from layover_agent.cli.places import EXIT_OTHER, config_of, here, with_config
from layover_agent.config import BadConfig
from layover_agent.core.faults import exit_status
from layover_agent.manifest import opened
from layover_agent.triggers import press
from layover_agent.view.cameras import cameras as cameras_text
from layover_agent.view.status import status as status_text
from layover_agent.wire.codec import encode, to_plain
from layover_agent.wire.types import Recording
from layover_agent.wire.version import MEDIA_JSON


def add_to(commands: Any) -> None:
    recordings = commands.add_parser("recordings", help="list what the manifest has")
    recordings.add_argument("--json", action="store_true", help="one JSON document")
    recordings.set_defaults(run=_recordings)

    status = commands.add_parser(
        "status", help="how the box is, worst fault first; needs no central and no running agent"
    )
    status.add_argument("--json", action="store_true", help="one JSON document")
    status.add_argument("--all", action="store_true", help="every consequence of every fault")
    status.set_defaults(run=_status)

    test = commands.add_parser(
        "test-cameras", help="look at the last seconds of each camera, say what is wrong with it"
    )
    test.add_argument("--json", action="store_true", help="one JSON document")
    test.add_argument("--save", type=Path, metavar="DIR", help="save a still of each camera here")
    test.set_defaults(run=_test_cameras)

    hold = commands.add_parser("hold", help="keep what was recorded lately, as the button does")
    hold.add_argument("--last", type=_duration_s, metavar="10m", help="so much of what was before")
    hold.add_argument("--reason", default="by hand", help="why; it is written down")
    hold.set_defaults(run=_hold)

    for command in (recordings, status, test, hold):
        with_config(command)


def _status(arguments: argparse.Namespace) -> int:
    told = asyncio.run(status_of(config_of(arguments)))
    if arguments.json:
        print(encode(told, MEDIA_JSON).decode())
    else:
        print(status_text(told, here(), everything=arguments.all), end="")
    return exit_status(told.faults)


def _test_cameras(arguments: argparse.Namespace) -> int:
    config = config_of(arguments)
    told = asyncio.run(status_of(config))
    late = told.cameras if told.running else ()
    tests = asyncio.run(camera_test.cameras_tested(config, late=late, save=arguments.save))
    if arguments.json:
        print(json.dumps({"cameras": [camera_test.plain(test) for test in tests]}))
    else:
        print(cameras_text(tests, told.clock.wall_ms, here()), end="")
    return camera_test.exit_status(tests)


def _hold(arguments: argparse.Namespace) -> int:
    folder = config_of(arguments).trigger.folder
    if not folder:
        raise BadConfig(
            "trigger.folder is not set: name a folder there that the agent may write in, "
            "and restart the agent"
        )
    press(Path(folder), arguments.reason, arguments.last)
    print("The agent is told; `layover-agent status` shows what it holds.")
    return 0


def _duration_s(text: str) -> int:
    """``90s``, ``10m``, ``2h``; argparse tells what is wrong with anything else."""
    found = re.fullmatch(r"(\d{1,6})([smh])", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r}: write 90s, 10m or 2h")
    return int(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]]


def _recordings(arguments: argparse.Namespace) -> int:
    path = config_of(arguments).data_folder / "manifest.db"
    if not path.exists():
        print("layover-agent: there is no manifest yet; the agent has not run", file=sys.stderr)
        return EXIT_OTHER
    rows = asyncio.run(_all_rows(path))
    if arguments.json:
        print(json.dumps({"recordings": [to_plain(row) for row in rows]}))
        return 0
    for row in rows:
        start = dt.datetime.fromtimestamp(row.start_ms / 1000, dt.UTC)
        marks = " ".join(
            m for m, on in (("held", row.held), ("locked", row.locked), ("damaged", row.damaged))
            if on
        )  # fmt: skip
        seconds = (row.end_ms - row.start_ms) / 1000
        print(
            f"{start:%Y-%m-%dT%H:%M:%SZ} {seconds:8.1f}s {row.size_bytes:12d} "
            f"{row.camera.encode(errors='backslashreplace').decode()!r} {row.state} {marks}"
        )
    return 0


async def _all_rows(path: Path) -> list[Recording]:
    rows: list[Recording] = []
    async with opened(path, read_only=True) as manifest:
        after = 0
        while (page := await manifest.page(manifest.epoch, after, 1000)).rows:
            rows += page.rows
            after = page.rows[-1].seq
    return rows
