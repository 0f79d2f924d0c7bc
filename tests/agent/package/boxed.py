"""A whole box in namespaces: the real service manager, started on a copy of this machine's system.

The system's files are an overlay of this machine's, so nothing on it changes; homes, /opt,
/usr/local and everybody's units are hidden. What runs is PID 1 of its own, with its own network,
mounts and control group.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HIDDEN = ("/opt", "/usr/local", "/root", "/home", "/srv", "/mnt", "/usr/lib/systemd/system",
          "/etc/systemd/system")  # fmt: skip
TARGETS = ("sysinit", "basic", "shutdown", "local-fs", "network", "time-set", "multi-user")

_OUTER = """
mkdir "$1/groups" && mount -t cgroup2 none "$1/groups" && mkdir "$1/groups/$2"
echo 0 > "$1/groups/$2/cgroup.procs"
exec unshare --cgroup --pid --uts --ipc --net --fork --kill-child sh -euc "$3" sh "$1"
"""
_INNER = """
root=$1/root
mkdir "$1/upper" "$1/work" "$root"
mount -t overlay none -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$root"
for folder in HIDDEN /run /tmp /dev; do mount -t tmpfs -o mode=755 none "$root$folder"; done
rm -rf "$root/etc/layover-agent" "$root/var/lib/layover-agent" "$root/usr/sbin/policy-rc.d"
for target in TARGETS; do printf '[Unit]\\n' > "$root/usr/lib/systemd/system/$target.target"; done
chmod 1777 "$root/tmp"
mknod -m 666 "$root/dev/null" c 1 3; mknod -m 666 "$root/dev/zero" c 1 5
mknod -m 666 "$root/dev/full" c 1 7; mknod -m 666 "$root/dev/random" c 1 8
mknod -m 666 "$root/dev/urandom" c 1 9; mknod -m 666 "$root/dev/tty" c 5 0
ln -s pts/ptmx "$root/dev/ptmx"; mkdir "$root/dev/mqueue" "$root/dev/hugepages"
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"; mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"; mount -t cgroup2 none "$root/sys/fs/cgroup"
mkdir "$root/run/systemd"
mkdir "$root/run/shared"; mount --bind "$1/shared" "$root/run/shared"
mkdir "$root/run/changed"; mount --bind "$1/upper" "$root/run/changed"
cd "$root"; pivot_root . mnt; umount -l mnt; mount --make-rshared /
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
  /usr/lib/systemd/systemd --system --unit=basic.target --show-status=0 --log-target=null
""".replace("HIDDEN", " ".join(HIDDEN)).replace("TARGETS", " ".join(TARGETS))


def why_not() -> str:
    """Why this machine cannot run a box; empty: it can."""
    if os.geteuid() != 0:
        return "only root can make the namespaces of a box"
    missing = [t for t in ("unshare", "nsenter", "systemctl", "dpkg") if shutil.which(t) is None]
    if missing:
        return f"{', '.join(missing)} not installed"
    probe = ["unshare", "--mount", "--net", "sh", "-c", "mount -t cgroup2 none /mnt"]
    said = subprocess.run(probe, capture_output=True, text=True)
    return f"no namespaces here: {said.stderr.strip()}" if said.returncode else ""


@dataclass
class Boxed:
    """A running box. ``shared`` is a folder of the test's that it has at /run/shared; what it has
    changed of this machine's files is at /run/changed."""

    pid: int
    shared: Path

    def try_(self, *command: str, text: str = "") -> "subprocess.CompletedProcess[str]":
        """Runs a command in the box, as root."""
        enter = ["nsenter", "-t", str(self.pid), "-m", "-p", "-u", "-i", "-n", "-C"]
        clean = [
            "env",
            "-i",
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
            "DEBIAN_FRONTEND=noninteractive",
        ]
        return subprocess.run(
            [*enter, *clean, *command],
            input=text, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    def run(self, *command: str, text: str = "") -> str:
        """What the command prints. It must succeed."""
        done = self.try_(*command, text=text)
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def write(self, path: str, text: str) -> None:
        self.run("sh", "-euc", 'mkdir -p "${1%/*}"; cat > "$1"', "sh", path, text=text)

    def until(self, *command: str, says: str, within_s: float = 30) -> None:
        """Waits until the command says so."""
        deadline = time.monotonic() + within_s
        while (said := self.try_(*command).stdout.strip()) != says:
            assert time.monotonic() < deadline, f"{command} still says {said!r}, not {says!r}"
            time.sleep(0.05)


@contextlib.contextmanager
def boxed(folder: Path) -> Iterator[Boxed]:
    """A box that has booted, until the end of the block."""
    shared = folder / "shared"
    shared.mkdir()
    group = f"layover-box-{uuid.uuid4().hex}"
    outer = ["unshare", "--mount", "--propagation", "private", "sh", "-euc"]
    stage = folder / "stage"
    stage.mkdir()
    mounts = (
        'mount -t tmpfs -o mode=755 none "$1"; mkdir "$1/shared"; mount --bind "$4" "$1/shared"'
    )
    with (folder / "boot.log").open("wb") as log:
        process = subprocess.Popen(
            [*outer, mounts + _OUTER, "sh", str(stage), group, _INNER, str(shared)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield _booted(process, shared, folder / "boot.log")
    finally:
        process.send_signal(signal.SIGKILL)  # takes PID 1 with it, and PID 1 everything
        process.wait()
        _remove_group(group)


def _booted(process: "subprocess.Popen[bytes]", shared: Path, log: Path) -> Boxed:
    deadline = time.monotonic() + 30
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while time.monotonic() < deadline and process.poll() is None:
        pids = children.read_text().split()
        if pids:
            box = Boxed(int(pids[0]), shared)
            if box.try_("systemctl", "is-active", "basic.target").stdout.strip() == "active":
                return box
        time.sleep(0.05)
    raise AssertionError(f"the box did not boot: {log.read_text()}")


def _remove_group(name: str) -> None:
    """Control groups outlive what ran in them, which may take a moment to end."""
    script = """
mount -t cgroup2 none /mnt
for _ in $(seq 100); do
  find "/mnt/$1" -depth -type d -exec rmdir {} + 2>/dev/null && exit
  sleep 0.05
done
"""
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", name]
    subprocess.run(command, capture_output=True, timeout=30)
