"""Which recorder a source is: a template, or an adapter that a package offers by entry point.

A package offers one in its metadata, group ``layover_agent.sources``: the name that stands in
``recorder = "..."``, and what is called with (source's name, its config) and gives a ``Source``.
Only the adapter that is asked for is ever imported.
"""

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from layover_agent import recorders
from layover_agent.config import BadConfig
from layover_agent.settings import SourceConfig
from layover_agent.sources.source import Source
from layover_agent.sources.template import TemplateSource

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "layover_agent.sources"
_METHODS = ("entries", "entry", "named", "examine", "open", "closed")


@dataclass(frozen=True, slots=True)
class Kind:
    """A recorder that can stand in ``recorder = "..."``."""

    name: str
    title: str
    package: str
    """The package that brings it."""


def kinds() -> list[Kind]:
    """Every recorder that is known here, by name; nothing is imported for it."""
    known = [Kind(name, one.title, "layover") for name, one in recorders.known().items()]
    offered = [Kind(one.name, one.value, _package(one)) for one in _offers()]
    return sorted({*known, *offered}, key=lambda kind: (kind.name, kind.package))


def reference() -> str:
    """The recorders that Layover itself brings, as a Markdown table."""
    rows = ["| `recorder` | what it is | zone | deletes by | to know |", "|---|---|---|---|---|"]
    for name, one in sorted(recorders.known().items()):
        zone = "say which" if one.asks_zone else one.zone or "not needed"
        notes = " ".join(one.notes)
        rows.append(f"| `{name}` | {one.title} | {zone} | {one.deletes_by} | {notes} |")
    return "\n".join(rows) + "\n"


def made(name: str, config: SourceConfig) -> Source:
    """The source that a section of the configuration describes. BadConfig where it cannot be."""
    ours = config.recorder in recorders.known() or not config.recorder
    offers = () if ours else _offers(config.recorder)
    where = f"sources.{name}.recorder = {config.recorder!r}"
    if not offers:
        if not ours:
            known = {kind.name for kind in kinds()}
            near = difflib.get_close_matches(config.recorder, known, n=1, cutoff=0.4)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}"
            raise BadConfig(f"{where} is not known here; {hint}")
        return TemplateSource(name, config)
    if len(offers) > 1:
        packages = " and ".join(sorted(_package(one) for one in offers))
        raise BadConfig(f"{where} is offered by {packages}: remove one of them")
    return _adapted(offers[0], name, config, where)


def _offers(name: str | None = None) -> "tuple[EntryPoint, ...]":
    from importlib.metadata import entry_points  # large, and few boxes have an adapter

    return tuple(one for one in entry_points(group=GROUP) if name in (None, one.name))


def _adapted(offer: "EntryPoint", name: str, config: SourceConfig, where: str) -> Source:
    package = _package(offer)
    try:
        source: Source = offer.load()(name, config)
    except BadConfig:
        raise
    except Exception as error:
        raise BadConfig(
            f"{where}: {offer.value} of {package} failed ({type(error).__name__}: {error}); "
            f"install a version of {package} that fits this agent"
        ) from error
    missing = [method for method in _METHODS if not callable(getattr(source, method, None))]
    if missing:
        raise BadConfig(
            f"{where}: {offer.value} of {package} is no source, it lacks {', '.join(missing)}; "
            f"install a version of {package} that fits this agent"
        )
    return source


def _package(offer: "EntryPoint") -> str:
    return offer.dist.name if offer.dist is not None else offer.module
