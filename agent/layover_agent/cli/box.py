"""Commands for whoever stands next to the box: how it is, and what it has."""

import argparse
import asyncio
import datetime as dt
import json
import sys
from pathlib import Path
from typing import Any

from layover_agent.cli.places import EXIT_OTHER, config_of, with_config
from layover_agent.manifest import opened
from layover_agent.wire.codec import to_plain
from layover_agent.wire.types import Recording


def add_to(commands: Any) -> None:
    recordings = commands.add_parser("recordings", help="list what the manifest has")
    recordings.add_argument("--json", action="store_true", help="one JSON document")
    recordings.set_defaults(run=_recordings)
    for command in (recordings,):
        with_config(command)


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
