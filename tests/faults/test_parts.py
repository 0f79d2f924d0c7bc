"""A part of the agent that fails is told, and ends nothing else; a plug-in is one as well."""

import os
import sys
from pathlib import Path

import pytest
from agent.kit import eventually
from agent.process import Agent, Running
from faults.kit import listed, served, watched

pytestmark = pytest.mark.slow

PLUG_IN = '''
from pathlib import Path
from layover_agent.core.layout import Named
from layover_agent.sources.folder import FolderSource

class FailingSource(FolderSource):
    """Works until somebody puts a file named as the call that shall fail beside its folder."""

    def _maybe_fail(self, call):
        if (self.folder.parent / f"fail-{call}").exists():
            raise RuntimeError(f"{call} of the plug-in failed")

    def entries(self, unreadable):
        self._maybe_fail("entries")
        for entry in super().entries(unreadable):
            self._maybe_fail("entry")
            yield entry

    def named(self, entry):
        self._maybe_fail("named")
        return Named("cam", entry.mtime_ns // 1_000_000, True)

    def examine(self, entry, named, **how):
        self._maybe_fail("examine")
        return super().examine(entry, named, **how)

    def open(self, path):
        self._maybe_fail("open")
        return super().open(path)
'''


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Agent:
    """With an ordinary source, and one of a package that was installed beside."""
    site = tmp_path / "site"
    facts = site / "failing_recorder-1.0.dist-info"
    facts.mkdir(parents=True)
    (site / "failing_recorder.py").write_text(PLUG_IN)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: failing-recorder\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(
        "[layover_agent.sources]\nfailing = failing_recorder:FailingSource\n"
    )
    before = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(site), before])))
    made = Agent(tmp_path)
    plugged = tmp_path / "plugged"
    plugged.mkdir()
    section = f'[sources.plugged]\nfolder = "{plugged}"\nrecorder = "failing"\nsettle_s = 0.5\n'
    text = made.config.read_text().replace("every_s = 30", "every_s = 1\nfull_s = 2")
    # Before the ordinary one: what fails first must not keep it waiting.
    made.config.write_text(text.replace("[sources.main]", f"{section}[sources.main]"))
    made.enrol()
    return made


async def told(running: Running, text: str, *, there: bool = True) -> None:
    """Waits until a fault says so, or none does any more."""

    async def said_so() -> bool:
        faults = (await running.status()).faults
        texts = [one.text for fault in faults for one in (fault, *fault.consequences)]
        return any(text in one for one in texts) is there

    await eventually(said_so, f"{'a' if there else 'no'} fault that says {text!r}", 90)


@pytest.mark.parametrize("call", ["entries", "entry", "named", "examine"])
async def test_a_source_whose_calls_fail(agent: Agent, tmp_path: Path, call: str) -> None:
    (tmp_path / "plugged" / "one").write_bytes(b"of the plug-in")
    data = os.urandom(50_000)
    agent.record("10-00-00.h264", data)
    async with watched(agent) as running:
        rows = await listed(running, 2)
        trouble = tmp_path / f"fail-{call}"
        trouble.touch()
        (tmp_path / "plugged" / "two").write_bytes(b"another of the plug-in")
        await told(running, "plug-in failed")
        (own,) = [row for row in rows if row.camera == "front"]
        assert await served(running, own)
        trouble.unlink()
        await listed(running, 3, timeout_s=60)
        assert await running.stop() == 0


async def test_a_source_that_cannot_open_its_files(agent: Agent, tmp_path: Path) -> None:
    (tmp_path / "plugged" / "one").write_bytes(b"of the plug-in")
    agent.record("10-00-00.h264", os.urandom(50_000))
    async with watched(agent) as running:
        rows = {row.camera: row for row in await listed(running, 2)}
        (tmp_path / "fail-open").touch()
        answer = await running.client.get(f"/recordings/{rows['cam'].id}")
        assert answer.status_code >= 400
        assert await served(running, rows["front"])
        (tmp_path / "fail-open").unlink()
        assert await served(running, rows["cam"])


async def test_a_failing_source_keeps_the_other_from_nothing(agent: Agent, tmp_path: Path) -> None:
    """What the ordinary recorder closes while the plug-in fails is listed all the same."""
    (tmp_path / "plugged" / "one").write_bytes(b"of the plug-in")
    agent.record("10-00-00.h264", os.urandom(50_000))
    async with watched(agent) as running:
        await listed(running, 2)
        (tmp_path / "fail-entries").touch()
        await told(running, "plug-in failed")
        agent.record("10-01-00.h264", os.urandom(50_000))
        await listed(running, 3, timeout_s=30)
        (tmp_path / "fail-entries").unlink()
        await told(running, "plug-in failed", there=False)


async def test_a_plug_in_that_cannot_be_loaded_is_said_in_words(
    agent: Agent, tmp_path: Path
) -> None:
    (tmp_path / "site" / "failing_recorder.py").write_text("raise ImportError('of another age')")
    done = agent.call("run")
    assert done.returncode == 2
    assert "of another age" in done.stderr
    assert "Traceback" not in done.stderr
    assert sys.executable not in done.stderr
