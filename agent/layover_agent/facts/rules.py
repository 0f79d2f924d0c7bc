"""By which rules a recorder deletes: as configured, or else as learned from what it deleted."""

from collections.abc import Iterable

from layover_agent.core.retention import Learned
from layover_agent.settings import SourceConfig
from layover_agent.wire.types import Retention


def rules(source: str, config: SourceConfig, learned: Iterable[Learned]) -> list[Retention]:
    """What is configured is not learned over."""
    told = []
    if config.max_bytes:
        told.append(Retention(source=source, kind="ring", max_bytes=config.max_bytes))
    if config.max_age_s:
        told.append(
            Retention(
                source=source,
                kind="age",
                max_age_s=config.max_age_s,
                age_from=config.age_from or "start",
            )
        )
    if config.min_free_bytes:
        told.append(Retention(source=source, kind="floor", min_free_bytes=config.min_free_bytes))
    return told or [_of_learned(source, rule) for rule in learned]


def _of_learned(source: str, rule: Learned) -> Retention:
    """The parameter in its careful reading: the one that deletes earlier."""
    per = 1000 if rule.kind == "age" else 1
    return Retention(
        source=source,
        kind=rule.kind,
        max_bytes=rule.lo if rule.kind == "ring" else 0,
        max_age_s=rule.lo // per if rule.kind == "age" else 0,
        age_from=rule.age_from or "start",
        min_free_bytes=rule.hi if rule.kind == "floor" else 0,
        camera=rule.camera,
        exempt_locked=rule.exempt_locked,
        learned=True,
        lo=rule.lo // per,
        hi=-(-rule.hi // per),
        support=rule.support,
        contradictions=rule.contradictions,
        rivals=list(rule.rivals),
    )
