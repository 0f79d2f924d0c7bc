"""Paths and names of a file system: what may be opened, and what can be told."""


class UnsafePath(ValueError):
    """A path that would leave its folder."""


def inside(path: str) -> str:
    """A path relative to a source's folder, unchanged, if it stays inside. UnsafePath if not."""
    parts = path.split("/")
    if not path or "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise UnsafePath(f"{path[:200]!r} leaves its folder")
    return path


def shown(name: str) -> str:
    """A name of the file system as it can travel: bytes that are no UTF-8 are spelt out."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
