"""``scripts/bench NAME``: runs a bench; without a name, says which there are."""

import argparse
import asyncio
import dataclasses
import datetime as dt
import os
import platform
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from layover_sim.bench.agent import measured
from layover_sim.bench.figures import as_json, table
from layover_sim.bench.run import Plan

BENCHES = {"agent": "the agent's footprint, scans, lists and throughput, beside its peers'"}


def main() -> int:
    """Runs what the command line names. 0: measured, whether or not the targets are met."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measures the product.")
    commands = parser.add_subparsers(dest="bench", metavar="NAME")
    agent = commands.add_parser("agent", help=BENCHES["agent"])
    agent.add_argument("--json", action="store_true", help="one JSON object as the last line")
    for one in dataclasses.fields(Plan):
        agent.add_argument(
            f"--{one.name.replace('_', '-')}",
            type=type(one.default),
            default=one.default,
            help=f"{one.metadata['help']} ({one.default})",
        )
    arguments = vars(parser.parse_args())
    if arguments.pop("bench") is None:
        for name, text in BENCHES.items():
            print(f"{name:8} {text}")
        return 0
    with_json = arguments.pop("json")
    asyncio.run(_run(Plan(**arguments), with_json=with_json))
    return 0


async def _run(plan: Plan, *, with_json: bool) -> None:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    began_s = time.monotonic()

    def tell(text: str) -> None:
        print(f"{time.monotonic() - began_s:7.1f} s  {text}", file=sys.stderr, flush=True)

    about: dict[str, Any] = {
        "when": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "plan": dataclasses.asdict(plan),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "load_before": os.getloadavg()[0],
    }
    with tempfile.TemporaryDirectory(prefix="layover-bench-") as folder:
        run = await measured(plan, Path(folder), tell)
    about |= {"load_after": os.getloadavg()[0], "missing_peers": run.missing_peers}
    print(table(run.figures))
    print(
        f"\nload of the machine: {about['load_before']:.1f} before, {about['load_after']:.1f} after"
    )
    if with_json:
        print(as_json("agent", run.figures, about), flush=True)


if __name__ == "__main__":
    sys.exit(main())
