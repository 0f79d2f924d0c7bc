"""Trees of /proc and /sys as real boxes have them, for readers that take a root."""

from pathlib import Path

MOUNTINFO = (
    "22 27 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:5 - proc proc rw\n"
    "27 1 179:2 / / rw,noatime shared:1 - ext4 /dev/root rw\n"
)
STAT = " 9034 102 40211 5120 {writes} 77 900123 8101 {in_flight} 8000 13221 0 0 0 0 12 5\n"


class Tree:
    """One box's kernel files under a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.mountinfo = MOUNTINFO
        self.write("proc/self/mountinfo", MOUNTINFO)

    def write(self, path: str, text: str) -> Path:
        made = self.root / path
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_bytes(text.encode())
        return made

    def link(self, path: str, target: str) -> None:
        made = self.root / path
        made.parent.mkdir(parents=True, exist_ok=True)
        made.symlink_to(self.root / target)

    def disk(self, name: str, bus: str = "pci0000:00/ata1/host0") -> str:
        """A whole disk; gives its folder."""
        folder = f"sys/devices/{bus}/block/{name}"
        self.write(f"{folder}/stat", STAT.format(writes=50, in_flight=0))
        self.link(f"sys/block/{name}", folder)
        self.link(f"sys/class/block/{name}", folder)
        return folder

    def partition(self, disk: str, name: str, number: str) -> str:
        folder = f"{disk}/{name}"
        self.write(f"{folder}/partition", "1\n")
        self.link(f"sys/class/block/{name}", folder)
        self.link(f"sys/dev/block/{number}", folder)
        return folder

    def mount(
        self, point: Path, device: str, number: str, kind: str = "ext4", options: str = "rw",
        mine: str = "rw",
    ) -> None:  # fmt: skip
        spelt = str(point).replace("\\", "\\134").replace(" ", "\\040")
        self.mountinfo += (
            f"41 27 {number} / {spelt} {mine},noatime shared:9 - {kind} {device} {options}\n"
        )
        self.write("proc/self/mountinfo", self.mountinfo)

    def process(self, number: int, comm: str, began_ticks: int, *arguments: str) -> None:
        self.write(f"proc/{number}/comm", f"{comm}\n")
        self.write(f"proc/{number}/cmdline", "\0".join([*arguments, ""]))
        middle = "S 1 1 1 0 -1 4194560 100 0 0 0 5 6 0 0 20 0 9 0"
        self.write(f"proc/{number}/stat", f"{number} ({comm}) {middle} {began_ticks} 99 88\n")


def usb_disk(root: Path, point: Path) -> Tree:
    """A recorder's USB disk ``sda1`` on ext4, mounted at a point."""
    tree = Tree(root)
    tree.partition(tree.disk("sda"), "sda1", "8:1")
    tree.mount(point, "/dev/sda1", "8:1")
    tree.write("sys/fs/ext4/sda1/errors_count", "0\n")
    tree.write("sys/fs/ext4/sda1/last_error_time", "0\n")
    return tree
