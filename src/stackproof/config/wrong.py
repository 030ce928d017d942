"""What msgspec says of a configuration, in the words of who wrote it and at the place where it stands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from stackproof.config import places
from stackproof.errors import ConfigError

_KINDS = {
    "str": "text", "int": "a whole number", "float": "a number", "bool": "true or false", "array": "a list",
    "object": "a table", "date": "a date", "datetime": "a date and time", "time": "a time of day",
}  # fmt: skip
_LIMITS = {">=": "of at least", ">": "above", "<=": "of at most", "<": "below"}
_UNKNOWN = re.compile(r"unknown field `(.+?)`")
_MISSING = re.compile(r"missing required field `(.+?)`")
_EXPECTED = re.compile(r"Expected `([^`]+)`(?: (>=|>|<=|<) ([\d.]+))?(?:, got `(\w+)`)?")
_WHERE = re.compile(r"`\$(\S*?)`$")
_STEP = re.compile(r"\[(\d+)\]|\[(\.\.\.)\]|\.?([^.\[\]]+)")


def explain(file: Path, table: Any, error: str, shape: type[Any]) -> ConfigError:
    """The error at its line and column. ``table`` is what ``shape`` refused with the words ``error``."""
    found = _WHERE.search(error)
    path = _path(found[1] if found else "", table, error, shape)
    unknown, missing = _UNKNOWN.search(error), _MISSING.search(error)
    if unknown:
        message = f"unknown key '{unknown[1]}'{_inside(path)}"
        path = (*path, unknown[1])
    elif missing:
        message = f"'{missing[1]}' is missing{_inside(path)}"
    elif path:
        message = f"{_named(path)}{_inside(path[:-1])} {_wanted(error)}"
    else:
        message = f"the configuration {_wanted(error)}"
    line, column = places.place(file, path)
    return ConfigError(message, file=str(file), line=line, column=column)


def _path(where: str, table: Any, error: str, shape: type[Any]) -> places.Path:
    """The way to a value; msgspec does not tell the keys of a mapping, hence each one is tried."""
    path: list[str | int] = []
    for index, unnamed, key in _STEP.findall(where):
        inner = _at(table, path)
        if unnamed and isinstance(inner, Mapping):
            path.append(next(one for one in inner if _refused(table, path, one, error, shape)))
        else:
            path.append(int(index) if index else key)
    return tuple(path)


def _refused(table: Any, path: list[str | int], key: str, error: str, shape: type[Any]) -> bool:
    """Whether the error is the same when the mapping at ``path`` holds nothing but ``key``."""
    alone = _with(table, path, {key: _at(table, path)[key]})
    try:
        msgspec.convert(alone, shape)
    except msgspec.ValidationError as again:
        return str(again) == error
    return False


def _with(table: Any, path: list[str | int], value: Any) -> Any:
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(table, list):
        return [_with(one, rest, value) if at == step else one for at, one in enumerate(table)]
    return {**table, step: _with(table[step], rest, value)}


def _at(table: Any, path: list[str | int]) -> Any:
    for step in path:
        table = table[step]
    return table


def _wanted(error: str) -> str:
    found = _EXPECTED.search(error)
    if not found:
        return f"is wrong: {_WHERE.sub('', error).removesuffix(' - at ')}"
    kinds = [_KINDS.get(kind, kind) for kind in found[1].split(" | ") if kind != "null"]
    limit = f" {_LIMITS[found[2]]} {float(found[3]):g}" if found[2] else ""
    got = f", not {_KINDS.get(found[4], found[4])}" if found[4] else ""
    return f"must be {' or '.join(kinds)}{limit}{got}"


def _named(path: places.Path) -> str:
    last = path[-1]
    return f"entry {last + 1}" if isinstance(last, int) else f"'{last}'"


def _inside(path: places.Path) -> str:
    if not path:
        return ""
    words = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in path)
    return f" in '{words.removeprefix('.')}'"
