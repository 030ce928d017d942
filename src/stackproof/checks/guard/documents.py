"""The JSON that the engine reads, and the way back from its paths to ours."""

from __future__ import annotations

import base64
import datetime
import json
import math
from collections.abc import Callable
from typing import Any

from stackproof.model import JSON, DocPath
from stackproof.template.model import Absent, Choice, Unknown

Side = Callable[[str], bool]
"""The side that a condition takes."""

_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1


def plain(value: Any) -> JSON:
    """A decoded template value as JSON that the engine reads as it is meant.

    Integers over 64 bits become floats (the engine would wrap them round), NaN and infinities their YAML
    names, dates ISO text, bytes base64, keys that are no strings their YAML text.
    """
    if isinstance(value, dict):
        return {key_text(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((plain(item) for item in value), key=str)
    return scalar(value)


def scalar(value: Any) -> JSON:
    """One leaf as JSON; anything that JSON does not know becomes its text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value) if _INT_MIN <= value <= _INT_MAX else _float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else _special(value)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return str(value)


def key_text(key: Any) -> str:
    """A mapping key as YAML would print it."""
    if isinstance(key, str):
        return str(key)
    value = scalar(key) if not isinstance(key, tuple) else list(key)
    return value if isinstance(value, str) else json.dumps(value)


def encode(document: JSON) -> str:
    """The JSON text of a plain document."""
    return (
        json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        .encode("utf-8", "replace")
        .decode("utf-8")
    )


def merge_parameters(document: JSON, parameters: dict[str, Any]) -> JSON:
    """The document as rules see it with Guard input parameters: their keys stand beside the
    template's own."""
    if not parameters or not isinstance(document, dict):
        return document
    return {**document, **plain(parameters)}


def doc_path(tree: Any, path: str, side: Side = lambda _: True) -> DocPath:
    """Where an engine path leads in ``tree``; ``side`` says which branch of a ``Choice`` was judged.

    The engine joins keys with ``/`` and escapes nothing, so the tree decides which keys are meant.
    The nearest parent when the path leads out of the tree, the unknown itself when it leads into one.
    """
    return _walk(tree, path.removeprefix("/"), side) if path else ()


def _walk(node: Any, rest: str, side: Side) -> DocPath:
    best: DocPath = ()
    for key, child, behind in _steps(chosen(node, side), rest, side):
        if behind is None:
            return (key,)
        inner = _walk(child, behind, side)
        if inner:
            return (key, *inner)
        best = best or (key,)
    return best


def _steps(node: Any, rest: str, side: Side) -> list[tuple[str | int, Any, str | None]]:
    steps: list[tuple[str | int, Any, str | None]] = []
    if isinstance(node, dict):
        for key, child in node.items():
            text = key_text(key)
            if rest == text:
                return [(key, child, None)]
            if rest.startswith(text + "/"):
                steps.append((key, child, rest[len(text) + 1 :]))
    elif isinstance(node, list):
        head, slash, behind = rest.partition("/")
        present = [(i, item) for i, item in enumerate(node) if not isinstance(chosen(item, side), Absent)]
        if head.isdecimal() and int(head) < len(present):
            index, item = present[int(head)]
            steps.append((index, item, behind if slash else None))
    return steps


def chosen(node: Any, side: Side) -> Any:
    """The branch of a ``Choice`` (and of the choices in it) that a world takes; anything else as it is."""
    while isinstance(node, Choice):
        node = node.then if side(node.condition) else node.otherwise
    return node


def at(tree: Any, path: DocPath, side: Side = lambda _: True) -> Any:
    """The value at a path; the unknown itself when the path leads into one, None when it leads out."""
    node = chosen(tree, side)
    for key in path:
        if isinstance(node, Unknown):
            return node
        inside = isinstance(node, dict) and key in node
        if not inside and not (isinstance(node, list) and isinstance(key, int) and key < len(node)):
            return None
        node = chosen(node[key], side)
    return node


def _float(value: int) -> JSON:
    try:
        return float(value)
    except OverflowError:
        return str(value)


def _special(value: float) -> str:
    return ".nan" if math.isnan(value) else (".inf" if value > 0 else "-.inf")
