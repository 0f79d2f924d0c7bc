"""What a simulated recorder is told, and how it names its files."""

import dataclasses
import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path

LAYOUT = "{camera}/%Y-%m-%d/%H-%M-%S-%f.mp4"
"""Where a recording lies in the recorder's folder, in the agent's template language; UTC."""

ZONE = "+00:00"
MIN_SEGMENT_S = 0.5


class BadSettings(ValueError):
    """Settings that no recorder can follow; the text says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderSettings:
    """One recorder: its cameras all write alike, into one ring."""

    folder: Path
    cameras: tuple[str, ...]
    segment_s: float = 10.0
    bitrate_bps: int = 1_000_000
    """Of each camera."""
    width: int = 320
    height: int = 180
    fps: int = 8
    ring_bytes: int = 0
    """Closed recordings above this are deleted, oldest first; 0: never."""

    def __post_init__(self) -> None:
        for name in self.cameras:
            if not name or name.startswith(".") or "/" in name:
                raise BadSettings(f"camera {name!r}: a camera's name is a folder's name")
        if not self.cameras or len(set(self.cameras)) != len(self.cameras):
            raise BadSettings(f"cameras {self.cameras}: at least one, each once")
        if self.segment_s < MIN_SEGMENT_S:
            raise BadSettings(f"segment_s = {self.segment_s}: at least {MIN_SEGMENT_S}")
        if self.width % 2 or self.height % 2 or min(self.width, self.height) < 32:
            raise BadSettings(f"{self.width}x{self.height}: even, and at least 32 each")
        if self.fps < 1 or self.bitrate_bps < 1000 or self.ring_bytes < 0:
            raise BadSettings("fps, bitrate_bps and ring_bytes: at least 1, 1000 and 0")

    @property
    def segment_frames(self) -> int:
        return max(1, round(self.segment_s * self.fps))

    def save(self, file: Path) -> None:
        """Writes the settings as JSON."""
        table = dataclasses.asdict(self) | {"folder": str(self.folder)}
        file.write_text(json.dumps(table, indent=2) + "\n")

    @classmethod
    def load(cls, file: Path) -> "RecorderSettings":
        """Reads what ``save`` wrote, or a person. BadSettings where that is no recorder."""
        try:
            table = json.loads(file.read_text())
            return cls(
                **table | {"folder": Path(table["folder"]), "cameras": tuple(table["cameras"])}
            )
        except OSError as error:
            raise BadSettings(f"cannot read {file}: {error.strerror}") from error
        except (KeyError, TypeError, ValueError) as error:
            raise BadSettings(f"{file}: {error}") from error


def name_of(camera: str, start_ms: int) -> str:
    """A recording's path within the recorder's folder."""
    moment = dt.datetime.fromtimestamp(start_ms // 1000, dt.UTC)
    exact = moment.replace(microsecond=start_ms % 1000 * 1000)
    return exact.strftime(LAYOUT).replace("{camera}", camera)
