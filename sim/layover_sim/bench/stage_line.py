"""Stages of the agent's bench: its lists on a thin line, beside rsync's and find's."""

import os

from layover_sim.bench.box import NEVER_SEQ, read_list
from layover_sim.bench.calibration import calibrated
from layover_sim.bench.lists import FAR, THIN, fetched
from layover_sim.bench.peers import find_newer, rsync_list
from layover_sim.bench.run import Run

NEW = 100
_AND_FAR = "and 40 ms each way"


async def links(run: Run) -> None:
    """What the links are like in truth."""
    run.tell("the links themselves")
    for name, shape in (("thin", THIN), ("far", FAR)):
        found = await calibrated(shape)
        asked_ms = 1000 * shape.round_trip_s
        run.add(f"link_{name}_mbps", found.rate_bps / 1e6, "Mbit/s", "of 20 asked for")
        trip_ms = 1000 * found.round_trip_s
        run.add(f"link_{name}_round_trip_ms", trip_ms, "ms", f"of {asked_ms:.0f} asked for")


async def full_list(run: Run) -> None:
    """Everything, by somebody who knows nothing yet."""
    run.tell("full lists")
    near = await fetched(run.box, THIN, run.epoch, 0)
    far = await fetched(run.box, FAR, run.epoch, 0)
    page_bytes = near.size_bytes * 1000 / near.entries
    how = f"{near.entries} recordings, with TLS"
    run.add("page_bytes_per_1000", page_bytes, "bytes", "mean of the full list", at_most=30_000)
    run.add("full_list_bytes", near.size_bytes, "bytes", how, at_most=3_000_000)
    run.add("full_list_s", near.took_s, "s", "20 Mbit/s", at_most=2.5)
    run.add("full_list_40ms_s", far.took_s, "s", _AND_FAR, at_most=2.5)
    recordings = run.box.site.recordings
    thin = await run.peer(rsync_list(recordings, run.scratch, THIN))
    slow = await run.peer(rsync_list(recordings, run.scratch, FAR))
    how = "rsync --list-only from its daemon, no TLS"
    run.add("rsync_list_bytes", thin.size_bytes if thin else None, "bytes", how)
    run.add("rsync_list_s", thin.took_s if thin else None, "s", "20 Mbit/s")
    run.add("rsync_list_40ms_s", slow.took_s if slow else None, "s", _AND_FAR)


async def news(run: Run) -> None:
    """A hundred new recordings, by somebody who knows all the others."""
    run.tell(f"{NEW} new recordings")
    stamp = run.scratch / "stamp"
    stamp.touch()
    os.utime(stamp, ns=(run.folder.last_end_ms * 1_000_000,) * 2)
    async with run.box.client() as client:
        after = (await read_list(client, run.epoch, NEVER_SEQ)).head_seq
        run.folder.write(NEW)
        await run.box.head_until(client, run.epoch, lambda head: head.head_seq >= after + NEW)
    whole = await fetched(run.box, FAR, run.epoch, after)
    delta = await fetched(run.box, FAR, run.epoch, after, in_contact=True)
    how = f"{whole.entries} changes; TCP and TLS set up for them"
    run.add("new_100_bytes", whole.size_bytes, "bytes", how, at_most=8000)
    run.add("new_100_40ms_s", whole.took_s, "s", "the same, 40 ms each way")
    how = "on the connection of a contact"
    run.add("new_100_in_contact_bytes", delta.size_bytes, "bytes", how)
    run.add("new_100_in_contact_40ms_s", delta.took_s, "s", how)
    run.add("new_100_round_trips", delta.round_trips(FAR), "", how, at_most=1)
    run.add("new_100_set_up_round_trips", whole.round_trips(FAR), "", "with TCP and TLS")
    recordings = run.box.site.recordings
    find = await run.peer(find_newer(recordings, stamp, run.scratch, FAR))
    rsync = await run.peer(rsync_list(recordings, run.scratch, FAR))
    how = f"find -newer over ssh: {find.entries} files" if find else ""
    run.add("find_newer_bytes", find.size_bytes if find else None, "bytes", how)
    run.add("find_newer_40ms_s", find.took_s if find else None, "s", "40 ms each way")
    how = "rsync --list-only knows no news"
    run.add("rsync_new_100_bytes", rsync.size_bytes if rsync else None, "bytes", how)
    run.add("rsync_new_100_40ms_s", rsync.took_s if rsync else None, "s", "40 ms each way")
