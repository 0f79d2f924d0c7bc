"""``layover-sim``: the demo, and later whatever else plays the fleet."""

import argparse
import asyncio
import contextlib
import dataclasses
import json
import signal
import sys
import tempfile
from pathlib import Path

from layover_sim.demo.promises import Outcome, broken
from layover_sim.demo.screen import Screen
from layover_sim.demo.stage import staged
from layover_sim.demo.story import Story


def main() -> None:
    """Entry of the command; ends the process with its exit status."""
    parser = argparse.ArgumentParser(prog="layover-sim", description="Plays a fleet.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    demo = commands.add_parser("demo", help="play the main job live, on real parts")
    demo.add_argument("--once", action="store_true", help="end after the story")
    demo.add_argument("--json", action="store_true", help="one JSON object as the last line")
    demo.add_argument("--port", type=int, default=8440, help="port of central's page")
    demo.add_argument("--folder", type=Path, help="keep everything here (default: thrown away)")
    arguments = parser.parse_args()
    sys.exit(asyncio.run(_demo(arguments)))


async def _demo(arguments: argparse.Namespace) -> int:
    """Plays the story; 0 only if every promise was kept."""
    screen = Screen()
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with contextlib.ExitStack() as stack:
        folder = arguments.folder
        if folder is None:
            temporary = tempfile.TemporaryDirectory(prefix="layover-demo-")
            folder = Path(stack.enter_context(temporary))
        async with staged(folder, arguments.port) as stage:
            screen.tell(f"the page is at {stage.central.url}")
            with screen.progress:
                outcome = await Story(stage, screen).play()
            _report(outcome, screen, as_json=arguments.json)
            if not arguments.once and sys.stdin.isatty():
                screen.tell(f"look around at {stage.central.url}; Ctrl-C ends")
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
    return 1 if broken(outcome) else 0


def _report(outcome: Outcome, screen: Screen, *, as_json: bool) -> None:
    for text in broken(outcome):
        screen.tell(f"[red]broken promise[/]: {text}")
    if not broken(outcome):
        screen.tell("[green]every promise was kept[/]")
    if as_json:
        print(json.dumps(dataclasses.asdict(outcome)), flush=True)
