"""Which route of an API a request takes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import unquote


@dataclass(frozen=True, slots=True)
class Route:
    """``method`` may be ANY; ``path`` is the template (``/items/{id}``), ``$default`` takes what is left."""

    method: str
    path: str
    integration: Mapping[str, Any]
    facts: Mapping[str, Any] = field(default_factory=dict)


@lru_cache(maxsize=4096)
def _template(path: str) -> re.Pattern[str]:
    parts = re.split(r"(\{[^}]+\})", path.strip("/"))
    text = ""
    for part in parts:
        if part.startswith("{"):
            greedy = part.endswith("+}")
            text += f"(?P<_{part.strip('{}+').encode().hex()}>{'.+' if greedy else '[^/]+'})"
        else:
            text += re.escape(part)
    return re.compile(text)


def _parameters(path: str, actual: str, decode: bool) -> dict[str, str] | None:
    match = _template(path).fullmatch(actual.strip("/"))
    if match is None:
        return None
    found = {bytes.fromhex(name[1:]).decode(): value for name, value in match.groupdict().items()}
    return {name: unquote(value) for name, value in found.items()} if decode else found


def _rank(route: Route, method: str) -> tuple[Any, ...]:
    """The most specific route first: segment by segment a word, a variable, a greedy variable."""
    segments = route.path.strip("/").split("/")
    kinds = tuple(
        2 if segment.endswith("+}") else 1 if segment.startswith("{") else 0 for segment in segments
    )
    return (route.path == "$default", kinds, route.method != method)


def choose(
    routes: Iterable[Route], method: str, path: str, *, decode: bool = True
) -> tuple[Route, dict[str, str]] | None:
    """The route for a request, with its path parameters; None when no route takes it.

    ``decode``: an HTTP API decodes what is percent-encoded in them, a REST API does not (recorded).
    """
    found: list[tuple[Route, dict[str, str]]] = []
    for route in routes:
        if route.path == "$default":
            found.append((route, {}))
        elif route.method in (method, "ANY"):
            parameters = _parameters(route.path, path, decode)
            if parameters is not None:
                found.append((route, parameters))
    return min(found, key=lambda pair: _rank(pair[0], method), default=None)
