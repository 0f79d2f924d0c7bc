"""What the package's tests share."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PACKAGING = ROOT / "agent" / "packaging"
UNIT = PACKAGING / "systemd" / "layover-agent.service"
RECORDED = """
mkdir -p /recordings/front; echo moving > /recordings/front/2026-11-21_10-00-00.mp4
cp /recordings/front/2026-11-21_10-00-00.mp4 /recordings/front/2026-11-21_10-01-00.mp4
chown -R recorder:recorder /recordings; chmod -R u=rwX,g=rX,o= /recordings
"""


def filled(template: str, **values: str) -> str:
    text = (PACKAGING / "systemd" / f"{template}.conf").read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


BY_CAPABILITY = filled(
    "holds-by-capability",
    RECORDINGS="/recordings",
    HOLDS="/recordings/.layover-holds",
    GROUP="recorder",
)
AS_RECORDER = filled(
    "holds-as-recorder", RECORDINGS="/recordings", USER="recorder", GROUP="recorder"
)


def built(folder: Path) -> Path:
    subprocess.run([ROOT / "scripts" / "deb", "--out", folder], check=True, stdout=subprocess.PIPE)
    (made,) = folder.glob("layover-agent_*.deb")
    return made
