"""``layover``: the command line, a client of the API."""

import io
import logging
import sys
from typing import Annotated

import typer

from layover_central import __version__
from layover_central.cli import depots, requests, sites
from layover_central.cli.client import fail
from layover_central.cli.serve import serve
from layover_central.cli.status import status
from layover_central.cli.watch import watch
from layover_central.errors import Kind, LayoverError

log = logging.getLogger(__name__)

app = typer.Typer(
    name="layover",
    help="Gets video off vehicles before it is overwritten.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(depots.app, name="depot")
app.add_typer(sites.app, name="site")
app.command("serve")(serve)
app.command("request")(requests.request)
app.command("requests")(requests.listing)
app.command("show")(requests.one)
app.command("stop")(requests.stop)
app.command("warnings")(requests.warnings)
app.command("status")(status)
app.command("watch")(watch)
app.command("sites", hidden=True)(sites.listing)
app.command("depots", hidden=True)(depots.listing)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"layover {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Entry of the command; every error is one line, a hint and an exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        app()
    except LayoverError as error:
        fail(error)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        log.debug("an answer nobody foresaw", exc_info=error)
        fail(
            LayoverError(
                Kind.MALFORMED,
                f"something nobody foresaw ({type(error).__name__}: {error})",
                "Is it central that answers there, and of this command's version?",
            )
        )
