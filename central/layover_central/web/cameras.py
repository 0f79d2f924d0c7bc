"""Which cameras a site is known to have, and which of them a person means."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from layover_central.core.labels import display_name, fold, nearest
from layover_central.errors import Kind, LayoverError
from layover_central.outlook import last_status
from layover_central.store import mirror
from layover_central.store.sites import Site


async def known_cameras(connection: AsyncConnection, site: Site) -> list[str]:
    """By the mirror and by the last status, which knows cameras that closed nothing yet."""
    names = {extent.camera for extent in await mirror.cameras(connection, site.id)}
    status = last_status(site)
    if status is not None:
        names |= {camera.name for camera in status.cameras}
    return sorted(names)


def match_camera(name: str, known: Sequence[str], label: str) -> tuple[str, str]:
    """The camera meant, and a note where its name was not typed as it is.

    Exactly, as it is shown, or in another case if only one fits: never a guess. BAD_INPUT with
    the nearest names otherwise.
    """
    if name in known:
        return name, ""
    for same in (_shown_alike, _folded_alike):
        fitting = [camera for camera in known if same(camera, name)]
        if len(fitting) == 1:
            return fitting[0], f"{label}: {name!r} was taken as {display_name(fitting[0])!r}"
        if fitting:
            shown = ", ".join(repr(display_name(camera)) for camera in fitting)
            raise LayoverError(
                Kind.BAD_INPUT,
                f"cameras: {name!r} may mean any of {shown} at {label}",
                "Write the name exactly.",
            )
    near = [display_name(camera) for camera in nearest(name, known) or known[:3]]
    raise LayoverError(
        Kind.BAD_INPUT,
        f"cameras: {label} has no camera {name!r}",
        f"Did you mean {', '.join(near)}?",
    )


def _shown_alike(camera: str, name: str) -> bool:
    return display_name(camera) == name


def _folded_alike(camera: str, name: str) -> bool:
    return fold(camera) == fold(name)
