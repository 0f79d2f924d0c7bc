"""Every command with its options, as Markdown: ``python -m layover_central.cli.reference``."""

from typing import Any

from typer.main import get_command

from layover_central.cli import app


def reference() -> str:
    lines: list[str] = []
    _describe(get_command(app), "layover", lines)
    return "\n".join(lines).rstrip() + "\n"


def _describe(command: Any, name: str, lines: list[str]) -> None:
    """One command, or every command of a group that is not hidden."""
    children = getattr(command, "commands", None)
    if children is not None:
        for child in sorted(children):
            if not children[child].hidden:
                _describe(children[child], f"{name} {child}", lines)
        return
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    usage = " ".join([name, *(str(p.name).upper() for p in arguments)])
    lines += [f"## `{usage}`", "", " ".join((command.help or "").split()), ""]
    options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
    if options:
        lines += ["| option | meaning |", "|---|---|"]
        lines += [
            f"| `{'`, `'.join([*p.opts, *p.secondary_opts])}` | {p.help or ''} |" for p in options
        ]
        lines.append("")


if __name__ == "__main__":
    print(reference(), end="")
