"""Values that cross from one template into another: exports, outputs of nested stacks, parameters."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from stackproof.model import Related
from stackproof.template.model import ABSENT, Choice, Unknown
from stackproof.template.unknowns import pattern_of, text_of, unite


@dataclass(frozen=True, slots=True)
class ExportCycle:
    """The export exists, but its stack (transitively) imports from the one that asks.

    ``files`` are the templates round the circle.
    """

    files: tuple[str, ...]


class Exports(Mapping[str, Any]):
    """Exports of an environment that also know where each one stands."""

    @abstractmethod
    def origin(self, name: str) -> Related | None:
        """The place of an export, None when it is not known."""


def foreign(value: Any, expression: Any, source: str) -> Any:
    """A value of one template as another one sees it.

    Names and conditions mean something else there, so unknowns get the ``expression`` by which the other
    template asks for them, and a choice becomes an unknown that is one of its branches.
    """
    if isinstance(value, Unknown):
        return replace(value, expression=expression, sources=tuple(dict.fromkeys((source, *value.sources))))
    if isinstance(value, Choice):
        return _merged(list(_branches(value)), expression, source)
    if isinstance(value, list):
        return [
            foreign(item, {"Fn::Select": [str(index), expression]}, source)
            for index, item in enumerate(value)
            if item is not ABSENT
        ]
    if isinstance(value, dict):
        return {key: foreign(item, expression, source) for key, item in value.items()}
    return value


def _branches(value: Any) -> list[Any]:
    if isinstance(value, Choice):
        return [*_branches(value.then), *_branches(value.otherwise)]
    return [value]


def _merged(branches: list[Any], expression: Any, source: str) -> Unknown:
    there = [item for item in branches if item is not ABSENT]
    sources = tuple(dict.fromkeys((source, *unite(there))))
    reason = "hangs on an unknown condition of another stack"
    values: list[Any] = []
    listed = True
    for item in there:
        if isinstance(item, Unknown) and item.values and item.kind != "list":
            values.extend(item.values)
        elif isinstance(item, Unknown | dict | list):
            listed = False
        else:
            values.append(item)
    if listed:
        unique = tuple(dict.fromkeys(values))
        empty = any(text_of(item) == "" for item in unique)
        return Unknown(expression, reason, "string", values=unique, may_be_empty=empty, sources=sources)
    if any(isinstance(item, list | dict) for item in there):
        kind = "list" if all(isinstance(item, list) for item in there) else "any"
        return Unknown(expression, reason, kind, may_be_empty=True, sources=sources)
    return Unknown(
        expression,
        reason,
        "string",
        "|".join(dict.fromkeys(pattern_of(item) for item in there)),
        generated=all(isinstance(item, Unknown) and item.generated for item in there),
        may_be_empty=any(item.may_be_empty if isinstance(item, Unknown) else item == "" for item in there),
        sources=sources,
    )
