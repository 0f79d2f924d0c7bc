"""The Debian package from install to purge, on a box with the real service manager."""

import hashlib
import re
from pathlib import Path

import pytest
from agent.kit import FleetCa
from agent.package.boxed import Boxed
from agent.package.kit import BY_CAPABILITY, ROOT, built
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from layover_agent.wire.identity import identity_of_public_key

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


def test_the_box_gets_the_versions_we_test_with() -> None:
    """requirements/agent.txt is a part of dev.txt, hashes included, and has no addresses."""
    pinned, tested = (
        dict(re.findall(r"^([\w.-]+)==(\S+?)(?=[\s;\\])", path.read_text(), re.MULTILINE))
        for path in (ROOT / "requirements" / "agent.txt", ROOT / "requirements" / "dev.txt")
    )
    assert pinned.items() <= tested.items()
    assert {"aiosqlite", "cryptography", "h11", "msgpack", "psutil", "zeroconf"} <= pinned.keys()
    assert "://" not in (ROOT / "requirements" / "agent.txt").read_text()


@pytest.mark.slow
def test_the_same_checkout_gives_the_same_bytes(package: Path, tmp_path: Path) -> None:
    again = built(tmp_path)
    assert hashlib.sha256(again.read_bytes()).digest() == (
        hashlib.sha256(package.read_bytes()).digest()
    )


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
    start(box)
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
    box.run("test", "-e", "/etc/layover-agent/box.toml")

    box.run("dpkg", "-i", deb)
    box.run("systemctl", "is-active", "layover-agent")
    assert digests(box, "/var/lib/layover-agent/identity") == identity

    box.run("dpkg", "--purge", "layover-agent")
    assert files(box) - before == set()
    assert digests(box, "/recordings") == recordings


@pytest.mark.slow
def test_a_hung_agent_is_restarted(box: Boxed, package: Path) -> None:
    box.run("dpkg", "-i", f"/run/shared/{package.name}")
    enrol(box)
    box.write("/etc/systemd/system/layover-agent.service.d/holds.conf", BY_CAPABILITY)
    box.write(
        "/etc/systemd/system/layover-agent.service.d/soon.conf",
        "[Service]\nWatchdogSec=2s\nRestartSec=100ms\n",
    )
    box.run("systemctl", "daemon-reload")
    start(box)
    hung = main_pid(box)
    box.run("kill", "-STOP", hung)
    show = ("systemctl", "show", "--property=NRestarts", "--value", "layover-agent")
    box.until(*show, says="1")
    box.until("systemctl", "is-active", "layover-agent", says="active")
    assert main_pid(box) != hung


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


@pytest.mark.slow
def test_what_root_prepares_gives_nothing_else_away(installed: Boxed) -> None:
    """The recorder may put anything in the holds folder's place, the agent in its own state."""
    script = """
state=/run/prepared; disk=/run/disk; mkdir -p $state/identity $state/holds $disk
touch $state/identity/site.key $disk/recording; chown layover $state
ln $disk/recording $state/holds/held; ln -s /etc/shadow $state/identity/link
ln -s /etc $disk/planted; mkdir $disk/full; touch $disk/full/x
for holds in "$disk/holds" "$disk/planted" "$disk/full" "$disk/no/such"; do
  STATE_DIRECTORY=$state /usr/lib/layover-agent/prepare "$holds" || true
done
stat -c '%U %n' $state/identity $state/identity/site.key $disk/holds
stat -c '%U %n' $disk/recording /etc /etc/shadow $disk/full
"""
    owners = [line.split()[0] for line in installed.run("sh", "-euc", script).splitlines()]
    assert owners == ["layover"] * 3 + ["root"] * 4


def enrol(box: Boxed) -> None:
    """As a technician does it: as root, with files that central made."""
    box.write("/etc/layover-agent/box.toml", CONFIG)
    about = ("--config", "/etc/layover-agent/box.toml")
    said = box.run("layover-agent", "identity", *about, "--csr", "/run/shared/box.csr")
    request = (box.shared / "box.csr").read_bytes()
    identity = identity_of(request)
    assert identity.startswith(said.split()[0].replace("-", "").lower())
    (box.shared / "box.pem").write_bytes(FleetCa().bundle(request, identity))
    box.run("layover-agent", "enrol", *about, "/run/shared/box.pem")


def identity_of(request: bytes) -> str:
    key = x509.load_pem_x509_csr(request).public_key()
    return identity_of_public_key(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def start(box: Boxed) -> None:
    """Starts the service; that ends well once the agent has said READY=1."""
    done = box.try_("systemctl", "start", "layover-agent")
    assert done.returncode == 0, (box.shared / "agent.log").read_text()


def state_of(box: Boxed) -> str:
    return box.try_("systemctl", "is-active", "layover-agent").stdout.strip()


def main_pid(box: Boxed) -> str:
    return box.run("systemctl", "show", "--property=MainPID", "--value", "layover-agent")


def files(box: Boxed) -> set[str]:
    """What a package could leave behind: all but dpkg's own books, caches and logs. The user stays,
    as Debian wants it: its files may."""
    script = """
find /etc /usr /var /run/systemd -name "*layover*" ! -path "/var/lib/dpkg/*"
cd /run/changed
find . ! -type d ! -type c ! -path "./var/lib/dpkg/*" ! -path "./var/log/*" ! -path "./var/cache/*"
"""
    return set(box.run("sh", "-euc", script).splitlines())


def digests(box: Boxed, folder: str) -> str:
    script = 'find "$1" -type f -exec sha256sum {} + | sort'
    return box.run("sh", "-c", script, "sh", folder)
