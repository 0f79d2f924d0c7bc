"""The order in which the archive speaks to the disk, as the kernel saw it."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SCRIPT = """
    import hashlib, sys
    from pathlib import Path
    from layover_agent.wire.types import Digests
    from layover_central.archive.files import Archive

    data, place = b"recording" * 1000, ("bus-1", "front", "2026-11-21", "one.mp4")
    digest = hashlib.sha256(data).digest()
    digests = Digests(recording_id="r1", identity="ab" * 32, size_bytes=len(data), sha256=digest,
                      chunk_bytes=1 << 20, chunks=[digest], hashed_ms=0, boot_id="boot-1")
    archive = Archive(Path(sys.argv[1]))
    part = archive.part(1)
    part.recover(digests)
    part.write(0, data)
    {step}
"""
COMMIT = "part.commit(place, digests)"
FOUND = "target = Path(sys.argv[1]).joinpath(*place); target.parent.mkdir(parents=True); "
CALL = re.compile(r"^(?:\[pid +\d+\] |\d+ +)?(fsync|rename|renameat2?|unlink)\((.*)\) += 0$")
PLACE = "bus-1/front/2026-11-21/one.mp4"
FOLDERS = ["bus-1/front/2026-11-21", "bus-1/front", "bus-1", "."]


def calls(folder: Path, step: str) -> list[tuple[str, str]]:
    """What the script did to the archive, in order: ``(call, path within the archive)``; of a
    rename, the path that it gave."""
    if shutil.which("strace") is None and "CI" not in os.environ:
        pytest.skip("strace is not installed")
    script, trace, root = folder / "script.py", folder / "trace", folder / "archive"
    script.write_text(textwrap.dedent(SCRIPT).format(step=step))
    what = "trace=fsync,fdatasync,sync_file_range,rename,renameat,renameat2,unlink"
    strace = ["strace", "-f", "-y", "-qq", "-s", "4096", "-o", str(trace), "-e", what]
    subprocess.run([*strace, sys.executable, str(script), str(root)], check=True, timeout=60)
    found = []
    for line in trace.read_text().splitlines():
        call = CALL.match(line)
        if call is None or str(root) not in line:
            continue
        last = re.findall(r'[<"](/[^>"]*)[>"]', call[2])[-1]
        found.append((call[1], str(Path(last).relative_to(root))))
    return found


def test_the_bytes_then_the_name_then_every_folder_on_the_way(tmp_path: Path) -> None:
    assert calls(tmp_path, COMMIT) == [
        ("fsync", ".incoming/1.part"),
        ("rename", PLACE),
        *[("fsync", folder) for folder in FOLDERS],
        ("fsync", ".incoming"),
    ]


def test_a_file_that_was_there_is_on_the_disk_before_its_part_goes(tmp_path: Path) -> None:
    assert calls(tmp_path, f"{FOUND} target.write_bytes(data); {COMMIT}") == [
        ("fsync", ".incoming/1.part"),
        ("fsync", PLACE),
        *[("fsync", folder) for folder in FOLDERS],
        ("unlink", ".incoming/1.part"),
        ("fsync", ".incoming"),
    ]


def test_a_file_found_after_a_crash_is_on_the_disk_before_anybody_is_told(tmp_path: Path) -> None:
    """Central died between rename and folder fsync; the machine may lose its power next."""
    found = f"{FOUND} target.write_bytes(data); assert archive.already(place, digests)"
    assert calls(tmp_path, found) == [
        ("fsync", PLACE),
        *[("fsync", folder) for folder in FOLDERS],
    ]
