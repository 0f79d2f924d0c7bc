"""Names of cameras as the field writes them: a number, a space, what it sees.

``10 - Hallway``, ``2 Main Entrance Lobby``; ``2 H`` and ``2 S`` are the events of camera 2, raised
by its hardware input and by software. ``CAM03`` has a number, too; ``front`` has none.
"""

import re
from dataclasses import dataclass
from typing import Literal

_NUMBERED = re.compile(r"([0-9]{1,4})(?:\s+|\s*[-–—_.:)]\s*)(?=[^\W\d_])(.*)", re.DOTALL)
_COUNTED = re.compile(
    r"(?:cam|camera|kamera|caméra|câmera|cámara|cctv|ch|channel|kanal|canal|monitor)"
    r"[\s_.#-]*([0-9]{1,4})",
    re.IGNORECASE,
)
_EVENTS: dict[str, Literal["hardware", "software"]] = {"H": "hardware", "S": "software"}


@dataclass(frozen=True, slots=True)
class CameraName:
    """A camera's name, taken apart."""

    number: int | None
    name: str
    """What it is called beside its number; the whole text where the number is part of it."""
    text: str
    """As the recorder writes it."""

    @property
    def event(self) -> Literal["", "hardware", "software"]:
        """Which event of the camera this names by convention; empty: it names the camera."""
        return _EVENTS.get(self.name, "") if self.name != self.text else ""


def parse(text: str) -> CameraName:
    """The number and the name in a text; any text has a name."""
    plain = text.strip()
    numbered = _NUMBERED.fullmatch(plain)
    if numbered:
        return CameraName(int(numbered[1]), numbered[2], text)
    counted = re.fullmatch(r"#?([0-9]{1,4})", plain) or _COUNTED.fullmatch(plain)
    return CameraName(int(counted[1]) if counted else None, plain or text, text)
