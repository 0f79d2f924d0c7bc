"""The Debian package and its unit on a box with the real service manager.

What needs a box is slow and needs root; elsewhere it is skipped, with the reason.
"""

import hashlib
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from agent.boxed import Boxed, boxed, why_not
from agent.kit import FleetCa
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from layover_agent.wire.identity import identity_of_public_key

ROOT = Path(__file__).resolve().parents[2]
PACKAGING = ROOT / "agent" / "packaging"
UNIT = PACKAGING / "systemd" / "layover-agent.service"
CONFIG = """
data_folder = "/var/lib/layover-agent"
[listen]
address = "127.0.0.1"
port = 0
[advertise]
enabled = false
[holds]
folder = "/recordings/.layover-holds"
[sources.main]
folder = "/recordings"
layout = "{camera}/%Y-%m-%d_%H-%M-%S.mp4"
zone = "UTC"
deletes_by = "unlink"
"""
RECORDED = """
mkdir -p /recordings/front; echo moving > /recordings/front/2026-11-21_10-00-00.mp4
cp /recordings/front/2026-11-21_10-00-00.mp4 /recordings/front/2026-11-21_10-01-00.mp4
chown -R recorder:recorder /recordings; chmod -R u=rwX,g=rX,o= /recordings
"""
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

needs_box = pytest.mark.skipif(bool(why_not()), reason=f"NO BOX HERE: {why_not()}")


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


# --- what can be seen without a box


def test_the_box_gets_the_versions_we_test_with() -> None:
    """requirements/agent.txt is a part of dev.txt, hashes included, and has no addresses."""
    pinned, tested = (
        dict(re.findall(r"^([\w.-]+)==(\S+?)(?=[\s;\\])", path.read_text(), re.MULTILINE))
        for path in (ROOT / "requirements" / "agent.txt", ROOT / "requirements" / "dev.txt")
    )
    assert pinned.items() <= tested.items()
    assert {"aiosqlite", "cryptography", "h11", "msgpack", "psutil", "zeroconf"} <= pinned.keys()
    assert "://" not in (ROOT / "requirements" / "agent.txt").read_text()


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


# --- on a box


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("deb"))


def built(folder: Path) -> Path:
    subprocess.run([ROOT / "scripts" / "deb", "--out", folder], check=True, stdout=subprocess.PIPE)
    (made,) = folder.glob("layover-agent_*.deb")
    return made


def started(folder: Path, package: Path) -> Iterator[Boxed]:
    """A box with a recorder's user and disk, and the package at hand."""
    with boxed(folder) as box:
        box.run("useradd", "--system", "recorder")
        box.run("mkdir", "/recordings")
        box.run("mount", "-t", "tmpfs", "none", "/recordings")
        box.run("sh", "-euc", RECORDED)
        (box.shared / package.name).write_bytes(package.read_bytes())
        yield box


@pytest.fixture
def box(tmp_path: Path, package: Path) -> Iterator[Boxed]:
    yield from started(tmp_path, package)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, package: Path) -> Iterator[Boxed]:
    for box in started(tmp_path_factory.mktemp("box"), package):
        box.run("dpkg", "-i", f"/run/shared/{package.name}")
        yield box


@needs_box
@pytest.mark.slow
def test_the_same_checkout_gives_the_same_bytes(package: Path, tmp_path: Path) -> None:
    again = built(tmp_path)
    assert hashlib.sha256(again.read_bytes()).digest() == (
        hashlib.sha256(package.read_bytes()).digest()
    )


@needs_box
@pytest.mark.slow
def test_the_package_brings_all_it_needs(installed: Boxed) -> None:
    files = installed.run("dpkg", "-L", "layover-agent").split()
    assert installed.run("dpkg", "--verify", "layover-agent") == ""
    foreign = 'find "$@" -maxdepth 0 ( ! -user root -o ! -group root -o ( ! -type l -perm /022 ) )'
    foreign = foreign.replace("(", "\\(").replace(")", "\\)")
    assert installed.run("sh", "-c", foreign, "sh", *files[1:]) == ""
    libraries = [name for name in files if name.endswith(".so")]
    assert "not found" not in installed.run("ldd", *libraries)
    imported = "import sys; sys.path.insert(0, '/usr/lib/layover-agent'); import layover_agent.app"
    imported += "; print([m.__file__ for m in sys.modules.values() if '/dist-packages' in"
    imported += " str(getattr(m, '__file__', ''))])"
    assert installed.run("/usr/bin/python3", "-IS", "-c", imported) == "[]"
    assert installed.run("layover-agent", "--version").startswith("layover-agent ")
    said = installed.try_("systemd-analyze", "verify", "layover-agent.service").stderr.splitlines()
    newer = re.compile(r"Unknown key (name )?'Restart(Steps|MaxDelaySec)'")
    assert [line for line in said if "layover" in line and not newer.search(line)] == []


# What the kernel answers under the shipped unit with each way of letting it hold.
UNTOUCHED = {
    "read": "ok", "write": "EACCES", "chmod": "EPERM", "rename": "EACCES", "write system": "EROFS",
    "write state": "ok", "set clock": "EPERM", "ask clock": True, "sees the recorder": True,
    "homes": "EACCES", "root": "EPERM", "link to state": "EXDEV",
}  # fmt: skip
OPEN_DISK = "[Service]\nSupplementaryGroups=recorder\nReadWritePaths=/recordings\n"
PREPARED = "ExecStartPre=+/usr/lib/layover-agent/prepare /recordings/.layover-holds\n"


@needs_box
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
            UNTOUCHED | {"link": "EROFS", "write": "EROFS", "chmod": "EROFS", "rename": "EROFS"},
            id="all-read-only",
        ),
        pytest.param(
            "[Service]\nSupplementaryGroups=recorder\n" + PREPARED
            + "ReadWritePaths=/recordings/.layover-holds\n",
            UNTOUCHED | {"link": "EXDEV", "write": "EROFS", "chmod": "EROFS", "rename": "EROFS"},
            id="read-only-beside-a-writable-holds-folder",
        ),
        pytest.param(
            OPEN_DISK + PREPARED, UNTOUCHED | {"link": "EPERM"}, id="in-the-recorder-s-group"
        ),
        pytest.param(
            OPEN_DISK + PREPARED + "CapabilityBoundingSet=CAP_FOWNER\nAmbientCapabilities=CAP_FOWNER\n",
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


@needs_box
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
    assert seen.startswith("disk") and "rw" in seen.split()[-1].split(",")
    box.run("umount", "/recordings")  # not lazily: busy is an error
    assert "disk" not in box.run(*inside, "cat", "/proc/self/mounts").split()
    box.run("systemctl", "stop", "late.service")
    box.run("mount", "-t", "tmpfs", "none", "/recordings")
    box.run("mount", "-t", "tmpfs", "-o", "size=1m", "disk", "/recordings")
    box.run("systemctl", "start", "late.service")
    box.run("umount", "/recordings")
    pid = box.run("systemctl", "show", "--property=MainPID", "--value", "late.service")
    assert "disk" not in box.run("nsenter", "-t", pid, "-m", "cat", "/proc/self/mounts").split()
    box.run("systemctl", "stop", "late.service")


# --- a box's life


@needs_box
@pytest.mark.slow
def test_from_install_to_purge(box: Boxed, package: Path) -> None:
    deb = f"/run/shared/{package.name}"
    before = files(box)
    recordings = digests(box, "/recordings")

    box.run("dpkg", "-i", deb)
    assert box.run("systemctl", "is-enabled", "layover-agent") == "enabled"
    assert state_of(box) == "inactive"  # nothing is configured: nothing fails, nothing runs

    enrol(box)
    box.write("/etc/systemd/system/layover-agent.service.d/holds.conf", BY_CAPABILITY)
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "start", "layover-agent")  # waits for READY=1
    first = main_pid(box)
    assert box.run("stat", "-c", "%U", f"/proc/{first}") == "layover"
    assert box.run("stat", "-c", "%U %a", "/recordings/.layover-holds") == "layover 700"
    identity = digests(box, "/var/lib/layover-agent/identity")
    assert box.run("find", "/var/lib/layover-agent", "!", "-user", "layover") == ""

    box.run("dpkg", "-i", deb)
    assert state_of(box) == "active"
    assert main_pid(box) != first

    box.run("dpkg", "-r", "layover-agent")
    assert state_of(box) == "inactive"
    assert digests(box, "/var/lib/layover-agent/identity") == identity
    assert "/etc/layover-agent/box.toml" in files(box)

    box.run("dpkg", "-i", deb)
    box.run("systemctl", "is-active", "layover-agent")
    assert digests(box, "/var/lib/layover-agent/identity") == identity

    box.run("dpkg", "--purge", "layover-agent")
    assert files(box) - before == set()
    assert digests(box, "/recordings") == recordings


@needs_box
@pytest.mark.slow
def test_a_hung_agent_is_restarted(box: Boxed, package: Path) -> None:
    box.run("dpkg", "-i", f"/run/shared/{package.name}")
    enrol(box)
    box.write(
        "/etc/systemd/system/layover-agent.service.d/soon.conf",
        "[Service]\nWatchdogSec=2s\nRestartSec=100ms\n",
    )
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "start", "layover-agent")
    hung = main_pid(box)
    box.run("kill", "-STOP", hung)
    show = ("systemctl", "show", "--property=NRestarts", "--value", "layover-agent")
    box.until(*show, says="1")
    box.until("systemctl", "is-active", "layover-agent", says="active")
    assert main_pid(box) != hung


@needs_box
@pytest.mark.slow
def test_purge_keeps_held_recordings_that_exist_nowhere_else(box: Boxed, package: Path) -> None:
    box.run("dpkg", "-i", f"/run/shared/{package.name}")
    box.run("mkdir", "-p", "/var/lib/layover-agent/holds", "/var/lib/layover-agent/identity")
    box.write("/var/lib/layover-agent/holds/only", "moving")
    box.write("/var/lib/layover-agent/twice", "moving")
    box.run("ln", "/var/lib/layover-agent/twice", "/var/lib/layover-agent/holds/twice")
    done = box.try_("dpkg", "--purge", "layover-agent")
    assert done.returncode == 0
    assert "/var/lib/layover-agent/holds has recordings" in done.stderr
    assert box.run("ls", "-A", "/var/lib/layover-agent") == "holds"
    assert box.run("cat", "/var/lib/layover-agent/holds/only") == "moving"


def enrol(box: Boxed) -> None:
    """As a technician does it: as root, with files that central made."""
    box.write("/etc/layover-agent/box.toml", CONFIG)
    about = ("--config", "/etc/layover-agent/box.toml")
    said = box.run("layover-agent", "identity", *about, "--csr", "/run/shared/box.csr")
    request = (box.shared / "box.csr").read_bytes()
    identity = identity_of(request)
    assert identity.replace(":", "")[:4] in said
    (box.shared / "box.pem").write_bytes(FleetCa().bundle(request, identity))
    box.run("layover-agent", "enrol", *about, "/run/shared/box.pem")


def identity_of(request: bytes) -> str:
    key = x509.load_pem_x509_csr(request).public_key()
    return identity_of_public_key(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def state_of(box: Boxed) -> str:
    return box.try_("systemctl", "is-active", "layover-agent").stdout.strip()


def main_pid(box: Boxed) -> str:
    return box.run("systemctl", "show", "--property=MainPID", "--value", "layover-agent")


def files(box: Boxed) -> set[str]:
    """What a package could leave behind: everything but dpkg's own books and the logs."""
    script = "find /etc /usr /var /run/systemd/system -path /var/lib/dpkg -prune -o -path /var/log"
    script += " -prune -o -path /var/cache -prune -o -print"
    return set(box.run("sh", "-c", script).splitlines())


def digests(box: Boxed, folder: str) -> str:
    script = 'find "$1" -type f -exec sha256sum {} + | sort'
    return box.run("sh", "-c", script, "sh", folder)
