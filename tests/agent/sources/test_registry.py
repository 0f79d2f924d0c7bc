import io
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from agent.kit import NOW_MS, write_at
from agent.sources.frigate_kit import Frigate
from agent.sources.kit_scan import scanned

from layover_agent.config import BadConfig
from layover_agent.settings import SourceConfig
from layover_agent.sources import registry
from layover_agent.sources.frigate import FrigateSource
from layover_agent.sources.openpilot import OpenpilotSource
from layover_agent.sources.template import TemplateSource

PAGE = Path(__file__).parents[3] / "docs/recorders.md"
PROJECT = Path(__file__).parents[3] / "pyproject.toml"

Install = Callable[[str, str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Puts a package with one module and its entry points where Python finds packages."""
    packages = tmp_path / "site-packages"
    packages.mkdir()
    monkeypatch.syspath_prepend(packages)
    modules: list[str] = []

    def install(package: str, module: str, points: str) -> None:
        name = package.replace("-", "_")
        modules.append(name)
        (packages / f"{name}.py").write_text(module)
        about = packages / f"{name}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(f"[{registry.GROUP}]\n{points}\n")

    yield install
    for name in modules:
        sys.modules.pop(name, None)


def config(recorder: str, folder: str = "/nowhere", **settings: object) -> SourceConfig:
    return SourceConfig(folder=folder, recorder=recorder, **settings)  # type: ignore[arg-type]


def test_a_layout_without_a_recorder_is_a_template() -> None:
    source = registry.made("main", config("", layout="{camera}/%s.ts"))
    assert isinstance(source, TemplateSource)


@pytest.mark.parametrize(
    ("name", "kind"), [("frigate", FrigateSource), ("openpilot", OpenpilotSource)]
)
def test_the_project_s_own_adapters_are_entry_points(
    install: Install, name: str, kind: type
) -> None:
    points = tomllib.loads(PROJECT.read_text())["project"]["entry-points"][registry.GROUP]
    install("as-declared", "", f"declared-{name} = {points[name]}")
    assert type(registry.made("main", config(f"declared-{name}"))) is kind


def test_only_what_is_asked_for_is_imported(install: Install) -> None:
    install("layover-a", "def Source(name, config): ...", "a = layover_a:Source")
    install("layover-b", "raise RuntimeError('never')", "b = layover_b:Source")
    with pytest.raises(BadConfig, match="is no source, it lacks entries, entry"):
        registry.made("main", config("a"))
    names = [kind.name for kind in registry.kinds()]
    assert {"a", "b"} <= set(names)
    assert "layover_b" not in sys.modules


@pytest.mark.parametrize(
    ("module", "says"),
    [
        pytest.param("raise RuntimeError('boom')", r"failed \(RuntimeError: boom\)", id="import"),
        pytest.param("import nothing_of_that_name", "ModuleNotFoundError", id="its dependency"),
        pytest.param("", "AttributeError", id="attribute"),
        pytest.param("def Source(name): ...", "TypeError", id="called otherwise"),
        pytest.param("def Source(name, config): ...", "is no source, it lacks", id="nothing"),
        pytest.param("syntax error", "SyntaxError", id="syntax"),
    ],
)
def test_a_broken_plug_in_gives_one_clear_error(install: Install, module: str, says: str) -> None:
    install("layover-bad", module, "bad = layover_bad:Source")
    with pytest.raises(BadConfig, match=says) as caught:
        registry.made("front", config("bad"))
    assert str(caught.value).startswith("sources.front.recorder = 'bad': layover_bad:Source of ")
    assert "install a version of layover-bad that fits this agent" in str(caught.value)


def test_a_plug_in_may_refuse_its_settings_in_its_own_words(install: Install) -> None:
    module = (
        "from layover_agent.config import BadConfig\n"
        "def Source(name, config): raise BadConfig(f'sources.{name}.camera is missing')\n"
    )
    install("layover-strict", module, "strict = layover_strict:Source")
    with pytest.raises(BadConfig, match=r"^sources.front.camera is missing$"):
        registry.made("front", config("strict"))


def test_one_name_from_two_packages_is_refused(install: Install) -> None:
    install("layover-one", "", "twice = layover_one:Source")
    install("layover-two", "", "twice = layover_two:Source")
    with pytest.raises(BadConfig, match="offered by layover-one and layover-two: remove one"):
        registry.made("main", config("twice"))


@pytest.mark.parametrize(
    ("name", "hint"),
    [("mediamxt", "did you mean mediamtx?"), ("qqqqqq", "known are blackvue, ")],
)
def test_an_unknown_recorder_is_refused_with_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(BadConfig, match=re.escape(hint)):
        registry.made("main", config(name))


def test_the_page_s_table_is_what_is_known() -> None:
    made = re.search(r"<!-- recorders:.*? -->\n(.*)<!-- /recorders -->", PAGE.read_text(), re.S)
    assert made
    assert made[1] == registry.reference(), "paste registry.reference() into docs/recorders.md"


def block(name: str) -> str:
    """A file that the page shows under its name."""
    found = re.search(rf"`{re.escape(name)}`:\n\n```\w+\n(.*?)```", PAGE.read_text(), re.S)
    assert found, f"the page shows no {name}"
    return found[1]


def filmed(created: str | None) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        if created:
            container.metadata["creation_time"] = created
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(20):
            picture = np.full((48, 64, 3), number, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return buffer.getvalue()


async def test_the_page_s_example_lists_a_card(install: Install, tmp_path: Path) -> None:
    project = tomllib.loads(block("pyproject.toml"))["project"]
    ((name, target),) = project["entry-points"][registry.GROUP].items()
    install(project["name"], block("layover_gopro.py"), f"{name} = {target}")
    card = tmp_path / "card"
    written_ms = NOW_MS - 3_600_000
    write_at(card / "DCIM/100GOPRO/GX010007.MP4", filmed("2026-11-21T09:30:00Z"), written_ms)
    write_at(card / "DCIM/100GOPRO/GH020007.MP4", filmed(None), written_ms)
    write_at(card / "DCIM/100GOPRO/GX010007.THM", b"thumb", written_ms)
    write_at(card / "MISC/version.txt", b"version", written_ms)

    source = registry.made("helmet", config(name, str(card), camera="helmet"))
    rows = await scanned(source, tmp_path)

    dated, undated = rows["DCIM/100GOPRO/GX010007.MP4"], rows["DCIM/100GOPRO/GH020007.MP4"]
    assert len(rows) == 2
    assert {row.camera for row in rows.values()} == {"helmet"}
    assert (dated.start_ms, dated.start_source) == (NOW_MS - 5_400_000, "container")
    assert dated.end_ms - dated.start_ms == 2_000
    assert (undated.start_ms, undated.start_source) == (written_ms - 2_000, "mtime")
    assert {row.confidence for row in rows.values()} == {"guessed"}


async def test_frigate_is_listed_by_a_real_scan(tmp_path: Path) -> None:
    frigate = Frigate.made(tmp_path)
    frigate.file("2026-11-21/10/front/00.00.mp4", filmed(None))
    frigate.row("2026-11-21/10/front/00.00.mp4", NOW_MS / 1000 - 3600, NOW_MS / 1000 - 3598)
    (row,) = (await scanned(frigate.source(), tmp_path)).values()
    assert (row.start_ms, row.start_source) == (NOW_MS - 3_600_000, "database")
    assert (row.end_ms - row.start_ms, row.end_source) == (2_000, "container")
    assert (row.camera, row.confidence, row.damaged) == ("front", "sure", False)


async def test_openpilot_is_listed_by_a_real_scan(tmp_path: Path) -> None:
    folder, route = tmp_path / "realdata", "000001a3--c20ba54385"
    began_ms = NOW_MS - 3_600_000
    for number in range(4):
        closed_ms = began_ms + (number + 1) * 60_000
        for file in ("fcamera.hevc", "qlog.zst"):
            write_at(folder / f"{route}--{number}" / file, bytes([number]) * 99, closed_ms)
    source = OpenpilotSource("device", config("openpilot", str(folder)))
    rows = await scanned(source, tmp_path)
    assert [
        (row.start_ms - began_ms, row.end_ms - row.start_ms, row.start_source)
        for row in sorted(rows.values(), key=lambda row: row.path)
    ] == [(number * 60_000, 60_000, "mtime") for number in range(4)]
