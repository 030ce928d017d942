"""A quick answer to "are these params certainly valid?"; botocore's validator is asked when not.

botocore validates by walking its model for every call (20 µs for a small item). Compiled once for
an operation, the same walk is a fraction of that. Anything unusual answers False, and botocore
decides and words the error.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

Check = Callable[[Any], bool]

_compiled: dict[tuple[str, str], Check] = {}


def certainly_valid(service: str, operation: str, shape: Any) -> Check:
    """Answers whether the params that it is given satisfy ``shape`` beyond doubt."""
    check = _compiled.get((service, operation))
    if check is None:
        check = _compiled[service, operation] = _compile(shape, {})
    return check


def _never(value: Any) -> bool:
    return False


def _of(*types: type) -> Check:
    wanted = frozenset(types)
    return lambda value: type(value) in wanted


def _string(shape: Any) -> Check:
    least = shape.metadata.get("min", 0)
    if shape.serialization.get("jsonvalue"):
        return _never
    return lambda value: type(value) is str and len(value) >= least


def _number(shape: Any, *types: type) -> Check:
    least = shape.metadata.get("min")
    wanted = frozenset(types)
    if least is None:
        return lambda value: type(value) in wanted
    return lambda value: type(value) in wanted and value >= least


def _plain(shape: Any) -> type | None:
    """The type that is all that a shape asks for; None when it asks for more."""
    if "min" in shape.metadata or shape.serialization.get("jsonvalue"):
        return None
    return {"string": str, "boolean": bool, "integer": int, "long": int}.get(shape.type_name)


def _list(shape: Any, seen: dict[str, Check]) -> Check:
    member, least = _compile(shape.member, seen), shape.metadata.get("min", 0)
    return lambda value: type(value) is list and len(value) >= least and all(map(member, value))


def _map(shape: Any, seen: dict[str, Check]) -> Check:
    key, member = _compile(shape.key, seen), _compile(shape.value, seen)
    if _plain(shape.key) is not str:
        return lambda value: type(value) is dict and all(map(key, value)) and all(map(member, value.values()))

    def check(value: Any) -> bool:
        if type(value) is not dict:
            return False
        for name, item in value.items():  # noqa: SIM110 - a generator costs twice that
            if type(name) is not str or not member(item):
                return False
        return True

    return check


def _structure(shape: Any, seen: dict[str, Check]) -> Check:
    if shape.is_document_type or shape.is_tagged_union:
        return _never
    members = {name: _compile(member, seen) for name, member in shape.members.items()}
    plain = {name: kind for name, member in shape.members.items() if (kind := _plain(member)) is not None}
    required = frozenset(shape.required_members)

    def check(value: Any) -> bool:
        if type(value) is not dict or (required and not required <= value.keys()):
            return False
        for name, item in value.items():
            if type(item) is plain.get(name):  # most members: one look instead of a call
                continue
            member = members.get(name)
            if member is None or not member(item):
                return False
        return True

    return check


def _compile(shape: Any, seen: dict[str, Check]) -> Check:
    """``seen`` ends recursion: a shape inside itself is looked up when it is called."""
    name = shape.name
    if name in seen:
        return lambda value: seen[name](value)
    seen[name] = _never
    seen[name] = check = _make(shape, seen)
    return check


def _make(shape: Any, seen: dict[str, Check]) -> Check:
    kind = shape.type_name
    if kind == "structure":
        return _structure(shape, seen)
    if kind == "list":
        return _list(shape, seen)
    if kind == "map":
        return _map(shape, seen)
    if kind == "string":
        return _string(shape)
    if kind in ("integer", "long"):
        return _number(shape, int)
    if kind in ("float", "double"):
        return _number(shape, int, float, Decimal)
    if kind == "boolean":
        return _of(bool)
    if kind == "blob":
        return _of(bytes, bytearray, str)
    return _never
