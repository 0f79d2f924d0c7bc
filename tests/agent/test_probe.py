import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from layover_agent import probe as module
from layover_agent.probe import Probed, probe


@contextlib.contextmanager
def opened(path: Path, data: bytes) -> Iterator[int]:
    path.write_bytes(data)
    file = os.open(path, os.O_RDONLY)
    try:
        yield file
    finally:
        os.close(file)


def test_a_whole_file(tmp_path: Path, mp4: bytes) -> None:
    with opened(tmp_path / "a.mp4", mp4) as file:
        os.lseek(file, 100, os.SEEK_SET)
        assert probe(file, "mp4", 30) == Probed(2000)


def test_the_file_needs_no_name(tmp_path: Path, mp4: bytes) -> None:
    with opened(tmp_path / "a.mp4", mp4) as file:
        (tmp_path / "a.mp4").unlink()
        assert probe(file, "mp4", 30) == Probed(2000)


@pytest.mark.parametrize("data", [b"", b"x" * 5000], ids=["empty", "junk"])
def test_what_a_decoder_cannot_read(tmp_path: Path, data: bytes) -> None:
    with opened(tmp_path / "a.avi", data) as file:
        found = probe(file, "avi", 30)
    assert found.duration_ms is None
    assert found.why.startswith("the decoder cannot read it")


def test_no_other_format_is_guessed(tmp_path: Path) -> None:
    """A playlist would make the decoder open what it names."""
    other = (
        b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:1/a.ts\n#EXT-X-ENDLIST\n"
    )
    with opened(tmp_path / "a.ts", other) as file:
        assert probe(file, "ts", 30).duration_ms is None


def test_an_unknown_kind_is_not_tried(tmp_path: Path) -> None:
    with opened(tmp_path / "a.txt", b"x") as file:
        assert "no container" in probe(file, "txt").why


def test_a_decoder_that_hangs_is_stopped(tmp_path: Path, mp4: bytes) -> None:
    began = time.monotonic()
    with opened(tmp_path / "a.mp4", mp4) as file:
        assert probe(file, "mp4", 0.001).why == "the decoder was stopped after 0.001 s"
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("does", "why"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", f"{-signal.SIGSEGV}"),
        ("raise SystemExit(3)", "exit status 3"),
        ("print('[')", "no answer"),
        ("print('{}')", "no answer"),
        ("pass", "no answer"),
    ],
)
def test_a_decoder_that_crashes_is_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str, why: str
) -> None:
    interpreter = tmp_path / "python"
    interpreter.write_text(f"#!{sys.executable}\n{does}\n")
    interpreter.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(interpreter))
    with opened(tmp_path / "a.mp4", b"x") as file:
        found = probe(file, "mp4", 30)
    assert found.duration_ms is None
    assert why in found.why


def test_without_pyav_it_is_said_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    with opened(tmp_path / "a.mp4", b"x") as file:
        assert "layover[probe]" in probe(file, "mp4").why


def test_the_agent_itself_never_loads_the_decoder() -> None:
    code = "import sys, layover_agent.probe as p; p.installed(); sys.exit('av' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
