"""The access key: what a browser or program elsewhere must know to speak to central."""

import os
import secrets
import tempfile
from pathlib import Path

from layover_central.errors import Kind, LayoverError


def access_key(data: Path) -> str:
    """The key in ``<data>/access-key``, made at the first call and readable by us alone."""
    path = data / "access-key"
    try:
        key = path.read_text().strip() if path.exists() else ""
        if not key:
            key = secrets.token_urlsafe(24)
            data.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=data)
            with os.fdopen(handle, "w") as file:
                file.write(f"{key}\n")
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).rename(path)
    except (OSError, UnicodeDecodeError) as error:
        raise LayoverError(Kind.STORAGE, f"the access key cannot be kept: {error}") from error
    return key
