"""The methods that mapping templates call on strings, lists and objects (Java's names), and properties."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_STRINGS: Mapping[str, Callable[..., Any]] = {
    "length": len,
    "isEmpty": lambda text: not text,
    "toString": lambda text: text,
    "toLowerCase": str.lower,
    "toUpperCase": str.upper,
    "trim": str.strip,
    "contains": lambda text, part: part in text,
    "startsWith": str.startswith,
    "endsWith": str.endswith,
    "indexOf": str.find,
    "lastIndexOf": str.rfind,
    "equals": lambda text, other: text == other,
    "equalsIgnoreCase": lambda text, other: text.lower() == str(other).lower(),
    "concat": lambda text, other: text + other,
    "substring": lambda text, start, end=None: text[start:end],
    "replace": lambda text, old, new: text.replace(old, new),
    "replaceAll": lambda text, old, new: re.sub(old, _replacement(new), text),
    "replaceFirst": lambda text, old, new: re.sub(old, _replacement(new), text, count=1),
    "matches": lambda text, pattern: re.fullmatch(pattern, text) is not None,
    "split": lambda text, pattern: re.split(pattern, text),
    "get": lambda text, index: text[index],
}
_LISTS: Mapping[str, Callable[..., Any]] = {
    "size": len,
    "isEmpty": lambda values: not values,
    "get": lambda values, index: values[index],
    "contains": lambda values, one: one in values,
    "indexOf": lambda values, one: values.index(one) if one in values else -1,
    "add": lambda values, one: values.append(one) or True,
}
_MAPS: Mapping[str, Callable[..., Any]] = {
    "size": len,
    "isEmpty": lambda values: not values,
    "get": lambda values, key: values.get(key),
    "containsKey": lambda values, key: key in values,
    "keySet": lambda values: list(values),
    "values": lambda values: list(values.values()),
    "entrySet": lambda values: [
        {"key": key, "value": value, "getKey": key, "getValue": value} for key, value in values.items()
    ],
    "getKey": lambda values: values.get("key"),
    "getValue": lambda values: values.get("value"),
    "put": lambda values, key, value: values.__setitem__(key, value),
    "remove": lambda values, key: values.pop(key, None),
}
_NUMBERS: Mapping[str, Callable[..., Any]] = {"toString": str, "intValue": int}


def _replacement(text: str) -> str:
    """Java's ``$1`` as Python's ``\\1``."""
    return re.sub(r"\$(\d)", r"\\\1", text)


class Methods:
    """Something that a template may call: its public methods, as the template spells them."""


def call(value: Any, name: str, arguments: list[Any]) -> Any:
    """A method's result; None where Java would have raised (a template prints nothing then)."""
    if value is None:
        return None
    found = getattr(value, name, None) if isinstance(value, Methods) else _of(value).get(name)
    if found is None:
        return None
    given = arguments if isinstance(value, Methods) else [value, *arguments]
    try:
        return found(*given)
    except (IndexError, KeyError, TypeError, ValueError, AttributeError, re.error):
        return None


def member(value: Any, name: str) -> Any:
    """A property; a list hands it on to nothing."""
    if isinstance(value, Mapping):
        return value.get(name)
    if isinstance(value, Methods):
        return getattr(value, name, None)
    return len(value) if name in ("length", "size") and isinstance(value, list) else None


def _of(value: Any) -> Mapping[str, Callable[..., Any]]:
    if isinstance(value, str):
        return _STRINGS
    if isinstance(value, list):
        return _LISTS
    return _MAPS if isinstance(value, Mapping) else _NUMBERS
