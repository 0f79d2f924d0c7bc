"""``layover status``: central at a glance."""

from layover_central.cli import show
from layover_central.cli.client import client
from layover_central.cli.options import Json, Key, Url


def status(url: Url = "", key: Key = "", json: Json = False) -> None:
    """Show what central has, does and lacks. Example: layover status"""
    with client(url, key) as central:
        found = central.get("/status")
    if json:
        show.as_json(found)
        return
    archive = found["archive"]
    states = ", ".join(f"{count} {state}" for state, count in found["requests"].items() if count)
    show.say(f"central {found['version']}, running since {show.moment(found['started_at'])}")
    show.say(f"sites: {found['sites']['total']}, {found['sites']['in_contact']} in reach")
    show.say(f"requests: {states or 'none'}; {found['warnings_open']} warnings open")
    show.say(
        f"archive: {archive['recordings']} recordings, {show.size(archive['size_bytes'])}, "
        f"{show.size(archive['resent_bytes'])} sent twice, {show.size(archive['free_bytes'])} free"
    )
    for fault in found["faults"]:
        show.say(f"fault: {fault['text']} ({fault['remedy']})")
