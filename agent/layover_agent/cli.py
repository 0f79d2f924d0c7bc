"""``layover-agent``: the agent's command line, for the box and for whoever stands next to it."""

import argparse
import asyncio
import datetime as dt
import json
import logging
import sqlite3
import sys
from pathlib import Path

from layover_agent import __version__, app, config
from layover_agent.config import BadConfig
from layover_agent.errors import NotEnrolled
from layover_agent.identity import BadBundle
from layover_agent.manifest import opened
from layover_agent.settings import Config
from layover_agent.wire.codec import to_plain
from layover_agent.wire.identity import spoken
from layover_agent.wire.types import Recording

EXIT_OTHER, EXIT_USAGE, EXIT_NOT_ENROLLED = 1, 2, 3


def main() -> None:
    """Entry of the command; ends the process with its exit status."""
    arguments = _parser().parse_args()
    logging.basicConfig(
        level=getattr(arguments, "log_level", "INFO"),
        format="%(asctime)s %(levelname)s %(message)s",
        stream=sys.stderr,
    )
    # An interface without a route is no news; what matters of mDNS is told as a fault.
    logging.getLogger("zeroconf").setLevel(logging.ERROR)
    try:
        sys.exit(arguments.run(arguments))
    except (BadConfig, BadBundle) as error:
        print(f"layover-agent: {error}", file=sys.stderr)
        sys.exit(EXIT_USAGE)
    except sqlite3.Error as error:
        print(f"layover-agent: the manifest cannot be used: {error}", file=sys.stderr)
        sys.exit(EXIT_OTHER)
    except OSError as error:
        print(f"layover-agent: {error}", file=sys.stderr)
        sys.exit(EXIT_OTHER)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="layover-agent", description="Says what recordings are on this box, and serves them."
    )
    parser.add_argument("--version", action="version", version=f"layover-agent {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run the agent until it is told to stop")
    run.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    run.set_defaults(run=_run)

    identity = commands.add_parser("identity", help="show who this box is; make its key if needed")
    identity.add_argument("--csr", type=Path, help="write a certificate request for central here")
    identity.set_defaults(run=_identity)

    enrol = commands.add_parser("enrol", help="take the certificate that central made")
    enrol.add_argument("bundle", type=Path, help="the file from `layover site enrol`")
    enrol.add_argument("--replace", action="store_true", help="leave the present fleet for this")
    enrol.set_defaults(run=_enrol)

    recordings = commands.add_parser("recordings", help="list what the manifest has")
    recordings.add_argument("--json", action="store_true", help="one JSON document")
    recordings.set_defaults(run=_recordings)

    for command in (run, identity, enrol, recordings):
        command.add_argument("--config", type=Path, required=True, help="the box's TOML file")

    settings = commands.add_parser("settings", help="print every setting with its meaning")
    settings.set_defaults(run=_settings)
    return parser


def _config(arguments: argparse.Namespace) -> Config:
    return config.load(arguments.config)


def _run(arguments: argparse.Namespace) -> int:
    try:
        asyncio.run(app.run(_config(arguments)))
    except NotEnrolled:
        print(
            "layover-agent: this box has no certificate of a fleet yet. Run\n"
            f"  layover-agent identity --config {arguments.config} --csr box.csr\n"
            "take box.csr to central, there run\n"
            "  layover site enrol LABEL --csr box.csr --out box.pem\n"
            "take box.pem back here and run\n"
            f"  layover-agent enrol --config {arguments.config} box.pem",
            file=sys.stderr,
        )
        return EXIT_NOT_ENROLLED
    return 0


def _identity(arguments: argparse.Namespace) -> int:
    identity = app.identity_of(_config(arguments))
    print(f"{spoken(identity.id)}  ({'enrolled' if identity.enrolled else 'not enrolled yet'})")
    if arguments.csr is not None:
        arguments.csr.write_bytes(identity.certificate_request())
    return 0


def _enrol(arguments: argparse.Namespace) -> int:
    identity = app.identity_of(_config(arguments))
    identity.install(arguments.bundle.read_bytes(), replace=arguments.replace)
    print(f"{spoken(identity.id)} is enrolled")
    return 0


def _recordings(arguments: argparse.Namespace) -> int:
    path = _config(arguments).data_folder / "manifest.db"
    if not path.exists():
        print("layover-agent: there is no manifest yet; the agent has not run", file=sys.stderr)
        return EXIT_OTHER
    rows = asyncio.run(_all_rows(path))
    if arguments.json:
        print(json.dumps({"recordings": [to_plain(row) for row in rows]}))
        return 0
    for row in rows:
        start = dt.datetime.fromtimestamp(row.start_ms / 1000, dt.UTC)
        marks = " ".join(m for m, on in (("held", row.held), ("damaged", row.damaged)) if on)
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


def _settings(_arguments: argparse.Namespace) -> int:
    print(config.reference(), end="")
    print(f"\nEvery setting can be given as {config.PREFIX}SECTION__KEY in the environment.")
    return 0
