"""``layover-agent``: the agent's command line, for the box and for whoever stands next to it."""

import argparse
import logging
import sqlite3
import sys

from layover_agent import __version__, config
from layover_agent.cli import agent, box, folder
from layover_agent.cli.places import EXIT_OTHER, EXIT_USAGE
from layover_agent.config import BadConfig
from layover_agent.identity import BadBundle


def main() -> None:
    """Entry of the command; ends the process with its exit status."""
    arguments = parser().parse_args()
    logging.basicConfig(
        level=getattr(arguments, "log_level", "WARNING"),
        format="%(asctime)s %(levelname)s %(message)s",
        stream=sys.stderr,
    )
    # An interface without a route is no news; what matters of mDNS is told as a fault.
    logging.getLogger("zeroconf").setLevel(logging.ERROR)
    # It would print every value that is stored.
    logging.getLogger("aiosqlite").setLevel(logging.INFO)
    try:
        sys.exit(arguments.run(arguments))
    except (BadConfig, BadBundle) as error:
        print(f"layover-agent: {error}", file=sys.stderr)
        sys.exit(EXIT_USAGE)
    except sqlite3.Error as error:
        print(f"layover-agent: the manifest cannot be used: {error}", file=sys.stderr)
        sys.exit(EXIT_OTHER)
    except BrokenPipeError:
        sys.exit(EXIT_OTHER)
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        print(f"layover-agent: {what}", file=sys.stderr)
        sys.exit(EXIT_OTHER)
    except KeyboardInterrupt:
        sys.exit(130)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="layover-agent", description="Says what recordings are on this box, and serves them."
    )
    made.add_argument("--version", action="version", version=f"layover-agent {__version__}")
    commands = made.add_subparsers(required=True, metavar="COMMAND")
    folder.add_to(commands)
    agent.add_to(commands)
    box.add_to(commands)
    settings = commands.add_parser("settings", help="print every setting with its meaning")
    settings.set_defaults(run=_settings)
    return made


def _settings(_arguments: argparse.Namespace) -> int:
    print(config.reference(), end="")
    print(f"\nEvery setting can be given as {config.PREFIX}SECTION__KEY in the environment.")
    return 0
