"""A configuration that was written is the one that is loaded; a template differs by its label."""

import dataclasses
import string
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layover_agent import setup
from layover_agent.config import BadConfig, load
from layover_agent.recorders import known
from layover_agent.settings import SourceConfig

# What a text of TOML can hold: everything but half of a pair of surrogates.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NAME = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
NUMBER = st.integers(0, 2**63 - 1)
LAYOUTS = st.sampled_from(
    ["{camera}/%Y-%m-%d/%H-%M-%S.mp4", "%Y%m%d-%H%M%S*.ts", r"{camera:[A-Z]{1,2}} \%s.mkv"]
)
SOURCES = st.builds(
    SourceConfig,
    folder=NAME,
    recorder=st.sampled_from(["", "motion", "tesla", "frigate"]),
    layout=LAYOUTS,
    zone=st.sampled_from(["Europe/Berlin", "+02:00", "-0930"]),
    fold=st.sampled_from(["auto", "first", "second"]),
    time=st.sampled_from(["", "name", "container", "mtime"]),
    camera=NAME,
    database=TEXT,
    deletes_by=st.sampled_from(["", "unlink", "overwrite"]),
    settle_s=st.floats(0, 1e9),
    max_bytes=NUMBER,
    max_age_s=NUMBER,
    age_from=st.sampled_from(["", "start", "end", "mtime"]),
    min_free_bytes=NUMBER,
    process=TEXT,
    cameras=st.lists(NAME, max_size=3).map(tuple),
)


def completed(source: SourceConfig) -> SourceConfig:
    """With what is always so with its recorder."""
    recorder = known().get(source.recorder)
    unlinks = recorder is not None and recorder.deletes_by == "unlink"
    age_from = recorder.retention.age_from if recorder else ""
    return dataclasses.replace(
        source,
        deletes_by=source.deletes_by or ("unlink" if unlinks else ""),
        age_from=source.age_from or age_from or "start",
    )


@settings(deadline=None)
@given(st.dictionaries(TEXT, SOURCES, min_size=1, max_size=3), NAME, NAME)
def test_what_is_written_is_loaded(
    tmp_path_factory: pytest.TempPathFactory,
    sources: dict[str, SourceConfig],
    data: str,
    holds: str,
) -> None:
    place = tmp_path_factory.getbasetemp() / "round.toml"
    text = setup.written(Path(data), Path(holds), sources)
    place.write_text(text, encoding="utf-8", newline="")
    config = load(place, {})
    assert config.sources == {name: completed(one) for name, one in sources.items()}
    assert (config.data_folder, config.holds.folder) == (Path(data), str(Path(holds)))


def test_only_what_differs_is_written() -> None:
    text = setup.written(Path("/d"), Path("/h"), {"main": SourceConfig(folder="/r", camera="x")})
    assert text.splitlines()[-3:] == ["[sources.main]", 'folder = "/r"', 'camera = "x"']


def test_a_name_that_is_no_text_is_refused_with_a_way_out() -> None:
    with pytest.raises(BadConfig, match=r"'/r/\\\\xff' is no UTF-8.*rename"):
        setup.written(Path("/d"), Path("/h"), {"main": SourceConfig(folder="/r/\udcff")})


TEMPLATE = """\
# one file for all buses
data_folder = "/var/lib/layover-agent"
{label}
[sources.main]
folder = "/recordings"
layout = "{{camera}}/%Y-%m-%d/%H-%M-%S.mp4"
zone = "Europe/Berlin"
"""


@pytest.mark.parametrize(
    "label", ["", 'label = "x"', "  label='x' # here", '"label" = "x"', 'label="\\"[x]"']
)
@pytest.mark.parametrize("name", ["bus-217", 'a "b" \\ c', "Zürich\n1", ""])
def test_a_template_gets_its_label_and_nothing_else(label: str, name: str) -> None:
    template = TEMPLATE.format(label=label)
    made = setup.labelled(template, name)
    assert tomllib.loads(made) == {**tomllib.loads(template), "label": name}
    assert "# one file for all buses" in made


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("not = = toml", "not TOML"),
        ('note = """\nlabel = 1\n"""\nlabel = "x"', "one line of its own"),
        ('label = """\nx"""', "not TOML"),
    ],
)
def test_a_template_that_cannot_be_labelled_is_refused(template: str, said: str) -> None:
    with pytest.raises(BadConfig, match=said):
        setup.labelled(template, "bus-217")


@settings(deadline=None)
@given(st.text(max_size=200), TEXT)
def test_any_template_is_labelled_or_refused(template: str, label: str) -> None:
    try:
        made = setup.labelled(template, label)
    except BadConfig:
        return
    assert tomllib.loads(made)["label"] == label


def test_it_is_installed_whole(tmp_path: Path) -> None:
    place = tmp_path / "box.toml"
    config = setup.install(TEMPLATE.format(label=""), place, replace=False)
    assert list(config.sources) == ["main"]
    assert [path.name for path in tmp_path.iterdir()] == ["box.toml"]


def test_one_that_is_there_stays_unless_told(tmp_path: Path) -> None:
    place = tmp_path / "box.toml"
    place.write_text("mine")
    with pytest.raises(FileExistsError, match="--replace"):
        setup.install(TEMPLATE.format(label=""), place, replace=False)
    assert place.read_text() == "mine"
    setup.install(TEMPLATE.format(label='label = "n"'), place, replace=True)
    assert "n" in place.read_text()


def test_what_cannot_be_loaded_is_not_installed(tmp_path: Path) -> None:
    place = tmp_path / "box.toml"
    place.write_text("mine")
    with pytest.raises(BadConfig, match="max_bites"):
        setup.install(TEMPLATE.format(label="") + "max_bites = 1\n", place, replace=True)
    assert place.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["box.toml"]


def test_names_of_sources_that_are_no_bare_keys() -> None:
    source = SourceConfig(folder="/r")
    text = setup.written(Path("/d"), Path("/h"), {"bus 1.a": source, string.digits: source})
    assert '[sources."bus 1.a"]' in text
    assert "[sources.0123456789]" in text
