"""Stages of the agent's bench: its scans, and what it uses when nothing is asked of it."""

import statistics
import time

from layover_sim.bench import quiet
from layover_sim.bench.box import NEVER_SEQ, read_list
from layover_sim.bench.run import Run

RESCANS = 3


async def first_scan(run: Run) -> None:
    """Starts the agent on an empty manifest. RuntimeError where it does not list everything."""
    run.tell("first scan")
    since_ms = time.time_ns() // 1_000_000
    await run.box.site.start_agent()
    async with run.box.client() as client:
        run.epoch = (await client.status())[0].manifest.epoch
        took_s = await run.box.looked(client, run.epoch, since_ms)
        cpu_s, peak_mb = run.usage.cpu_s(), run.usage.peak_rss_mb()
        head = await read_list(client, run.epoch, NEVER_SEQ)
    if head.head_seq < run.plan.recordings:
        raise RuntimeError(f"only {head.head_seq} recordings were listed")
    how = "from the start; names and inodes in memory, contents on the disk"
    run.add("first_scan_s", took_s, "s", how, at_most=60)
    run.add("first_scan_cpu_s", cpu_s, "s", "of the whole agent until then")
    run.add("first_scan_rss_mb", peak_mb, "MB", "peak until then")


async def idle(run: Run) -> None:
    """With no camera recording, nothing asked and all hashed. Where hashing does not end in its
    time, there is no idle agent to be measured, and that is what the figures say."""
    run.tell("waiting until all is hashed")
    settled_s = await quiet.settled(
        run.usage, lambda: run.box.hashed() >= run.plan.recordings, run.plan.settle_s
    )
    run.settled = settled_s is not None
    run.add("settled_after_s", settled_s, "s", "from the first scan's end until all is hashed")
    run.tell("idle" if run.settled else "hashing did not end in its time")
    stretch = await quiet.over(run.usage, run.plan.idle_s)
    how = f"{stretch.took_s:.0f} s: all hashed, no camera recording, nothing asked"
    _add_idle(run, "idle_cpu_percent", stretch, how, at_most=0.5)
    run.add("idle_rss_mb", run.usage.rss_mb(), "MB", "at its end")


def _add_idle(
    run: Run, name: str, stretch: quiet.Stretch, how: str, at_most: float | None = None
) -> None:
    if not run.settled:
        hashed = 100 * run.box.hashed() / run.plan.recordings
        how = f"not idle: {hashed:.0f} % hashed, {stretch.percent:.0f} % of a core used for it"
    percent = stretch.percent if run.settled else None
    run.add(name, percent, "% of a core", how, at_most=at_most)


async def rescans(run: Run) -> None:
    """The same agent looks at everything again, because a folder was carried away."""
    run.tell("rescans")
    took_s, cpu_s = [], []
    async with run.box.client() as client:
        for _ in range(RESCANS):
            before_s = run.usage.cpu_s()
            since_ms = run.box.provoke_rescan()
            took_s.append(await run.box.looked(client, run.epoch, since_ms))
            cpu_s.append(run.usage.cpu_s() - before_s)
    run.add("rescan_s", statistics.median(took_s), "s", f"median of {RESCANS}", at_most=5)
    run.add("rescan_cpu_s", statistics.median(cpu_s), "s", "with our asking whether it has ended")
    run.box.provoke_rescan()
    stretch = await quiet.over(run.usage, run.plan.idle_s)
    how = f"{stretch.took_s:.0f} s with one rescan in them; it comes once an hour"
    _add_idle(run, "idle_with_rescan_cpu_percent", stretch, how)


async def restart(run: Run) -> None:
    """A new life of the agent on what the last one knew."""
    run.tell("restart")
    since_ms = time.time_ns() // 1_000_000
    await run.box.site.start_agent()
    try:
        async with run.box.client() as client:
            took_s = await run.box.looked(client, run.epoch, since_ms)
        run.add("restart_rescan_s", took_s, "s", "from the start, on what the last life knew")
        run.add("restart_rss_mb", run.usage.peak_rss_mb(), "MB", "peak until its end")
    finally:
        await run.box.site.stop()
