"""Fits CloudFormation values into the parameters of an API operation, by botocore's own model of it.

CloudFormation and the APIs mostly agree in structure and differ in case (``DestinationArn`` and
``destinationArn``) and types (``"30"`` where the API wants a number). What the API has no member for is
named, never dropped in silence.
"""

from __future__ import annotations

import datetime
import json
from typing import Any

_TRUE = {"true": True, "false": False}


def fit(shape: Any, value: Any, path: str, dropped: list[str]) -> Any:
    """``value`` in the shape of an API parameter; paths without a place there go to ``dropped``."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        return _structure(shape, value, path, dropped)
    if kind == "list" and isinstance(value, list | tuple):
        return [fit(shape.member, item, path, dropped) for item in value]
    if kind == "list":
        return [fit(shape.member, value, path, dropped)]
    if kind == "map" and isinstance(value, dict):
        return {str(key): fit(shape.value, item, path, dropped) for key, item in value.items()}
    return scalar(kind, value)


def _structure(shape: Any, value: dict[str, Any], path: str, dropped: list[str]) -> dict[str, Any]:
    if getattr(shape, "is_document_type", False):
        return value
    found: dict[str, Any] = {}
    for key, item in value.items():
        name = member(shape, key)
        inner = f"{path}.{key}" if path else key
        if name is None:
            dropped.append(inner)
        elif item is not None:
            found[name] = fit(shape.members[name], item, inner, dropped)
    return found


def member(shape: Any, key: str) -> str | None:
    """The member that a property's name means: the same, or the same with another first letter."""
    for name in (key, key[:1].lower() + key[1:], key[:1].upper() + key[1:]):
        if name in shape.members:
            return name
    wanted = key.lower()
    return next((name for name in shape.members if name.lower() == wanted), None)


def scalar(kind: str, value: Any) -> Any:
    """A scalar as the API types it; what cannot be converted is left for botocore to refuse."""
    if kind == "string":
        return text(value)
    if kind == "boolean" and isinstance(value, str):
        return _TRUE.get(value.lower(), value)
    if kind == "blob" and isinstance(value, str):
        return value.encode()
    if kind in {"integer", "long"}:
        return _number(value, int)
    if kind in {"float", "double"}:
        return _number(value, float)
    return value


def _number(value: Any, to: type[int] | type[float]) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    return to(number) if to is float or number == int(number) else value


def text(value: Any) -> Any:
    """A value where the API wants text: JSON of a document, ``true``, ``30``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, dict | list):
        return document(value)
    return value


def document(value: Any) -> str:
    """A policy or another document as JSON text. Text stays as it is."""
    if isinstance(value, str):
        return value
    return json.dumps(value, default=_plain)


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime.date) else str(value)


def tags_of(value: Any, stack_tags: dict[str, str] | None = None) -> dict[str, str]:
    """Tags in any of CloudFormation's forms as a map, with the stack's own tags below them."""
    found = dict(stack_tags or {})
    if isinstance(value, dict):
        found.update({str(key): str(text(item)) for key, item in value.items()})
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict) and "Key" in item:
            found[str(item["Key"])] = str(text(item.get("Value", "")))
    return found
