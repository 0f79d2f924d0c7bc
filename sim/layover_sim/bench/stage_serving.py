"""Stages of the agent's bench: new recordings as they close, and bytes as they are sent."""

import statistics

from layover_sim.bench import quiet
from layover_sim.bench.box import read_list
from layover_sim.bench.closing import close_to_manifest_s
from layover_sim.bench.downloads import downloading
from layover_sim.bench.run import Run
from layover_sim.bench.throughput import side_by_side

DREAM_RATIO = 0.9


async def closes(run: Run) -> None:
    """A real recorder closes one file after another."""
    run.tell("a recorder closes files")
    delays_s = await close_to_manifest_s(run.box, run.plan.closes)
    how = f"of {len(delays_s)} closed by the recorder, real video"
    median_s = statistics.median(delays_s)
    run.add("close_to_manifest_s", median_s, "s", f"median {how}", at_most=1)
    run.add("close_to_manifest_max_s", max(delays_s), "s", f"longest {how}", at_most=1)


async def throughput(run: Run) -> None:
    """The same file from the agent and from nginx, in turns."""
    run.tell("throughput, in turns with nginx")
    (row, *_), file = await run.large_ones(), run.large[0]
    for clients, tail in ((1, ""), (4, "_4_clients")):
        pair = await run.peer(
            side_by_side(run.box, row.id, file, run.scratch, run.plan.runs, clients)
        )
        how = f"{clients} curl, {run.plan.large_mb} MiB each, TLS 1.3, median of {run.plan.runs}"
        ratio = pair[0].mb_per_s / pair[1].mb_per_s if pair else None
        run.add(f"tls_ratio_to_nginx{tail}", ratio, "", how, at_least=None if tail else DREAM_RATIO)
        for place, name in enumerate(("agent", "nginx")):
            one = pair[place] if pair else None
            run.add(f"tls_{name}_mb_per_s{tail}", one.mb_per_s if one else None, "MB/s")
            run.add(f"tls_{name}_cpu_s_per_gb{tail}", one.cpu_s_per_gb if one else None, "s/GB")


async def downloads(run: Run) -> None:
    """Several downloads by central's client at once, and the full list beside them."""
    run.tell(f"{len(run.large)} downloads at once")
    life_mb = run.usage.peak_rss_mb()
    run.usage.forget_peak()
    rows = await run.large_ones()
    async with run.box.client() as client, downloading(client, rows) as got:
        stretch = await quiet.over(run.usage, run.plan.download_s)
        mb_per_s = sum(got) / stretch.took_s / 1e6
        await read_list(client, run.epoch, 0)
    peak_mb = run.usage.peak_rss_mb()
    how = f"peak with {len(rows)} downloads ({mb_per_s:.0f} MB/s) and the full list beside them"
    run.add("downloads_rss_mb", peak_mb, "MB", how)
    how = "peak of a life with all of the above"
    run.add("rss_mb", max(life_mb, peak_mb), "MB", how, at_most=64)
