"""The web app: routers, problems, guard and page put together."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from layover_central import __version__
from layover_central.archive.files import Archive
from layover_central.context import Central
from layover_central.web import (
    depots,
    events,
    page,
    problems,
    recordings,
    requests,
    sites,
    status,
    warnings,
)
from layover_central.web.access_key import access_key
from layover_central.web.guard import Guard, is_loopback
from layover_central.web.parts import API
from layover_central.web.reads import Extents

DESCRIPTION = """\
Retrieves footage from vehicles before it is overwritten. Times are RFC 3339 with an offset,
sizes bytes, rates bits per second. Every refusal and failure is `application/problem+json`
with a `code` from a closed set and a `hint`."""

TAGS = [
    {"name": "status", "description": "Central at a glance."},
    {"name": "depots", "description": "Named places whose link is shared."},
    {"name": "sites", "description": "The boxes: who they are, what was last known of each."},
    {"name": "requests", "description": "What people want, and what became of it."},
    {"name": "recordings", "description": "What sites have, and what is in the archive."},
    {"name": "warnings", "description": "Footage that may be overwritten before it is saved."},
    {"name": "events", "description": "News of changes."},
]


def create_app(central: Central) -> FastAPI:
    """The app that serves ``central``. Away from loopback it makes and asks for a key."""
    app = bare_app()
    app.state.central = central
    app.state.archive = Archive(central.settings.archive_folder)
    app.state.extents = Extents()
    app.state.streams = events.Streams()
    host = central.settings.host
    key = None if is_loopback(host) else access_key(central.settings.data)
    app.add_middleware(Guard, host=host, access_key=key)
    return app


def bare_app() -> FastAPI:
    """Routes and descriptions without a central behind them."""
    app = FastAPI(
        title="Layover",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{API}/openapi.json",
    )
    for module in (status, depots, sites, requests, recordings, warnings, events):
        app.include_router(module.router, prefix=API)
    app.include_router(status.health)
    app.include_router(page.router)
    page.mount_static(app)
    problems.install(app)

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(
                title=app.title,
                version=app.version,
                description=DESCRIPTION,
                routes=app.routes,
                tags=TAGS,
            )
            problems.describe(schema)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
    return app
