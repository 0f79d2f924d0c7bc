"""Commands of the agent itself: run it, say who it is, make it part of a fleet."""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any

from layover_agent import app
from layover_agent.cli.places import EXIT_NOT_ENROLLED, config_of, with_config
from layover_agent.errors import NotEnrolled
from layover_agent.memory import few_heaps
from layover_agent.wire.identity import spoken


def add_to(commands: Any) -> None:
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

    for command in (run, identity, enrol):
        with_config(command)


def _run(arguments: argparse.Namespace) -> int:
    few_heaps()
    try:
        asyncio.run(app.run(config_of(arguments)))
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
    identity = app.identity_of(config_of(arguments))
    print(f"{spoken(identity.id)}  ({'enrolled' if identity.enrolled else 'not enrolled yet'})")
    if arguments.csr is not None:
        arguments.csr.write_bytes(identity.certificate_request())
    return 0


def _enrol(arguments: argparse.Namespace) -> int:
    identity = app.identity_of(config_of(arguments))
    identity.install(arguments.bundle.read_bytes(), replace=arguments.replace)
    print(f"{spoken(identity.id)} is enrolled")
    return 0
