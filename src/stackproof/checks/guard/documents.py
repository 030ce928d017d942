"""The JSON that the engine reads, and the way back from its paths to ours."""

from __future__ import annotations

import base64
import datetime
import json
import math
from typing import Any

from stackproof.model import JSON, DocPath

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
    """The document as rules see it with Guard input parameters: their keys stand beside the template's own."""
    if not parameters or not isinstance(document, dict):
        return document
    return {**document, **plain(parameters)}


def doc_path(tree: Any, path: str) -> DocPath:
    """Where an engine path leads in ``tree``.

    The engine joins keys with ``/`` and escapes nothing, so the tree decides which keys are meant.
    The nearest parent when the path leads out of the tree.
    """
    return _walk(tree, path.removeprefix("/")) if path else ()


def _walk(node: Any, rest: str) -> DocPath:
    best: DocPath = ()
    for key, child, behind in _steps(node, rest):
        if behind is None:
            return (key,)
        found = (key, *_walk(child, behind))
        if _covers(found, rest):
            return found
        best = max(best, found, key=len)
    return best


def _covers(found: DocPath, rest: str) -> bool:
    return "/".join(key_text(key) for key in found) == rest


def _steps(node: Any, rest: str) -> list[tuple[str | int, Any, str | None]]:
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
        if head.isdecimal() and int(head) < len(node):
            steps.append((int(head), node[int(head)], behind if slash else None))
    return steps


def _float(value: int) -> JSON:
    try:
        return float(value)
    except OverflowError:
        return str(value)


def _special(value: float) -> str:
    return ".nan" if math.isnan(value) else (".inf" if value > 0 else "-.inf")
