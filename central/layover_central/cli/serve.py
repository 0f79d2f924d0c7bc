"""``layover serve``: central itself."""

import asyncio
import dataclasses
import logging
import os
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from layover_central.config import Settings, from_environment
from layover_central.core.timetable import BadTimetable, Timetable
from layover_central.errors import Kind, LayoverError

_HELP = {item.name: item.metadata["help"] for item in dataclasses.fields(Settings)}


LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


def _option(name: str) -> Any:
    return typer.Option(help=_HELP[name], show_default=False)


def serve(
    data: Annotated[Path | None, _option("data")] = None,
    host: Annotated[str | None, _option("host")] = None,
    port: Annotated[int | None, _option("port")] = None,
    tls_certificate: Annotated[str | None, _option("tls_certificate")] = None,
    tls_key: Annotated[str | None, _option("tls_key")] = None,
    archive: Annotated[str | None, _option("archive")] = None,
    database: Annotated[str | None, _option("database")] = None,
    global_cap: Annotated[str | None, _option("global_cap")] = None,
    discover: Annotated[bool | None, typer.Option(help=_HELP["discover"])] = None,
    log_level: Annotated[LogLevel, typer.Option(help="What the log tells.")] = "INFO",
) -> None:
    """Run central. Example: layover serve --data /var/lib/layover

    Every setting can also be given as LAYOVER_NAME in the environment.
    """
    # The web stack is heavy and only this command needs it.
    from layover_central.app import serve as run

    logging.basicConfig(level=log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for chatty, least in (("httpx", "WARNING"), ("alembic", "WARNING"), ("zeroconf", "ERROR")):
        logging.getLogger(chatty).setLevel(least)
    settings = _settings(
        data=data,
        host=host,
        port=port,
        tls_certificate=tls_certificate,
        tls_key=tls_key,
        archive=archive,
        database=database,
        global_cap=global_cap,
        discover=discover,
    )
    where = f"{'https' if settings.tls_certificate else 'http'}://{settings.host}:{settings.port}"
    logging.getLogger("layover").info("the page is at %s", where)
    asyncio.run(run(settings))


def _settings(**flags: Any) -> Settings:
    """Flags win over the environment, the environment over defaults. BAD_INPUT otherwise."""
    given = {name: value for name, value in flags.items() if value is not None}
    if "data" not in given and "LAYOVER_DATA" not in os.environ:
        raise LayoverError(
            Kind.BAD_INPUT, "no data folder is given", "layover serve --data DIR, or LAYOVER_DATA."
        )
    settings = dataclasses.replace(from_environment(Settings(data=Path())), **given)
    if not 0 < settings.port < 1 << 16:
        raise LayoverError(Kind.BAD_INPUT, f"{settings.port} is no port from 1 to 65535")
    try:
        Timetable.parse(settings.global_cap, "UTC")
    except BadTimetable as error:
        raise LayoverError(Kind.BAD_INPUT, f"the global cap: {error}") from error
    return settings
