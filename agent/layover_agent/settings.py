"""The agent's settings: each declared once, with its help."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal


def _setting(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True, slots=True)
class Listen:
    address: str = _setting("0.0.0.0", "Address to listen on.")  # noqa: S104
    port: int = _setting(8441, "Port to listen on; 0 takes a free one.")
    port_file: str = _setting("", "File that receives the port taken; empty: none.")


@dataclass(frozen=True, slots=True)
class Advertise:
    enabled: bool = _setting(True, "Announce this box by mDNS (an opaque id, no names).")
    interfaces: tuple[str, ...] = _setting((), "Addresses to announce on; empty: all.")
    port: int = _setting(0, "Port to announce where a forward changes it; 0: the real one.")


@dataclass(frozen=True, slots=True)
class Holds:
    folder: str = _setting(
        "",
        "Folder of held recordings, on the recordings' own file system; "
        "empty: holds in the data folder.",
    )
    reserve_bytes: int = _setting(
        0,
        "Room set aside for holds, so that the recorder's idea of free space stays true; "
        "0: none, and no holds by copying.",
    )
    max_percent: int = _setting(20, "Holds may keep this share of the disk, no more.")
    max_count: int = _setting(2000, "So many recordings may be held at once.")
    copy_rate_bps: int = _setting(
        20_000_000, "How fast a recording is copied where it can be held in no other way."
    )


@dataclass(frozen=True, slots=True)
class Trigger:
    folder: str = _setting(
        "", "A file made or touched in this folder is the driver's button; empty: none."
    )
    gpio: str = _setting(
        "",
        "Value file of an exported GPIO with its edge set "
        "(/sys/class/gpio/gpio17/value); empty: none.",
    )
    gpio_pressed: Literal["0", "1"] = _setting(
        "1", 'What that file says while the button is pressed: "1" or "0".'
    )
    last_s: int = _setting(600, "How much of what was recorded before is held.")
    next_s: int = _setting(120, "And how much of what comes after.")
    lease_s: int = _setting(7 * 86_400, "For how much uptime it is held.")
    debounce_ms: int = _setting(300, "Presses closer together than this are one.")
    pause_s: int = _setting(60, "Presses in so short a time prolong the hold of the first.")
    per_day: int = _setting(24, "More presses than this within 24 h of uptime are refused.")
    max_percent: int = _setting(50, "Of what holds may keep, presses may take this share.")


@dataclass(frozen=True, slots=True)
class Service:
    listen: str = _setting(
        "",
        'Address and port of a service port on the LAN, such as "0.0.0.0:8442": '
        "status, no footage; empty: none.",
    )


@dataclass(frozen=True, slots=True)
class Rescan:
    every_s: float = _setting(
        30.0, "How often the folders are read where changes cannot be heard (network mounts)."
    )
    full_s: float = _setting(3600.0, "How often they are read even where changes are heard.")


@dataclass(frozen=True, slots=True)
class SourceConfig:
    folder: str = field(metadata={"help": "Folder in which the recorder writes."})
    recorder: str = _setting(
        "", "Which recorder it is (`layover-agent recorders` lists them); empty: layout says all."
    )
    layout: str = _setting(
        "",
        "Path template: strftime letters, {camera} {kind} {seq} {event} {ms} {dur_ms} and *; "
        "empty: the recorder's own.",
    )
    zone: str = _setting(
        "", "Time zone of the names (Europe/Berlin, +02:00); needed unless the layout has %z or %s."
    )
    fold: Literal["auto", "first", "second"] = _setting(
        "auto",
        "Which one is meant where a clock change makes a time come twice: "
        '"first", "second", or "auto", by when the file was written.',
    )
    time: Literal["", "name", "container", "mtime"] = _setting(
        "",
        'Where a recording\'s start is taken from: "name", "container" or "mtime"; '
        "empty: as the recorder has it.",
    )
    camera: str = _setting("", "Name of the camera where the layout has no {camera}.")
    database: str = _setting("", "The recorder's own database, where the recorder has one.")
    deletes_by: Literal["", "unlink", "overwrite"] = _setting(
        "",
        '"unlink" if the recorder deletes files, "overwrite" if it writes over its old ones; '
        "where it deletes, recordings can be held as links. Empty: as is known of the recorder.",
    )
    settle_s: float = _setting(5.0, "A file unchanged for this long counts as closed.")
    max_bytes: int = _setting(0, "Size at which the recorder deletes the oldest; 0: no such rule.")
    max_age_s: int = _setting(0, "Age at which the recorder deletes; 0: no such rule.")
    age_from: Literal["", "start", "end", "mtime"] = _setting(
        "", 'What that age counts from: "start", "end" or "mtime"; empty: as the recorder does.'
    )
    min_free_bytes: int = _setting(
        0, "Free space below which the recorder deletes the oldest; 0: no such rule."
    )
    process: str = _setting("", "Name of the recorder's process, to see whether it runs.")
    cameras: tuple[str, ...] = _setting((), "Cameras to share; empty: all.")


@dataclass(frozen=True, slots=True)
class Config:
    data_folder: Path = field(metadata={"help": "Folder of the key, the manifest and the holds."})
    sources: Mapping[str, SourceConfig] = field(metadata={"help": "The recorders' folders."})
    label: str = _setting("", "What is written on the box; at central, central's word counts.")
    listen: Listen = field(default_factory=Listen, metadata={"help": "The agent's own port."})
    advertise: Advertise = field(default_factory=Advertise, metadata={"help": "mDNS."})
    holds: Holds = field(default_factory=Holds, metadata={"help": "Holds."})
    trigger: Trigger = field(default_factory=Trigger, metadata={"help": "A driver's button."})
    service: Service = field(default_factory=Service, metadata={"help": "The service port."})
    rescan: Rescan = field(default_factory=Rescan, metadata={"help": "Reading the folders."})

    @property
    def holds_folder(self) -> Path:
        return Path(self.holds.folder) if self.holds.folder else self.data_folder / "holds"
