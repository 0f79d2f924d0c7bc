"""``layover serve``: central itself."""

import asyncio
import dataclasses
import logging
from pathlib import Path
from typing import Annotated, Any

import typer

from layover_central.config import Settings, from_environment

_HELP = {item.name: item.metadata["help"] for item in dataclasses.fields(Settings)}


def _option(name: str) -> Any:
    return typer.Option(help=_HELP[name], show_default=False)


def serve(
    data: Annotated[Path, _option("data")],
    host: Annotated[str | None, _option("host")] = None,
    port: Annotated[int | None, _option("port")] = None,
    tls_certificate: Annotated[str | None, _option("tls_certificate")] = None,
    tls_key: Annotated[str | None, _option("tls_key")] = None,
    archive: Annotated[str | None, _option("archive")] = None,
    database: Annotated[str | None, _option("database")] = None,
    global_cap: Annotated[str | None, _option("global_cap")] = None,
    discover: Annotated[bool | None, typer.Option(help=_HELP["discover"])] = None,
    log_level: Annotated[str, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = "INFO",
) -> None:
    """Run central. Example: layover serve --data /var/lib/layover

    Every setting can also be given as LAYOVER_NAME in the environment.
    """
    # The web stack is heavy and only this command needs it.
    from layover_central.app import serve as run

    logging.basicConfig(
        level=log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    given = {
        "data": data,
        "host": host,
        "port": port,
        "tls_certificate": tls_certificate,
        "tls_key": tls_key,
        "archive": archive,
        "database": database,
        "global_cap": global_cap,
        "discover": discover,
    }
    flags: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    settings = dataclasses.replace(from_environment(Settings(data=data)), **flags)
    where = f"{'https' if settings.tls_certificate else 'http'}://{settings.host}:{settings.port}"
    logging.getLogger("layover").info("the page is at %s", where)
    asyncio.run(run(settings))
