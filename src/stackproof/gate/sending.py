"""Results in the plain form that a queue and the cache can hold, whatever an engine put into them.

Nodes of a decoded template are subclasses of ``str`` that carry marks; keys may be numbers or dates; text
may hold lone surrogates. Each is a fine thing to report and none can be encoded, so results are made sound
in this one place, by the declared types of their fields.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import Enum
from functools import cache
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from stackproof.gate.packing import pack, unpack
from stackproof.template.discover import readable

T = TypeVar("T")


def message(result: object) -> bytes:
    """The result packed so that it unpacks to its own type again; it is made sound when it is not."""
    kind = type(result)
    try:
        payload = pack(result)
        unpack(payload, kind)
    except (TypeError, ValueError, msgspec.MsgspecError):
        return pack(sound(result, kind))
    return payload


def sound(value: Any, kind: type[T]) -> T:
    """The value with every part of exactly the type that ``kind``, perhaps a generic alias, declares."""
    result: T = _sound(value, kind)
    return result


def _sound(value: Any, kind: Any) -> Any:
    if kind is str:
        return _text(value)
    if get_origin(kind) in (Union, UnionType):
        return _one_of(value, get_args(kind))
    if get_origin(kind) is tuple:
        return _tuple(value, get_args(kind))
    if get_origin(kind) is Mapping:
        of_key, of_value = get_args(kind)
        return {_sound(key, of_key): _sound(item, of_value) for key, item in value.items()}
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return kind(**{name: _sound(getattr(value, name), hint) for name, hint in _hints(kind).items()})
    return kind(value)


def _one_of(value: Any, kinds: tuple[Any, ...]) -> Any:
    if value is None and type(None) in kinds:
        return None
    left = [kind for kind in kinds if kind is not type(None)]
    fitting = [kind for kind in left if isinstance(kind, type) and isinstance(value, kind)]
    return _sound(value, (fitting or left)[0])


def _tuple(value: Any, kinds: tuple[Any, ...]) -> tuple[Any, ...]:
    if kinds[-1] is Ellipsis:
        return tuple(_sound(item, kinds[0]) for item in value)
    return tuple(_sound(item, kind) for item, kind in zip(value, kinds, strict=True))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Enum):
        value = value.value
    # str() would ask a subclass for its own idea of a text.
    return readable(str.__str__(value) if isinstance(value, str) else str(value))


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
