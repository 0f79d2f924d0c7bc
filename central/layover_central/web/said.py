"""What may be said over the API: the bodies of changes, and the texts people type."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from layover_central.web.models import Priority


def _printable(text: str) -> str:
    for character in text:
        if unicodedata.category(character) in {"Cc", "Cf", "Cs"} and character not in "\n\t":
            raise ValueError(f"the character U+{ord(character):04X} is not allowed")
    return text


def _storable(text: str) -> str:
    for character in text:
        if character == "\0" or unicodedata.category(character) == "Cs":
            raise ValueError(f"the character U+{ord(character):04X} is not allowed")
    return text


Text = Annotated[str, AfterValidator(_storable)]
"""Anything a database can keep; what it means is checked where it is used."""
Words = Annotated[
    str, Field(max_length=2000), AfterValidator(_printable), AfterValidator(str.strip)
]
"""Free text by a person."""
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
Typed = Annotated[Text, Field(min_length=1, max_length=100)]
"""A time as people type it."""


class Said(BaseModel):
    """What a client sends: a field nobody knows is a mistake worth hearing about."""

    model_config = ConfigDict(extra="forbid")


class DepotIn(Said):
    name: Text
    zone: Text = Field("UTC", max_length=64, examples=["Europe/Berlin"])
    cap: Annotated[Text, Field(max_length=2000)] = Field(
        "", examples=["Mon-Fri 06:00 2Mbit/s, 22:00 unlimited, Sun closed"]
    )
    networks: list[Text] = Field(default=[], max_length=100, examples=[["10.20.0.0/16"]])
    slots: int = Field(8, ge=1, le=1000)


class DepotPatch(Said):
    zone: Text | None = Field(None, max_length=64)
    cap: Text | None = Field(None, max_length=2000)
    networks: list[Text] | None = Field(None, max_length=100)
    slots: int | None = Field(None, ge=1, le=1000)


class SiteIn(Said):
    label: Text
    depot: Text | None = None
    address: Text | None = Field(None, examples=["10.20.0.17:8441"])


class SitePatch(Said):
    depot: Text | None = None
    address: Text | None = None
    expected: Typed | None = Field(None, examples=["22:10"])


class RequestIn(Said):
    sites: list[Text] = Field(min_length=1, max_length=1000)
    cameras: list[Name] | None = Field(None, min_length=1, max_length=200)
    """Left away: all cameras known at each site."""
    from_: Typed = Field(alias="from", examples=["2026-11-21 09:00"])
    to: Typed = Field(examples=["+15m"])
    priority: Priority = "normal"
    needed_by: Typed | None = None
    reason: Words = ""
    case: Words = ""
