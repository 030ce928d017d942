"""The JSON paths of EventBridge and Pipes: dots, array indices, wildcards.

Source: EventBridge user guide, "Amazon EventBridge input transformation": only a part of JSON path is
supported, and paths are evaluated when an event arrives.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

_STEP = re.compile(
    r"""\.(?P<name>[^.\[\]*]+) | \.(?P<all>\*) | \[(?P<index>-?\d+)\] | \[(?P<each>\*)\]
      | \[(?P<quote>['"])(?P<quoted>.*?)(?P=quote)\]""",
    re.X,
)

MISSING: Any = object()
"""What ``find`` answers where nothing is."""


class InvalidPath(ValueError):
    """A path that cannot be read."""


@lru_cache(maxsize=512)
def parse(path: str) -> tuple[str | int | None, ...]:
    """The steps of a path: a name, an index, None for a wildcard. Raises ``InvalidPath``."""
    if not path.startswith("$"):
        raise InvalidPath(f"{path!r} does not begin with $")
    steps: list[str | int | None] = []
    at = 1
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None:
            raise InvalidPath(f"{path!r} cannot be read from character {at + 1} on")
        if found["name"] is not None or found["quoted"] is not None:
            steps.append(found["name"] if found["name"] is not None else found["quoted"])
        else:
            steps.append(int(found["index"]) if found["index"] is not None else None)
        at = found.end()
    return tuple(steps)


def find(path: str, value: Any) -> Any:
    """What stands at a path, ``MISSING`` when nothing does. With a wildcard the list of all matches."""
    steps = parse(path)
    found = [value]
    for step in steps:
        found = [inner for one in found for inner in _into(one, step)]
    if None in steps:
        return found
    return found[0] if found else MISSING


def _into(value: Any, step: str | int | None) -> list[Any]:
    if step is None:
        if isinstance(value, dict):
            return list(value.values())
        return list(value) if isinstance(value, list) else []
    if isinstance(step, int):
        inside = isinstance(value, list) and -len(value) <= step < len(value)
        return [value[step]] if inside else []
    return [value[step]] if isinstance(value, dict) and step in value else []
