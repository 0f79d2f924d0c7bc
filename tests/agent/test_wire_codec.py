import contextlib
import json
import typing
from dataclasses import dataclass, field

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layover_agent.wire import types
from layover_agent.wire.codec import (
    MAX_LIST,
    MAX_STRING,
    MalformedMessage,
    decode,
    encode,
    from_plain,
)
from layover_agent.wire.problem import STATUS_OF, Problem, Reason
from layover_agent.wire.version import MEDIA_JSON, MEDIA_MSGPACK, negotiate

MEDIA = pytest.mark.parametrize("media", [MEDIA_MSGPACK, MEDIA_JSON])
MESSAGES = [
    types.Status,
    types.ManifestPage,
    types.HoldWish,
    types.Hold,
    types.Digests,
    types.SignedStatement,
    types.SpanWish,
    types.SpanHolds,
    types.Queue,
    Problem,
]

INTEGERS = st.integers(-(1 << 63), (1 << 63) - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)


def of(kind: typing.Any) -> st.SearchStrategy[typing.Any]:
    """Any message of a type, built from its own declaration."""
    return st.from_type(kind)


st.register_type_strategy(int, INTEGERS)
st.register_type_strategy(str, TEXTS)
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))

PLAIN = st.recursive(
    st.none() | st.booleans() | INTEGERS | st.floats() | TEXTS | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=15,
)


@MEDIA
@pytest.mark.parametrize("kind", MESSAGES)
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_every_message_comes_back_as_it_was(kind: type, media: str, data: st.DataObject) -> None:
    message = data.draw(of(kind))
    assert decode(kind, encode(message, media), media) == message


@MEDIA
@pytest.mark.parametrize("kind", MESSAGES)
@settings(deadline=None, max_examples=40)
@given(data=st.binary(max_size=200))
def test_bytes_that_are_no_message_are_malformed_and_nothing_else(
    kind: type, media: str, data: bytes
) -> None:
    with contextlib.suppress(MalformedMessage):
        decode(kind, data, media)


@pytest.mark.parametrize("kind", MESSAGES)
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_a_message_with_any_field_replaced_is_whole_or_malformed(
    kind: type, data: st.DataObject
) -> None:
    plain = msgpack.unpackb(encode(data.draw(of(kind))))
    name = data.draw(st.sampled_from(sorted(plain)))
    plain[name] = data.draw(PLAIN)
    try:
        message = decode(kind, msgpack.packb(plain))
    except MalformedMessage:
        return
    encode(message)


@settings(deadline=None, max_examples=40)
@given(plain=PLAIN)
def test_json_that_is_no_message_is_malformed_and_nothing_else(plain: typing.Any) -> None:
    text = json.dumps(plain, default=lambda value: value.hex())
    with contextlib.suppress(MalformedMessage):
        decode(types.Status, text.encode(), MEDIA_JSON)


HOSTILE = {
    "nothing": b"",
    "trailing bytes": encode(types.HoldWish(lease_s=1)) + b"\x00",
    "not a map": msgpack.packb([1]),
    "a field missing": msgpack.packb({}),
    "a number as text": msgpack.packb({"lease_s": "60"}),
    "a truth as a number": msgpack.packb({"lease_s": True}),
    "a fraction": msgpack.packb({"lease_s": 1.0}),
    "nothing as a number": msgpack.packb({"lease_s": None}),
    "more than 63 bits": msgpack.packb({"lease_s": 1 << 63}),
    "keys that are numbers": msgpack.packb({1: 2}),
    "a list that claims four billion items": b"\xdd\xff\xff\xff\xff",
    "a map that claims four billion items": b"\xdf\xff\xff\xff\xff",
    "text that claims four gigabytes": b"\xdb\xff\xff\xff\xff",
    "ten thousand lists in each other": b"\x91" * 10_000 + b"\xc0",
    "an extension type": msgpack.packb(msgpack.ExtType(5, b"")),
    "a broken timestamp": b"\xc7\x00\xff",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_msgpack(case: str) -> None:
    with pytest.raises(MalformedMessage):
        decode(types.HoldWish, HOSTILE[case])


HOSTILE_JSON = {
    "ten thousand lists in each other": b"[" * 10_000 + b"]" * 10_000,
    "a number of 10,000 digits": b'{"lease_s": ' + b"9" * 10_000 + b"}",
    "no number": b'{"lease_s": NaN}',
    "half a character": b'{"lease_s": "\xc3',
    "another encoding": '{"lease_s": 1, "ß": 1}'.encode("latin-1"),
}


@pytest.mark.parametrize("case", HOSTILE_JSON)
def test_hostile_json(case: str) -> None:
    with pytest.raises(MalformedMessage):
        decode(types.HoldWish, HOSTILE_JSON[case], MEDIA_JSON)


def test_half_a_character_in_json_text_never_becomes_a_message_that_cannot_be_encoded() -> None:
    plain = {"code": "gone", "title": "\ud800", "status": 410}
    with pytest.raises(MalformedMessage):
        decode(Problem, json.dumps(plain).encode(), MEDIA_JSON)


def test_an_unknown_media_type_is_malformed() -> None:
    with pytest.raises(MalformedMessage, match="text/html"):
        decode(types.HoldWish, b"{}", "text/html")


def test_unknown_fields_are_ignored_and_missing_ones_take_their_default() -> None:
    message = decode(
        types.SignedStatement,
        msgpack.packb({"payload": b"p", "signature": b"s", "colour": "red"}),
    )
    assert message.algorithm == "ecdsa-p256-sha256"


@dataclass(frozen=True)
class Nested:
    inner: "list[Nested]" = field(default_factory=list)
    text: str = ""


def test_limits_hold_exactly() -> None:
    assert from_plain(str, "x" * MAX_STRING)
    with pytest.raises(MalformedMessage):
        from_plain(str, "x" * (MAX_STRING + 1))
    with pytest.raises(MalformedMessage):
        from_plain(list[int], [0] * (MAX_LIST + 1))
    with pytest.raises(MalformedMessage, match="at most 10"):
        decode(types.HoldWish, b"x" * 11, max_bytes=10)


def test_a_message_in_a_message_in_a_message_ends_somewhere() -> None:
    plain: dict[str, object] = {}
    for _ in range(40):
        plain = {"inner": [plain]}
    with pytest.raises(MalformedMessage, match="deeper"):
        from_plain(Nested, plain)


def test_an_error_names_the_place() -> None:
    page = {"epoch": "e", "head_seq": 1, "as_of_ms": 0, "rows": [{"id": 7}]}
    with pytest.raises(MalformedMessage, match=r"ManifestPage\.rows\[0\]\.id"):
        decode(types.ManifestPage, msgpack.packb(page))


def test_every_reason_has_a_status() -> None:
    assert set(STATUS_OF) == set(Reason)


@pytest.mark.parametrize(
    ("ours", "theirs", "spoken"),
    [([1], [1, 2], 1), ([2, 1], [1, 2], 2), ([1], [2], None), ([1], [], None)],
)
def test_the_newest_version_both_speak(
    ours: list[int], theirs: list[int], spoken: int | None
) -> None:
    assert negotiate(ours, theirs) == spoken
