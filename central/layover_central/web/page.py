"""The one plain page, and the files it is made of: ours, from here, nothing from elsewhere."""

from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.staticfiles import StaticFiles

from layover_central import __version__

HERE = Path(__file__).parent

router = APIRouter(include_in_schema=False)
_templates = Environment(
    loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined
)


@router.get("/")
async def page() -> HTMLResponse:
    html = _templates.get_template("index.html").render(version=__version__)
    return HTMLResponse(html, headers={"cache-control": "no-cache"})


def mount_static(app: FastAPI) -> None:
    app.mount("/static", StaticFiles(directory=HERE / "static"))
