"""Searches for bytes that break one of the harnesses, led by coverage; needs atheris.

    PYTHONPATH=agent:tests python tests/fuzz/run.py mp4 --seconds 600 --corpus /tmp/corpus

What it finds is written beside the corpus as ``crash-…``; run it with that file to see it again.
"""

import argparse
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["layover_agent"]):
    from fuzz.harnesses import HARNESSES
from fuzz.seeds import SEEDS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("harness", choices=sorted(HARNESSES))
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--corpus", type=Path, required=True, help="folder to keep findings in")
    parser.add_argument("--crash", type=Path, help="run one file only")
    chosen = parser.parse_args()
    if chosen.crash:
        HARNESSES[chosen.harness](chosen.crash.read_bytes())
        return
    folder = chosen.corpus / chosen.harness
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS[chosen.harness]):
        (folder / f"seed-{number}").write_bytes(seed)
    options = [
        f"-max_total_time={chosen.seconds}",
        f"-artifact_prefix={chosen.corpus}/{chosen.harness}-",
        "-max_len=8192",
        "-timeout=10",
        "-rss_limit_mb=1024",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(folder)], HARNESSES[chosen.harness])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
