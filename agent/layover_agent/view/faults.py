"""The page of all faults, made from their declaration."""

import re

from layover_agent.core.fault_kinds import KINDS, Kind
from layover_agent.core.faults import EXIT_CRITICAL, EXIT_WARNING

_HEAD = f"""# Faults of a box

What `layover-agent status` and central may say is wrong with a box, the worst first. Each fault
says since when it has been there and what to do. What comes of another fault is folded under it
("and 8 more because of this"), and a fault is as bad as the worst that comes of it.

Critical: recordings are being lost, or a promise is broken. Warning: they may be lost soon,
somebody should come. Notice: good to know. `status`, `check` and `test-cameras` end with
{EXIT_CRITICAL} where something critical is wrong, {EXIT_WARNING} for a warning, and 0 otherwise;
1, 2 and 3 mean that the command itself failed, was misused, or that the box is not enrolled.

Made from the code by `scripts/docs`; change it there.

| code | severity | what is wrong | what to do | comes of |
|---|---|---|---|---|
"""


def reference() -> str:
    """docs/reference/faults.md, whole."""
    return _HEAD + "".join(_row(kind) for kind in KINDS.values())


def _row(kind: Kind) -> str:
    causes = ", ".join(f"`{code}`" for code in kind.because)
    what = f"**{kind.title}.** {_spelt(kind.text)}"
    return f"| `{kind.code}` | {kind.severity} | {what} | {_spelt(kind.remedy)} | {causes} |\n"


def _spelt(template: str) -> str:
    """A template with its places as capitals, as the commands' help has them."""
    return re.sub(r"\{(\w+)\}", lambda found: found[1].upper(), template).replace("|", "\\|")
