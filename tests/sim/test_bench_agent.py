"""The bench of the agent as it is run, on few recordings: every figure is there and possible."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

QUICK = ("--recordings", "400", "--large-mb", "8", "--idle-s", "2", "--settle-s", "60",
         "--closes", "3", "--runs", "1", "--download-s", "1")  # fmt: skip

ALWAYS = {
    "rss_mb", "idle_rss_mb", "first_scan_s",
    "rescan_s", "restart_rescan_s", "page_bytes_per_1000", "full_list_bytes", "full_list_s",
    "full_list_40ms_s", "new_100_bytes", "new_100_round_trips", "close_to_manifest_s",
    "close_to_manifest_max_s", "link_thin_mbps", "link_far_round_trip_ms",
}  # fmt: skip
WITH_PEERS = {
    "rsync_list_bytes", "rsync_list_s", "rsync_list_40ms_s", "find_newer_bytes",
    "find_newer_40ms_s", "tls_ratio_to_nginx", "tls_agent_cpu_s_per_gb", "tls_nginx_cpu_s_per_gb",
}  # fmt: skip


def bench(*arguments: str, path: str, temporary: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "layover_sim.bench", *arguments],
        env={**os.environ, "PATH": path, "TMPDIR": str(temporary)},
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str, Path]:
    temporary = tmp_path_factory.mktemp("bench")
    done = bench("agent", "--json", *QUICK, path=os.environ["PATH"], temporary=temporary)
    assert done.returncode == 0, done.stderr
    *shown, last = done.stdout.splitlines()
    return json.loads(last), "\n".join(shown), temporary


@pytest.mark.timeout(300)
def test_it_measures_everything_it_promises(run: tuple[dict[str, Any], str, Path]) -> None:
    figures, _, _ = run
    assert {name for name in ALWAYS if not isinstance(figures[name], int | float)} == set()
    assert figures.keys() >= WITH_PEERS
    unmeasured = {name for name in WITH_PEERS if figures[name] is None}
    assert bool(unmeasured) == bool(figures["about"]["missing_peers"])


@pytest.mark.timeout(300)
def test_idle_is_measured_only_where_all_is_hashed(
    run: tuple[dict[str, Any], str, Path],
) -> None:
    figures, _, _ = run
    settled = figures["settled_after_s"] is not None
    for name in ("idle_cpu_percent", "idle_with_rescan_cpu_percent"):
        assert (figures[name] is not None) == settled


@pytest.mark.timeout(300)
def test_its_figures_are_possible(run: tuple[dict[str, Any], str, Path]) -> None:
    figures, _, _ = run
    assert 16 * 1000 < figures["page_bytes_per_1000"] < 60_000
    assert figures["full_list_bytes"] > 400 * 16
    assert 10 < figures["idle_rss_mb"] <= figures["rss_mb"] < 200
    assert figures["new_100_in_contact_bytes"] < figures["new_100_bytes"]
    assert figures["new_100_in_contact_40ms_s"] >= 0.08
    assert figures["new_100_set_up_round_trips"] > figures["new_100_round_trips"] >= 1
    assert 0 <= figures["close_to_manifest_s"] <= figures["close_to_manifest_max_s"]


@pytest.mark.timeout(300)
def test_the_table_says_the_same(run: tuple[dict[str, Any], str, Path]) -> None:
    figures, shown, _ = run
    for name in figures.keys() - {"bench", "about"}:
        assert f"`{name}`" in shown


@pytest.mark.timeout(300)
def test_nothing_is_left_behind(run: tuple[dict[str, Any], str, Path]) -> None:
    _, _, temporary = run
    assert list(temporary.iterdir()) == []


def test_without_a_name_it_lists_the_benches(tmp_path: Path) -> None:
    done = bench(path=os.environ["PATH"], temporary=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("agent ")


def test_a_bench_nobody_knows_is_refused(tmp_path: Path) -> None:
    done = bench("boat", path=os.environ["PATH"], temporary=tmp_path)
    assert done.returncode == 2
    assert "agent" in done.stderr
