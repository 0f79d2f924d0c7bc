"""What works on this box, found out by doing it: on scratch files, and on one of the recorder's.

Whatever is made is removed again. A link to a recorder's file changes that file's change time,
and nothing else of it. Blocking.
"""

import contextlib
import errno
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from layover_agent.core.holding import NO_PROTECT, Method, explained
from layover_agent.holds import methods
from layover_agent.sources.source import Source

_SCRATCH = ".layover-probe"
_LOOKED_AT = 2000
"""Names that are looked at for a file of the recorder."""
_BYTES = b"layover" * 600


@runtime_checkable
class Protects(Protocol):
    """A source whose recorder can spare a recording."""

    def protect(self, path: str) -> None:
        """Spares it until ``unprotect``. OSError where the recorder does not let us."""

    def unprotect(self, path: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What works between one source and the holds folder."""

    refusals: Mapping[Method, str]
    """Why a method does not work and what to do; one that is missing, works."""
    proven_on: str
    """The recorder's file that was linked for a moment; empty: only scratch files were."""


def capabilities(source: Source, holds_folder: Path) -> Capabilities:
    """Tries every method. Never raises for what the box does not allow."""
    refusals: dict[Method, str] = {}
    if not isinstance(source, Protects):
        refusals[Method.PROTECT] = NO_PROTECT
    sample = _sample(source.folder)
    try:
        with _scratch(holds_folder) as scratch:
            refusals |= _on_scratch(scratch, sample)
            if sample is not None and Method.LINK not in refusals:
                refusals |= _linked(sample, scratch / "sample")
    except FileExistsError:
        return Capabilities({**_all(errno.ENOTDIR), **refusals}, "")
    except OSError as error:
        return Capabilities({**_all(error.errno or 0), **refusals}, "")
    return Capabilities(refusals, str(sample) if sample and Method.LINK not in refusals else "")


def _all(number: int) -> dict[Method, str]:
    """An errno that stops every method of ours."""
    return {m: explained(m, number) for m in (Method.REFLINK, Method.LINK, Method.COPY)}


def _on_scratch(scratch: Path, sample: Path | None) -> dict[Method, str]:
    """Tries the methods within the holds folder, and a reflink from the recorder's file."""
    refusals: dict[Method, str] = {}
    first = scratch / "first"
    try:
        first.write_bytes(_BYTES)
    except OSError as error:
        return _all(error.errno or 0)
    tries: dict[Method, Callable[[int], object]] = {
        Method.REFLINK: lambda handle: methods.reflink(
            handle, scratch / "part", scratch / "clone", 0
        ),
        Method.LINK: lambda handle: methods.link(first, scratch / "link"),
        Method.COPY: lambda handle: methods.copy(
            handle, scratch / "part", scratch / "copy", 10**18 + 10**6, lambda size_bytes: None
        ),
    }
    for method, attempt in tries.items():
        from_recorder = method is Method.REFLINK and sample is not None
        try:
            with _opened(sample if from_recorder and sample else first) as handle:
                attempt(handle)
        except OSError as error:
            number = error.errno or 0
            if method is Method.LINK and number == errno.EPERM:
                # Of its own file the kernel forbids a link to nobody: there are none here.
                number = errno.EOPNOTSUPP
            refusals[method] = explained(method, number)
    return refusals


def _linked(sample: Path, target: Path) -> dict[Method, str]:
    try:
        methods.link(sample, target)
    except FileNotFoundError:
        return {}
    except OSError as error:
        return {Method.LINK: explained(Method.LINK, error.errno or 0)}
    target.unlink()
    return {}


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)


@contextlib.contextmanager
def _scratch(holds_folder: Path) -> Iterator[Path]:
    """A folder for scratch files. FileExistsError where the holds folder is a file."""
    made = not holds_folder.exists()
    if not holds_folder.is_dir():
        holds_folder.mkdir(parents=True)
    folder = holds_folder / f"{_SCRATCH}-{os.getpid()}"
    try:
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
        yield folder
    finally:
        tidy(holds_folder)
        if made:
            with contextlib.suppress(OSError):
                holds_folder.rmdir()


def tidy(holds_folder: Path) -> None:
    """Takes away what a probe that was cut short left: maybe a link to a recorder's file."""
    for left in holds_folder.glob(f"{_SCRATCH}-*"):
        for path in [*left.glob("*"), left]:
            with contextlib.suppress(OSError):
                path.rmdir() if path == left else path.unlink()


def _sample(folder: Path) -> Path | None:
    """A file of the recorder, the smallest of a few: where it lies, what holds must reach."""
    looked_at = 0
    best: tuple[int, Path] | None = None
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            looked_at += 1
            with contextlib.suppress(OSError):
                facts = path.lstat()
                regular = path.is_file() and not path.is_symlink()
                if regular and facts.st_size and (best is None or facts.st_size < best[0]):
                    best = facts.st_size, path
            if looked_at >= _LOOKED_AT:
                return best and best[1]
    return best and best[1]
