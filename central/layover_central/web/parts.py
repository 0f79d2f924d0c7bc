"""What every router hands out: central, and input errors that name their field."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import Depends, Path, Request

from layover_central.context import Central
from layover_central.errors import Kind, LayoverError

API = "/api/v1"
MAX_ID = (1 << 63) - 1


def _central(request: Request) -> Central:
    central: Central = request.app.state.central
    return central


Here = Annotated[Central, Depends(_central)]
Id = Annotated[int, Path(ge=1, le=MAX_ID)]


@contextmanager
def naming(field: str) -> Iterator[None]:
    """A ValueError raised inside becomes BAD_INPUT that names the field."""
    try:
        yield
    except ValueError as error:
        raise LayoverError(
            Kind.BAD_INPUT, f"{field}: {error}", str(getattr(error, "hint", ""))
        ) from error
