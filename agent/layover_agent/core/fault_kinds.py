"""What can be wrong with a box: every fault declared once, with what to do about it.

``text`` and ``remedy`` are templates over the facts of a finding. ``because`` names the faults that
explain this one where they are there too, the likeliest first.
"""

from dataclasses import dataclass

CRITICAL, WARNING, NOTICE = "critical", "warning", "notice"
SEVERITIES = (CRITICAL, WARNING, NOTICE)
"""Worst first. Critical: recordings are being lost, or a promise is broken. Warning: they may be
lost soon, somebody should come. Notice: good to know."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault."""

    code: str
    severity: str
    title: str
    text: str
    remedy: str
    because: tuple[str, ...] = ()


_DISK = ("disk-gone", "disk-failing", "disk-errors")
_NO_WRITES = ("disk-gone", "source-unreadable", "disk-read-only", "disk-full", "disk-stuck")

_ALL = (
    Kind(
        "agent-not-running", CRITICAL, "The agent is not running",
        "no agent answers here: {last}. This is read without it",
        "Start it: systemctl start layover-agent. If it ends again, see why: "
        "journalctl -u layover-agent -e",
    ),
    Kind(
        "agent-not-answering", CRITICAL, "The agent does not answer",
        "the agent took the question and did not answer within {seconds} s",
        "See what it does: journalctl -u layover-agent -e; then systemctl restart layover-agent",
    ),
    Kind(
        "agent-not-asked", WARNING, "The agent cannot be asked",
        "the agent's socket cannot be used ({why}); this is read without it",
        "Run this as the user of the agent or as root.",
    ),
    Kind(
        "part-failed", CRITICAL, "A part of the agent fails",
        "{part} failed and is tried again: {why}",
        "Make room on the data folder's disk if it is full; else see journalctl -u layover-agent "
        "-e and report it.",
        ("disk-gone", "disk-stuck", "data-folder-full", "source-unreadable"),
    ),
    Kind(
        "trigger-dead", WARNING, "A button does not work",
        "{about}: {why}",
        "Set trigger.folder and trigger.gpio right, then press once to try it.",
    ),
    Kind(
        "not-watching", NOTICE, "New recordings are noticed late",
        "not every change is heard of at once: {why}",
        "Network mounts cannot do better. Too many folders: raise fs.inotify.max_user_watches.",
    ),
    Kind(
        "certificate-unusable", CRITICAL, "The box's certificate cannot be used",
        "the certificate in {folder} cannot be used: {why}",
        "Enrol the box anew: layover-agent identity --csr box.csr, then at central "
        "layover site enrol.",
    ),
    Kind(
        "disk-gone", CRITICAL, "A disk is gone",
        "the device {device} of {mount} is no longer there",
        "Check power, cable and seat of the disk, then restart the recorder.",
    ),
    Kind(
        "disk-failing", CRITICAL, "A disk is failing",
        "the disk {device} says of itself: {why}",
        "Fetch what is needed from it now, then replace it.",
    ),
    Kind(
        "source-unreadable", CRITICAL, "A folder of recordings cannot be read",
        "source {source}: {why}",
        "Check that the recorder's disk is in place and mounted, and that the agent may read it.",
        _DISK,
    ),
    Kind(
        "source-incomplete", WARNING, "A recorder's folder is not told of whole",
        "source {source}: {why}",
        "A disk that was taken out: put it back, or leave it, its recordings stay listed. A "
        "recorder's database: see that it can be read.",
        ("disk-gone",),
    ),
    Kind(
        "disk-read-only", CRITICAL, "A disk takes no writes",
        "{mount} is mounted read-only: nothing is being recorded there",
        "Its file system was probably shut after an error: check it (fsck), mount it read-write, "
        "and replace the disk if it happens again.",
        _DISK,
    ),
    Kind(
        "disk-full", CRITICAL, "A disk is full",
        "{mount} has {room}",
        "The recorder should delete its oldest: look at its retention, and for other files "
        "on that disk.",
    ),
    Kind(
        "disk-stuck", CRITICAL, "A disk does not answer",
        "the disk {device} has finished nothing for {seconds} s though requests wait",
        "Check power, cable and seat of the disk; restart the box if it stays so.",
        ("disk-gone", "disk-failing"),
    ),
    Kind(
        "too-hot", CRITICAL, "The box is too hot",
        "{celsius} °C where {limit} °C is the limit",
        "Clear the vents and check the fan: the box slows down or switches off by itself.",
    ),
    Kind(
        "recorder-not-running", CRITICAL, "The recorder is not running",
        "source {source}: there is no process {process}",
        "Start the recorder and look at its log; if it has another name, set "
        "sources.{source}.process.",
        (*_NO_WRITES, "too-hot", "memory-low"),
    ),
    Kind(
        "camera-late", CRITICAL, "A camera has stopped recording",
        "camera {camera}: nothing since {last}, expected by {expected}",
        "Check its power, cable and view, and that the recorder still knows it.",
        (*_NO_WRITES, "recorder-not-running", "recorder-restarts", "recorder-behind"),
    ),
    Kind(
        "hold-broken", CRITICAL, "A held recording was not kept",
        "{count} held recordings are not what was promised: {why}",
        "The recorder writes over its files: take deletes_by out of its source.",
        ("disk-gone", "source-unreadable", "disk-failing"),
    ),
    Kind(
        "data-folder-full", CRITICAL, "The agent has no room to remember",
        "the disk of the agent's data folder, {folder}, {why}",
        "Make room there, or move data_folder: new recordings cannot be listed.",
        ("disk-full",),
    ),
    Kind(
        "disk-errors", WARNING, "A file system has errors",
        "{device} has counted {count} errors; the last one: {last}",
        "Check the file system at the next stop (fsck clears the count), and watch it.",
        ("disk-gone", "disk-failing", "disk-stuck"),
    ),
    Kind(
        "disk-worn", WARNING, "A disk is nearly worn out",
        "the disk {device} says of itself: {why}",
        "Plan to replace it.",
    ),
    Kind(
        "hot", WARNING, "The box is hot",
        "{celsius} °C where {limit} °C is the limit",
        "Clear the vents and check the fan.",
    ),
    Kind(
        "memory-low", WARNING, "The box is short of memory",
        "{free} of {size} memory is free",
        "See what takes it: top -o %MEM",
    ),
    Kind(
        "recorder-restarts", WARNING, "The recorder keeps restarting",
        "source {source}: {process} began anew {count} times within an hour",
        "Look at the recorder's log.",
        (*_NO_WRITES, "too-hot", "memory-low"),
    ),
    Kind(
        "recorder-behind", WARNING, "The recorder does not keep up",
        "recordings take longer to close than they used to",
        "See what else the box does (top), and lower the cameras' bit rates if it is always so.",
        ("disk-stuck", "disk-failing", "disk-errors", "too-hot", "hot", "memory-low"),
    ),
    Kind(
        "manifest-unreadable", WARNING, "The list of recordings cannot be read",
        "the manifest cannot be read: {why}",
        "Run this as the user of the agent or as root; if the agent never ran, start it.",
    ),
    Kind(
        "manifest-rebuilt", WARNING, "The list of recordings was damaged",
        "the manifest was damaged and built anew: {why}",
        "Check the disk of the agent's data folder; the damaged file is kept.",
        ("disk-failing", "disk-errors", "data-folder-full"),
    ),
    Kind(
        "not-enrolled", WARNING, "The box belongs to no fleet",
        "the box has no certificate of a fleet: central cannot fetch from it",
        "Enrol it: layover-agent identity --csr box.csr, then at central layover site enrol.",
        ("certificate-unusable",),
    ),
    Kind(
        "no-contact", WARNING, "Central has not been heard of for long",
        "the last contact with central: {last}",
        "Check the box's network, and at central why the site is not reached: layover site show",
        ("agent-not-running", "agent-not-answering", "not-enrolled", "certificate-unusable",
         "not-advertised"),
    ),
    Kind(
        "clock-unset", WARNING, "The clock is not set",
        "the box says it is {now}, which cannot be right",
        "Give the box a time source (NTP, GNSS) or a battery for its clock.",
        ("clock-unsynced",),
    ),
    Kind(
        "clock-off", WARNING, "The clock is wrong",
        "the clock was {offset} {ahead} central's at the last contact",
        "Set up NTP or GNSS time; central maps times meanwhile.",
        ("clock-unset", "clock-unsynced"),
    ),
    Kind(
        "reserve-used", WARNING, "The room for holds is used up",
        "holds have used all of their reserve of {size}",
        "Let central fetch and release what is held, or enlarge holds.reserve_bytes.",
        ("disk-full",),
    ),
    Kind(
        "clock-unsynced", NOTICE, "Nothing keeps the clock right",
        "the box's clock is not kept right by any time source",
        "Set up NTP or GNSS time; until then times carry an uncertainty.",
    ),
    Kind(
        "times-uncertain", NOTICE, "Recordings may carry wrong times",
        "the clock was set by {shift} on {when}: recordings of before may say another time",
        "Nothing on the box; tell it to whoever looks for these recordings.",
        ("clock-unset", "clock-off", "clock-unsynced"),
    ),
    Kind(
        "holds-impossible", NOTICE, "Recordings cannot be held",
        "{why}",
        "See what works on this box: layover-agent check",
        (*_NO_WRITES, "data-folder-full"),
    ),
    Kind(
        "not-advertised", NOTICE, "The box cannot announce itself",
        "the box cannot announce itself: {why}",
        "Central still finds it by a fixed address.",
    ),
    Kind(
        "agent-heavy", NOTICE, "The agent takes more memory than it should",
        "the agent takes {rss}",
        "Restart it when convenient, and report it with its log.",
    ),
)  # fmt: skip

KINDS = {kind.code: kind for kind in _ALL}
