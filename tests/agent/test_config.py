import dataclasses
from pathlib import Path

import pytest

from layover_agent.config import BadConfig, load, reference
from layover_agent.settings import Config, Listen, SourceConfig

WHOLE = """
data_folder = "/var/lib/layover-agent"
[listen]
address = "127.0.0.1"
port = 0
port_file = "/run/port"
[advertise]
enabled = false
interfaces = ["10.0.0.1", "10.0.0.2"]
port = 9000
[holds]
folder = "/recordings/.holds"
[sources.main]
folder = "/recordings"
layout = "{camera}/%Y-%m-%d/%H-%M-%S.mp4"
zone = "Europe/Berlin"
deletes_by = "unlink"
settle_s = 2
max_bytes = 1000
max_age_s = 60
cameras = ["front"]
[sources.second]
folder = "/second"
layout = "{camera}/%s.ts"
[rescan]
every_s = 10
full_s = 600
"""
SMALL = """
data_folder = "/data"
[sources.main]
folder = "/recordings"
layout = "{camera}/%s.mp4"
"""


@pytest.fixture
def toml(tmp_path: Path):  # type: ignore[no-untyped-def]
    def loaded(text: str, **environment: str) -> Config:
        path = tmp_path / "box.toml"
        path.write_text(text)
        return load(path, environment)

    return loaded


def test_every_setting_is_read(toml) -> None:  # type: ignore[no-untyped-def]
    config = toml(WHOLE)
    assert config.data_folder == Path("/var/lib/layover-agent")
    assert config.listen == Listen("127.0.0.1", 0, "/run/port")
    assert config.advertise.interfaces == ("10.0.0.1", "10.0.0.2")
    assert config.holds_folder == Path("/recordings/.holds")
    assert config.sources["main"] == SourceConfig(
        folder="/recordings",
        layout="{camera}/%Y-%m-%d/%H-%M-%S.mp4",
        zone="Europe/Berlin",
        deletes_by="unlink",
        settle_s=2.0,
        max_bytes=1000,
        max_age_s=60,
        cameras=("front",),
        age_from="start",
    )
    assert list(config.sources) == ["main", "second"]
    assert config.rescan.every_s == 10.0


def test_what_is_not_said_has_its_default(toml) -> None:  # type: ignore[no-untyped-def]
    config = toml(SMALL)
    assert config.listen.port == 8441
    assert config.advertise.enabled
    assert config.holds_folder == Path("/data/holds")
    assert config.sources["main"].deletes_by == ""


ENVIRONMENT = {
    "LAYOVER_AGENT_DATA_FOLDER": ("/elsewhere", lambda c: str(c.data_folder), "/elsewhere"),
    "LAYOVER_AGENT_LISTEN__PORT": ("9", lambda c: c.listen.port, 9),
    "LAYOVER_AGENT_ADVERTISE__ENABLED": ("false", lambda c: c.advertise.enabled, False),
    "LAYOVER_AGENT_ADVERTISE__INTERFACES": ("a,b", lambda c: c.advertise.interfaces, ("a", "b")),
    "LAYOVER_AGENT_SOURCES__MAIN__FOLDER": ("/x", lambda c: c.sources["main"].folder, "/x"),
    "LAYOVER_AGENT_SOURCES__MAIN__SETTLE_S": ("0.5", lambda c: c.sources["main"].settle_s, 0.5),
    "LAYOVER_AGENT_RESCAN__EVERY_S": ("1.5", lambda c: c.rescan.every_s, 1.5),
}


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_the_environment_wins(toml, name: str) -> None:  # type: ignore[no-untyped-def]
    text, read, value = ENVIRONMENT[name]
    assert read(toml(WHOLE, **{name: text})) == value


def test_a_source_with_a_capital_letter_can_be_set_from_the_environment(toml) -> None:  # type: ignore[no-untyped-def]
    text = SMALL.replace("sources.main", "sources.Main")
    assert toml(text, LAYOVER_AGENT_SOURCES__MAIN__FOLDER="/x").sources["Main"].folder == "/x"


def test_other_variables_are_left_alone(toml) -> None:  # type: ignore[no-untyped-def]
    toml(SMALL, LAYOVER_URL="x", PATH="/bin")


BAD = {
    "a misspelt key": (SMALL + 'cameraz = ["a"]', ["sources.main.cameraz", "camera"]),
    "a misspelt section": (SMALL + "[lisen]\nport = 1", ["lisen", "listen"]),
    "a misspelt key in a section": (SMALL + "[listen]\nprot = 1", ["listen.prot", "port"]),
    "a number as text": (SMALL + "[listen]\nport = 'high'", ["listen.port", "high", "int"]),
    "a fraction as a port": (SMALL + "[listen]\nport = 1.5", ["listen.port", "1.5", "int"]),
    "a truth as a number": (SMALL + "[listen]\nport = true", ["listen.port", "True", "int"]),
    "a number as a truth": (SMALL + "[advertise]\nenabled = 1", ["advertise.enabled", "bool"]),
    "a number as text field": (SMALL + "[listen]\naddress = 7", ["listen.address", "7", "str"]),
    "a text as a list": (SMALL + "[advertise]\ninterfaces = [1]", ["advertise.interfaces"]),
    "a value as a section": ("listen = 5\n" + SMALL, ["listen"]),
    "a section as a value": (SMALL + "[listen.port]\na = 1", ["listen.port"]),
    "no data folder": (SMALL.replace("data_folder", "#"), ["data_folder", "missing"]),
    "no source": ('data_folder = "/d"', ["sources"]),
    "an empty list of sources": ('data_folder = "/d"\n[sources]', ["sources"]),
    "a source without folder": (SMALL.replace("folder = \"/rec", "#"), ["sources.main.folder"]),
    "a layout without zone": (SMALL.replace("%s", "%Y%m%d%H%M%S"), ["sources.main", "zone"]),
    "a layout nobody knows": (SMALL.replace("%s", "%Q"), ["sources.main", "%Q"]),
    "deletes by magic": (SMALL + 'deletes_by = "magic"', ["deletes_by", "magic", "unlink"]),
    "a port too high": (SMALL + "[listen]\nport = 65536", ["listen.port", "65536"]),
    "a negative port": (SMALL + "[listen]\nport = -1", ["listen.port"]),
    "a port announced too high": (SMALL + "[advertise]\nport = 65536", ["advertise.port"]),
    "no rest between scans": (SMALL + "[rescan]\nevery_s = 0", ["rescan.every_s"]),
    "scans that go back in time": (SMALL + "[rescan]\nevery_s = -1", ["rescan.every_s"]),
    "scans that never come": (SMALL + "[rescan]\nevery_s = nan", ["rescan.every_s"]),
    "negative settling": (SMALL + "settle_s = -1", ["sources.main.settle_s"]),
    "a negative ring": (SMALL + "max_bytes = -1", ["sources.main.max_bytes"]),
    "no TOML": ("data_folder = ", ["TOML"]),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_used_is_refused_by_name(toml, case: str) -> None:  # type: ignore[no-untyped-def]
    text, said = BAD[case]
    with pytest.raises(BadConfig) as refusal:
        toml(text)
    for word in said:
        assert word in str(refusal.value)


@pytest.mark.parametrize("what", ["missing", "a folder", "not text"])
def test_a_file_that_cannot_be_read(tmp_path: Path, what: str) -> None:
    path = tmp_path / "box.toml"
    if what == "a folder":
        path.mkdir()
    elif what == "not text":
        path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadConfig, match=r"box\.toml"):
        load(path, {})


def test_the_reference_has_every_setting_and_its_default() -> None:
    text = reference()
    for section, kind in (("sources.NAME", SourceConfig), ("listen", Listen)):
        for item in dataclasses.fields(kind):
            assert f"| `{section}.{item.name}` |" in text
            assert item.metadata["help"] in text
    assert "| `listen.port` | `8441` |" in text
    assert "| `data_folder` | required |" in text
