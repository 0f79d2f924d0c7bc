"""Every command of the agent as Markdown, from its own declaration."""

import argparse

from layover_agent import cli


def reference() -> str:
    parts = []
    for name, command in _commands(cli.parser()).items():
        rows = [
            f"| `{_spelt(action)}` | {(action.help or '').replace('|', chr(92) + '|')} |"
            for action in command._actions
            if not isinstance(action, argparse._HelpAction)
        ]
        head = ["", "| argument | meaning |", "|---|---|", *rows] if rows else []
        parts.append("\n".join([f"## layover-agent {name}", "", _help_of(name), *head]))
    return "\n\n".join(parts) + "\n"


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    (group,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return dict(group.choices)


def _help_of(name: str) -> str:
    (group,) = (a for a in cli.parser()._actions if isinstance(a, argparse._SubParsersAction))
    text = next(str(one.help) for one in group._choices_actions if one.dest == name)
    return f"{text[0].upper()}{text[1:]}."


def _spelt(action: argparse.Action) -> str:
    name = ", ".join(action.option_strings) or str(action.metavar or action.dest)
    takes = action.option_strings and action.nargs != 0
    return f"{name} {action.metavar or action.dest.upper()}" if takes else name
