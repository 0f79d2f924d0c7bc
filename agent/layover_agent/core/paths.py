"""The one check between a stored path and a file that is opened."""


class UnsafePath(ValueError):
    """A path that would leave its folder."""


def inside(path: str) -> str:
    """A path relative to a source's folder, unchanged, if it stays inside. UnsafePath if not."""
    parts = path.split("/")
    if not path or "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise UnsafePath(f"{path[:200]!r} leaves its folder")
    return path
