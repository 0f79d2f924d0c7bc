"""The shipped unit under the real service manager: what it may do, and what it takes to hold."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from agent.package.boxed import Boxed
from agent.package.kit import AS_RECORDER, BY_CAPABILITY, PACKAGING, RECORDED, UNIT

PROBE = """
import ctypes, errno, json, os, shutil, time
RECORDING = "/recordings/front/2026-11-21_10-00-00.mp4"
LINK = "/recordings/.layover-holds/a"

def outcome(action):
    try:
        action()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "ok"

class Asked(ctypes.Structure):
    _fields_ = [("room", ctypes.c_char * 512)]

try:
    os.mkdir(os.path.dirname(LINK))
except OSError:
    pass
print(json.dumps({
    "read": outcome(lambda: open(RECORDING).read()),
    "link": outcome(lambda: os.link(RECORDING, LINK)),
    "link to state": outcome(lambda: os.link(RECORDING, "/var/lib/layover-agent/a")),
    "write": outcome(lambda: os.close(os.open(RECORDING, os.O_WRONLY))),
    "chmod": outcome(lambda: os.chmod(RECORDING, 0o666)),
    "rename": outcome(lambda: os.rename(RECORDING, RECORDING + "~")),
    "write system": outcome(lambda: open("/usr/x", "w")),
    "write state": outcome(lambda: open("/var/lib/layover-agent/b", "w").close()),
    "set clock": outcome(lambda: time.clock_settime(time.CLOCK_REALTIME, time.time())),
    "ask clock": ctypes.CDLL(None).adjtimex(ctypes.byref(Asked())) >= 0,
    "sees the recorder": os.path.exists("/proc/1/status"),
    "homes": outcome(lambda: os.listdir("/home")),
    "root": outcome(lambda: os.seteuid(0)),
}))
"""


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="NO systemd-analyze HERE")
@pytest.mark.parametrize(
    ("dropin", "exposure"),
    [("", 2.1), (BY_CAPABILITY, 2.3), (AS_RECORDER, 2.1)],
    ids=["alone", "by-capability", "as-recorder"],
)
def test_the_unit_leaves_little_open(tmp_path: Path, dropin: str, exposure: float) -> None:
    """By systemd's own scale: 10 is a service without any sandbox."""
    units = tmp_path / "etc/systemd/system"
    (units / "layover-agent.service.d").mkdir(parents=True)
    (units / "layover-agent.service").write_text(UNIT.read_text())
    (units / "layover-agent.service.d/holds.conf").write_text(dropin)
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--root={tmp_path}", "--no-pager",
         f"--threshold={exposure * 10:.0f}", "layover-agent.service"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "path", sorted((PACKAGING / "systemd").glob("*.conf")), ids=lambda p: p.stem
)
def test_a_template_says_what_is_to_be_filled_in(path: Path) -> None:
    explained = set(re.findall(r"^#   @(\w+)@", path.read_text(), re.MULTILINE))
    used = set(re.findall(r"@(\w+)@", re.sub(r"^#.*$", "", path.read_text(), flags=re.MULTILINE)))
    assert explained == used


# What the kernel answers under the shipped unit with each way of letting it hold.
UNTOUCHED = {
    "read": "ok", "write": "EACCES", "chmod": "EPERM", "rename": "EACCES", "write system": "EROFS",
    "write state": "ok", "set clock": "EPERM", "ask clock": True, "sees the recorder": True,
    "homes": "EACCES", "root": "EPERM", "link to state": "EXDEV",
}  # fmt: skip
OPEN_DISK = "[Service]\nSupplementaryGroups=recorder\nReadWritePaths=/recordings\n"
ALL_OF_FOWNER = "CapabilityBoundingSet=CAP_FOWNER\nAmbientCapabilities=CAP_FOWNER\n"
PREPARED = "ExecStartPre=+/usr/lib/layover-agent/prepare /recordings/.layover-holds\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dropin", "expected"),
    [
        pytest.param(BY_CAPABILITY, UNTOUCHED | {"link": "ok"}, id="by-capability"),
        pytest.param(
            AS_RECORDER,
            UNTOUCHED | {"link": "ok", "write": "ok", "chmod": "ok", "rename": "ok"},
            id="as-recorder-may-do-all-the-recorder-may",
        ),
        pytest.param(
            "[Service]\nSupplementaryGroups=recorder\n" + PREPARED,
            UNTOUCHED | {"link": "EROFS", "chmod": "EROFS", "rename": "EROFS"},
            id="all-read-only",
        ),
        pytest.param(
            "[Service]\nSupplementaryGroups=recorder\n" + PREPARED
            + "ReadWritePaths=-/recordings/.layover-holds\n",
            UNTOUCHED | {"link": "EXDEV", "chmod": "EROFS", "rename": "EROFS"},
            id="read-only-beside-a-writable-holds-folder",
        ),
        pytest.param(
            OPEN_DISK + PREPARED, UNTOUCHED | {"link": "EPERM"}, id="in-the-recorder-s-group"
        ),
        pytest.param(
            OPEN_DISK + PREPARED + ALL_OF_FOWNER,
            UNTOUCHED | {"link": "ok", "chmod": "ok"},
            id="the-capability-without-the-filter-opens-modes",
        ),
        pytest.param(
            BY_CAPABILITY + "PrivateUsers=yes\n",
            UNTOUCHED | {"link": "EPERM"},
            id="a-user-namespace-without-the-recorder",
        ),
    ],
)  # fmt: skip
def test_what_it_takes_to_hold(installed: Boxed, dropin: str, expected: dict[str, object]) -> None:
    assert installed.run("cat", "/proc/sys/fs/protected_hardlinks") == "1"
    assert probed(installed, dropin) == expected


def probed(box: Boxed, dropin: str) -> dict[str, object]:
    """What a process under the shipped unit with this drop-in may do to fresh recordings."""
    box.run("sh", "-euc", "rm -rf /recordings/front /recordings/.layover-holds" + RECORDED)
    box.run("mkdir", "-p", "/run/shared/probe")
    box.write("/run/shared/probe/probe.py", PROBE)
    box.run("chmod", "-R", "a+rX", "/run/shared")
    box.write("/run/systemd/system/probe.service", UNIT.read_text())
    box.write("/run/systemd/system/probe.service.d/10-holds.conf", dropin)
    box.write(
        "/run/systemd/system/probe.service.d/20-probe.conf",
        "[Unit]\nConditionPathExists=\n[Service]\nType=oneshot\nWatchdogSec=0\nRestart=no\n"
        "ExecStart=\nExecStart=/usr/bin/python3 -IS /run/shared/probe/probe.py\n"
        "StandardOutput=truncate:/run/shared/probe/said\nStandardError=inherit\n",
    )
    box.run("systemctl", "daemon-reload")
    done = box.try_("systemctl", "start", "probe.service")
    said = box.run("cat", "/run/shared/probe/said")
    assert done.returncode == 0, done.stderr + said
    result: dict[str, object] = json.loads(said)
    return result


@pytest.mark.slow
def test_a_disk_that_comes_late_or_is_taken_out(installed: Boxed) -> None:
    """The agent's own view of the mounts follows the box's, and never keeps a disk busy."""
    box = installed
    box.run("umount", "/recordings")
    box.write("/run/systemd/system/late.service", UNIT.read_text())
    box.write("/run/systemd/system/late.service.d/10-holds.conf", BY_CAPABILITY)
    box.write(
        "/run/systemd/system/late.service.d/20-probe.conf",
        "[Unit]\nConditionPathExists=\n[Service]\nType=exec\nWatchdogSec=0\nRestart=no\n"
        "ExecStart=\nExecStart=/usr/bin/sleep infinity\n",
    )
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "start", "late.service")
    pid = box.run("systemctl", "show", "--property=MainPID", "--value", "late.service")
    inside = ["nsenter", "-t", pid, "-m"]
    box.run("mount", "-t", "tmpfs", "-o", "size=1m", "disk", "/recordings")
    box.run("sh", "-euc", RECORDED)
    seen = box.run(*inside, "findmnt", "--noheadings", "--output=SOURCE,OPTIONS", "/recordings")
    source, options = seen.splitlines()[-1].split()
    assert source == "disk" and "rw" in options.split(",")
    box.run("umount", "/recordings")  # not lazily: a busy disk is an error
    assert "disk" not in box.run(*inside, "cat", "/proc/self/mounts").split()
    box.run("systemctl", "stop", "late.service")

    box.run("mount", "-t", "tmpfs", "-o", "size=1m", "disk", "/recordings")
    box.run("systemctl", "start", "late.service")
    pid = box.run("systemctl", "show", "--property=MainPID", "--value", "late.service")
    box.run("umount", "/recordings")
    mounts = box.run("nsenter", "-t", pid, "-m", "cat", "/proc/self/mounts")
    assert "disk" not in mounts.split()
    box.run("systemctl", "stop", "late.service")
    box.run("mount", "-t", "tmpfs", "none", "/recordings")
