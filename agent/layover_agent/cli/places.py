"""What the commands share: exit statuses, the configuration's place, an option for it."""

import argparse
import datetime as dt
from pathlib import Path

from layover_agent.config import load
from layover_agent.settings import Config

EXIT_OTHER, EXIT_USAGE, EXIT_NOT_ENROLLED = 1, 2, 3
CONFIG = Path("/etc/layover-agent/box.toml")
DATA_FOLDER = Path("/var/lib/layover-agent")


def with_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, default=CONFIG, help=f"the box's TOML file (default {CONFIG})"
    )


def config_of(arguments: argparse.Namespace) -> Config:
    return load(arguments.config)


def here() -> dt.tzinfo:
    """The zone of whoever reads the terminal."""
    return dt.datetime.now(dt.UTC).astimezone().tzinfo or dt.UTC
