"""Messages to bytes and back: msgpack or JSON, the same types, within limits.

What comes from the other side is hostile until decoded: its size, depth, lengths and types are
bounded here, and nothing is allocated because a number says so.
"""

import base64
import binascii
import dataclasses
import functools
import json
import math
import re
import types
import typing
from enum import StrEnum
from typing import Any, TypeVar

import msgpack

from layover_agent.wire.version import MEDIA_JSON, MEDIA_MSGPACK

T = TypeVar("T")

MAX_MESSAGE_BYTES = 4 << 20
MAX_STRING = 4096
MAX_LIST = 65_536
MAX_DEPTH = 16
_INT_BOUND = 1 << 63
_HALVES = re.compile("[\ud800-\udfff]")
"""JSON can say half of a surrogate pair, which no encoding can say again."""


class MalformedMessage(ValueError):
    """A message that is not what its type says; the text names the field."""


def encode(message: Any, media: str = MEDIA_MSGPACK) -> bytes:
    """A dataclass as bytes. Lists of dataclasses are not messages: wrap them."""
    if media == MEDIA_MSGPACK:
        return typing.cast(bytes, msgpack.packb(to_plain(message), use_bin_type=True))
    if media == MEDIA_JSON:
        return json.dumps(to_plain(message, text_only=True), ensure_ascii=False).encode()
    raise ValueError(f"no encoding for {media!r}")


def decode(
    kind: type[T], data: bytes, media: str = MEDIA_MSGPACK, max_bytes: int = MAX_MESSAGE_BYTES
) -> T:
    """Bytes as a message of type ``kind``. MalformedMessage for anything else."""
    if len(data) > max_bytes:
        raise MalformedMessage(f"{kind.__name__}: {len(data)} bytes, at most {max_bytes} allowed")
    try:
        if media == MEDIA_MSGPACK:
            plain = msgpack.unpackb(
                data,
                raw=False,
                strict_map_key=True,
                max_str_len=MAX_STRING,
                max_bin_len=max_bytes,
                max_array_len=MAX_LIST,
                max_map_len=1024,
                max_ext_len=0,
            )
        elif media == MEDIA_JSON:
            plain = json.loads(data)
        else:
            raise MalformedMessage(f"{kind.__name__}: media type {media!r} is not spoken here")
    except (ValueError, RecursionError, TypeError, msgpack.exceptions.UnpackException) as error:
        if isinstance(error, MalformedMessage):
            raise
        raise MalformedMessage(f"{kind.__name__}: not {media}: {error}") from error
    return typing.cast(T, from_plain(kind, plain))


def to_plain(value: Any, *, text_only: bool = False) -> Any:
    """Dataclasses as maps, bytes as base64 where only text is possible."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            name: to_plain(getattr(value, name), text_only=text_only)
            for name, _, _ in _fields(type(value))
        }
    if isinstance(value, list | tuple):
        return [to_plain(item, text_only=text_only) for item in value]
    if isinstance(value, bytes) and text_only:
        return base64.b64encode(value).decode()
    if isinstance(value, StrEnum):
        return value.value
    return value


def from_plain(kind: Any, plain: Any, where: str = "", depth: int = 0) -> Any:
    """A plain value checked against a type, or MalformedMessage that names the place."""
    where = where or getattr(kind, "__name__", str(kind))
    if depth > MAX_DEPTH:
        raise MalformedMessage(f"{where}: nested deeper than {MAX_DEPTH}")
    if dataclasses.is_dataclass(kind):
        return _from_map(kind, plain, where, depth)
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        if plain is None:
            return None
        (inner,) = (arg for arg in typing.get_args(kind) if arg is not type(None))
        return from_plain(inner, plain, where, depth)
    if origin is list:
        if not isinstance(plain, list) or len(plain) > MAX_LIST:
            raise MalformedMessage(f"{where}: expected a list of at most {MAX_LIST}")
        (inner,) = typing.get_args(kind)
        return [from_plain(inner, x, f"{where}[{i}]", depth + 1) for i, x in enumerate(plain)]
    return _scalar(kind, plain, where)


def _from_map(kind: Any, plain: Any, where: str, depth: int) -> Any:
    if not isinstance(plain, dict):
        raise MalformedMessage(f"{where}: expected a map, got {type(plain).__name__}")
    values = {}
    for name, annotation, required in _fields(kind):
        if name in plain:
            values[name] = from_plain(annotation, plain[name], f"{where}.{name}", depth + 1)
        elif required:
            raise MalformedMessage(f"{where}: {name} is missing")
    return kind(**values)


def _scalar(kind: Any, plain: Any, where: str) -> Any:
    if kind is bytes and isinstance(plain, str):
        try:
            return base64.b64decode(plain, validate=True)
        except (binascii.Error, ValueError) as error:
            raise MalformedMessage(f"{where}: not base64") from error
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        try:
            return kind(plain)
        except ValueError as error:
            raise MalformedMessage(f"{where}: {str(plain)[:40]!r} is not known") from error
    if kind is float and type(plain) is int:
        plain = float(plain)
    if type(plain) is not kind:
        raise MalformedMessage(f"{where}: expected {kind.__name__}, got {type(plain).__name__}")
    if kind is float and not math.isfinite(plain):
        raise MalformedMessage(f"{where}: no number")
    if kind is int and not -_INT_BOUND <= plain < _INT_BOUND:
        raise MalformedMessage(f"{where}: the number is out of range")
    if kind is str and len(plain) > MAX_STRING:
        raise MalformedMessage(f"{where}: {len(plain)} characters, at most {MAX_STRING} allowed")
    if kind is str and not plain.isascii() and _HALVES.search(plain):
        raise MalformedMessage(f"{where}: half a character")
    return plain


@functools.lru_cache(maxsize=256)
def _fields(kind: Any) -> tuple[tuple[str, Any, bool], ...]:
    hints = typing.get_type_hints(kind)
    return tuple(
        (
            f.name,
            hints[f.name],
            f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING,
        )
        for f in dataclasses.fields(kind)
    )
