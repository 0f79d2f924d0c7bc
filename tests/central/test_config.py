"""Settings: declared once, from the environment, told when they are wrong."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from layover_central.config import Settings, from_environment, reference
from layover_central.errors import Kind, LayoverError

PLAIN = Settings(data=Path("/data"))


def test_what_follows_from_the_data_folder() -> None:
    assert PLAIN.archive_folder == Path("/data/archive")
    assert PLAIN.database_url == "sqlite+aiosqlite:////data/layover.db"


def test_what_is_said_goes_before_what_follows() -> None:
    told = Settings(data=Path("/data"), archive="/mnt/a", database="postgresql+psycopg://db/x")
    assert told.archive_folder == Path("/mnt/a")
    assert told.database_url == "postgresql+psycopg://db/x"


TAKEN: dict[str, tuple[str, str, Any]] = {
    "a folder": ("data", "/other", Path("/other")),
    "a number": ("port", "9000", 9000),
    "a fraction": ("liveness_s", "0.5", 0.5),
    "a whole number for a fraction": ("timeout_s", "3", 3.0),
    "a text": ("host", "::1", "::1"),
    "an empty text": ("host", "", ""),
    "no": ("discover", "false", False),
    "no, as a digit": ("discover", "0", False),
    "yes, shouted": ("discover", "TRUE", True),
}


@pytest.mark.parametrize(("name", "text", "value"), TAKEN.values(), ids=TAKEN.keys())
def test_a_setting_from_the_environment(name: str, text: str, value: Any) -> None:
    found = from_environment(PLAIN, {f"LAYOVER_{name.upper()}": text})
    assert getattr(found, name) == value
    assert type(getattr(found, name)) in (type(value), type(Path()))


REFUSED = {
    "words for a number": ("port", "many"),
    "a fraction for a whole number": ("port", "80.5"),
    "nothing for a number": ("hold_lease_s", ""),
    "a word that is neither yes nor no": ("discover", "perhaps"),
    "nothing for yes or no": ("discover", ""),
    "words for a fraction": ("probe_every_s", "often"),
    "no number at all": ("timeout_s", "nan"),
    "for ever": ("liveness_s", "inf"),
}


@pytest.mark.parametrize(("name", "text"), REFUSED.values(), ids=REFUSED.keys())
def test_a_setting_that_cannot_be(name: str, text: str) -> None:
    with pytest.raises(LayoverError) as caught:
        from_environment(PLAIN, {f"LAYOVER_{name.upper()}": text})
    assert caught.value.kind is Kind.BAD_INPUT
    assert f"LAYOVER_{name.upper()}" in caught.value.detail
    assert caught.value.hint.startswith("Write it like ")


def test_what_nobody_says_stays() -> None:
    assert from_environment(PLAIN, {"PATH": "/bin", "LAYOVER_NOTHING": "1"}) == PLAIN


def test_the_reference_names_every_setting_with_its_default_and_help() -> None:
    rows = [re.split(r" *\| *", row)[1:4] for row in reference().splitlines()[2:]]
    assert [row[0] for row in rows] == [f"`{item.name}`" for item in fields(Settings)]
    defaults = {row[0]: row[1] for row in rows}
    assert defaults["`data`"] == "required"
    assert defaults["`port`"] == "`8440`"
    assert defaults["`archive`"] == "`''`"
    assert all(row[2].endswith(".") for row in rows)
