"""The bench of the agent: its footprint on the box and its lists on the line, beside its peers'.

One real agent process on a folder of real files, spoken to by central's own client over TLS. The
stages run one after another in one life of the agent; a second life shows a restart.
"""

import time
from collections.abc import Callable
from pathlib import Path

from layover_sim.bench import stage_line, stage_scans, stage_serving
from layover_sim.bench.box import Box
from layover_sim.bench.recordings import CAMERAS, LONGEST_MS, SEGMENT_MS, Folder
from layover_sim.bench.run import LARGE_CAMERA, Plan, Run
from layover_sim.recorder_settings import RecorderSettings

DOWNLOADS = 4
_MARGIN_MS = 7_200_000
"""All made recordings ended at least so long ago: none may look like one being written."""


async def measured(plan: Plan, folder: Path, tell: Callable[[str], None]) -> Run:
    """Runs the bench in an empty folder."""
    scratch = folder / "scratch"
    scratch.mkdir()
    run = _prepared(plan, folder, scratch, tell)
    await run.box.enrol()
    try:
        await stage_scans.first_scan(run)
        await stage_scans.idle(run)
        await stage_scans.rescans(run)
        await stage_line.links(run)
        await stage_line.full_list(run)
        await stage_line.news(run)
        await stage_serving.closes(run)
        await stage_serving.throughput(run)
        await stage_serving.downloads(run)
    finally:
        await run.box.site.stop()
    await stage_scans.restart(run)
    return run


def _prepared(plan: Plan, folder: Path, scratch: Path, tell: Callable[[str], None]) -> Run:
    """The box with its recordings, of which nothing has been looked at yet."""
    tell(f"making {plan.recordings} recordings")
    recordings = folder / "recordings"
    box = Box(folder, RecorderSettings(folder=recordings, cameras=("door",), segment_s=1.0))
    lasts_ms = (plan.recordings // CAMERAS + 2) * LONGEST_MS
    first_ms = time.time_ns() // 1_000_000 - lasts_ms - _MARGIN_MS
    made = Folder(recordings, first_ms)
    made.write(plan.recordings - DOWNLOADS)
    large = [
        made.write_large(LARGE_CAMERA, first_ms + nth * SEGMENT_MS, plan.large_mb << 20)
        for nth in range(DOWNLOADS)
    ]
    made.out_of_cache()
    return Run(plan, box, made, scratch, tell, large)
